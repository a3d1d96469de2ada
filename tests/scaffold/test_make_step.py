"""`make step`: a step of one's own inputs and outputs, which runs, and is part of the pipeline."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kfp_workbench.project import component_forms
from kfp_workbench.project.signatures import read
from shared.baking import bake, compiled, environment, files_of, make

NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent"}
EVERYTHING = {
    "IN": 'b:str c:int d:float e:bool f:list g:dict h:str="x y" i:int=-2 j:float=1 k:bool=true '
    'l:list=[1,"z"] m:dict={"n": [2]} n:int=None o:Artifact p:Dataset q:Metrics r:HTML X:Model',
    "OUT": "aa:Artifact bb:Dataset cc:Model dd:Metrics ee:ClassificationMetrics "
    "ff:SlicedClassificationMetrics gg:HTML hh:Markdown s:str t:int u:float v:bool w:list y:dict",
}
HOSTILE = (
    "$(shell touch pwned) `touch pwned` $(touch pwned) ; touch pwned #: - {{ step }} {% x %} "
    '\'""" \\ %s {} &a *b !!c'
)


@pytest.fixture(scope="module")
def average(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a default project, for copies."""
    return bake(tmp_path_factory.mktemp("average"))


@pytest.fixture
def project(average: Path, tmp_path: Path) -> Path:
    """Return a default project of the test's own."""
    return Path(shutil.copytree(average, tmp_path / average.name))


def add(project: Path, name: str, **ports: str) -> "subprocess.CompletedProcess[str]":
    return make(project, "step", f"NAME={name}", *(f"{key}={text}" for key, text in ports.items()))


def source(project: Path, step: str) -> str:
    return (project / "steps" / step / "main.py").read_text(encoding="utf-8")


def test_a_step_of_ones_own_works_at_once(project: Path) -> None:
    """The example of the manual, in a project that has no data yet."""
    inputs, outputs = "data:Dataset trees:int=100", "model:Model accuracy:float"
    result = add(project, "train", IN=inputs, OUT=outputs)
    assert result.returncode == 0, result.stderr
    said = [line for line in result.stderr.splitlines() if not line.startswith("compiled ")]
    assert said[:5] == [
        "steps/train: made from templates/step/: your code goes into its main.py",
        "tests/test_train.py: made from templates/tests/",
        "pipeline.py: added at its end: train(data=data_imported.output, trees=trees)",
        "data/data.csv: made, and empty: put your data there",
        'params/dev.yaml: added data: "data/data.csv"',
    ]
    signature = (
        "def train(data: Input[Dataset], model: Output[Model], trees: int = 100) -> Outputs:"
    )
    assert signature in source(project, "train")
    for target in ("check", "local", "test"):
        done = make(project, target, env=NO_ENGINE)
        assert done.returncode == 0, done.stdout + done.stderr
    assert '"data"' in (project / "docs" / "pipeline.mmd").read_text(), "it is drawn, too"
    result = add(project, "explain", IN="model:Model data:Dataset accuracy:float", OUT="Output:str")
    wired = ('model=train_task.outputs["model"]', 'accuracy=train_task.outputs["accuracy"]')
    assert all(text in result.stderr for text in wired) and "-> str:" in source(project, "explain")
    assert "; its result is explain_task.output\n" in result.stderr
    assert make(project, "check", "local", "RUNNER=process").returncode == 0


def test_a_setting_is_no_result(project: Path) -> None:
    result = add(project, "scale", IN="context:dict factor:float=2.0", OUT="Output:float")
    assert result.returncode == 0, result.stderr
    assert "return 0.0" in source(project, "scale")
    done = make(project, "check", "test", env=NO_ENGINE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_type_runs_and_is_formatted(project: Path) -> None:
    from kfp.components import load_component_from_file

    result = add(project, "everything", **EVERYTHING)
    assert result.returncode == 0, result.stderr
    for target in ("check", "lint"):
        done = make(project, target)
        assert done.returncode == 0, done.stdout + done.stderr
    done = make(project, "local", "RUNNER=process")
    assert done.returncode == 0, done.stderr
    path = project / "steps" / "everything" / "component.yaml"
    spec = load_component_from_file(str(path)).component_spec
    assert {*spec.inputs} == {*"bcdefghijklmnopqrX"}
    assert {*spec.outputs} == {part.partition(":")[0] for part in EVERYTHING["OUT"].split()}
    assert spec.inputs["m"].default == {"n": [2]} and spec.inputs["h"].default == "x y"
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/test_everything.py"],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert tested.returncode == 0, tested.stdout


def test_hostile_texts_are_data(project: Path) -> None:
    result = add(project, "quote", IN=f"text:str={json.dumps(HOSTILE)}", OUT="Output:str")
    assert result.returncode == 0, result.stderr
    signature = read(project / "steps" / "quote" / "main.py")
    assert signature and signature.inputs[0].default == HOSTILE
    written = yaml.safe_load((project / "steps" / "quote" / "component.yaml").read_text())
    component = component_forms.as_plain(written)
    assert component["inputs"][0]["default"] == HOSTILE
    parameters = compiled(project)["root"]["inputDefinitions"]["parameters"]
    assert parameters["text"]["defaultValue"] == HOSTILE
    assert not list(project.rglob("pwned"))
    assert make(project, "lint").returncode == 0


@pytest.mark.parametrize(
    ("ports", "line"),
    [
        ({"IN": "data:Data"}, "IN: data: 'Data' is no type: choose one of str, int, "),
        ({"OUT": "a:int=1"}, "OUT: a: an output has no default: leave ='1' out"),
        ({"IN": "$(shell touch pwned):int"}, "see above: nothing was started"),
        ({"IN": "`touch${IFS}pwned`:int"}, "IN: '`touch${IFS}pwned`' is not a valid name"),
        ({"IN": "a:int;touch"}, "IN: a: 'int;touch' is no type"),
        ({"IN": "a:int\nimport os"}, "see above: nothing was started"),
        ({"IN": "--help"}, "IN: '--help' is not a valid name"),
        ({"OUT": "class:int"}, "OUT: 'class' is a Python keyword"),
    ],
)
def test_what_cannot_be_leaves_nothing(average: Path, ports: dict[str, str], line: str) -> None:
    before = {name: text for name, text in files_of(average).items() if "build/" not in name}
    result = add(average, "new", **ports)
    assert result.returncode == 2 and "Error 2" in result.stderr
    (error,) = [text for text in result.stderr.splitlines() if text.startswith("error: ")]
    assert line in error
    after = {name: text for name, text in files_of(average).items() if "build/" not in name}
    assert after == before


def test_of_what_is_exported_make_takes_nothing(project: Path) -> None:
    """Some builds export OUT."""
    result = make(project, "step", "NAME=new", env={"IN": "a b c", "OUT": "/out"})
    assert result.returncode == 0, result.stderr
    assert "def new(context: dict) -> dict:" in source(project, "new")


def test_a_pipeline_of_ones_own_keeps_what_it_has(project: Path) -> None:
    module = project / "pipeline.py"
    module.write_text(module.read_text() + "\n# mine\n")
    assert add(project, "scale").returncode == 0
    assert module.read_text().endswith("    return scale_task.output\n\n# mine\n")


def test_a_pipeline_that_would_not_compile_is_left_as_it_was(project: Path) -> None:
    """The step is there, with the lines to add."""
    module = project / "pipeline.py"
    module.write_text(module.read_text().replace("STEPS = ", "dsl.nothing\nSTEPS = "))
    before = files_of(project)
    result = add(project, "train", IN="data:Dataset rows:int", OUT="model:Model")
    assert result.returncode == 0
    *_, message, load, call = result.stderr.splitlines()
    assert message.startswith("pipeline.py: not changed (it would not compile: ")
    assert (
        load.strip() == 'train = load_component_from_file(str(STEPS / "train" / "component.yaml"))'
    )
    assert call.strip() == "train_task = train(data=..., rows=...)"
    added = {*files_of(project)} - {*before}
    assert not [name for name in added if name.startswith(("data/", "params/"))]
    assert files_of(project)["params/dev.yaml"] == before["params/dev.yaml"]
    assert "steps/train/main.py" in added and module.read_bytes() == before["pipeline.py"]


def test_what_cannot_be_written_leaves_the_pipeline_as_it_was(project: Path) -> None:
    (project / "data").touch()
    before = files_of(project)
    result = add(project, "train", IN="data:Dataset", OUT="model:Model")
    assert result.returncode == 0, result.stderr
    assert f"pipeline.py: not changed ({project}/data: File exists); add these" in result.stderr
    after = files_of(project)
    assert {name: after[name] for name in before} == before


def test_a_step_whose_test_cannot_be_written_is_not_made(project: Path) -> None:
    shutil.rmtree(project / "tests")
    (project / "tests").touch()
    result = add(project, "train")
    assert result.returncode == 2 and "/tests: File exists" in result.stderr
    assert not (project / "steps" / "train").exists()


@pytest.mark.parametrize(
    "name", ["pipeline.py", "templates/step/main.py", "templates/step/Dockerfile"]
)
def test_a_file_in_another_encoding_is_one_line(project: Path, name: str) -> None:
    text = (project / name).read_bytes()
    (project / name).write_bytes(text + b"# f\xfcr\n")
    result = add(project, "train")
    line = text.count(b"\n") + 1
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert f"{name}:{line}: is no UTF-8: save it as that" in result.stderr
    assert not (project / "steps" / "train").exists()


def test_parameters_that_fit_nowhere_are_said(project: Path) -> None:
    (project / "params" / "dev.yaml").write_text("{context: {numbers: [1, 2]}}\n")
    (project / "params" / "prod.yaml").write_text("context: {numbers: [1, 2]} # no end of line")
    result = add(project, "count", IN="on:int", OUT="Output:int")
    assert 'params/dev.yaml: not changed; add these lines: "on": 0' in result.stderr
    assert yaml.safe_load((project / "params" / "prod.yaml").read_text())["on"] == 0


def test_a_team_sets_its_own_standard(project: Path) -> None:
    template = project / "templates" / "step" / "main.py"
    text = template.read_text()
    template.write_text(text.replace('"""{{ title }}."""', '"""{{ title }}, by our team."""'))
    assert add(project, "one", IN="a:int").returncode == 0
    assert source(project, "one").startswith('"""One, by our team."""')
    template.write_text(text.replace("{{ signature }}", "def {{ step }}(context: dict) -> dict:"))
    assert add(project, "two").returncode == 0
    result = add(project, "three", IN="a:int")
    assert result.returncode == 2 and not (project / "steps" / "three").exists()
    said = "error: templates/step/main.py: has no place for what a step takes: use {{ signature }} "
    assert said in result.stderr
    (project / "templates" / "tests" / "test_step.py").write_text("{{ nothing }}")
    result = add(project, "four")
    assert "error: templates/tests/test_step.py: 'nothing' is undefined" in result.stderr
    assert not (project / "steps" / "four").exists()


def test_what_editors_and_systems_leave_is_no_template(project: Path) -> None:
    for name in (".DS_Store", "main.py~", "__pycache__/main.cpython-312.pyc"):
        path = project / "templates" / "step" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\x00\xff")
    assert add(project, "scale").returncode == 0
    made = {path.name for path in (project / "steps" / "scale").iterdir()}
    assert made == {"Dockerfile", "component.yaml", "main.py", "requirements.txt"}


def test_a_test_that_is_there_stays(project: Path) -> None:
    before = (project / "tests" / "test_average.py").read_bytes()
    result = add(project, "average")
    assert result.returncode == 0 and "tests/" not in result.stderr
    assert (project / "tests" / "test_average.py").read_bytes() == before
