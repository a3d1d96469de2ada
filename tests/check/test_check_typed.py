"""`make check` of typed steps: what does not fit is found before anything runs."""

import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from kfp_workbench.graph.pictures import project_digest
from kfp_workbench.project import component_files
from kfp_workbench.project.sources import Sources
from shared.checking import contract, edit, report
from shared.typed_steps import make_project

LOAD, TRAIN, CHOOSE = (f"steps/{name}/main.py" for name in ("load", "train", "choose"))
COMPONENT = "steps/train/component.yaml"
PIPELINE, TEST = "pipeline.py", "tests/test_typed.py"
BODY = """\
metrics.log_metric("trees", trees)
    with open(model.path, "w") as file:
        file.write(str(rate))
    return 0.5
"""
DATA = 'train(data=loaded.outputs["data"], trees=number, rate=rate)'
CURE = "make component writes it"


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("typed"))


@pytest.fixture
def project(typed: Path, tmp_path: Path) -> Path:
    """Return a copy of the project of typed steps."""
    folder = tmp_path / "project"
    subprocess.run(["cp", "-R", typed, folder], check=True)
    return folder


class Mutation(NamedTuple):
    """An edit, and what is said of it: in the line that holds ``at``."""

    path: str
    old: str
    new: str
    words: str
    at: str
    found_in: str = ""  # default: the file that was edited


MUTATIONS: dict[str, Mutation] = {
    # A name changed in the function.
    "input-renamed": Mutation(
        TRAIN, "data: Input", "rows: Input", "train has no input 'data': it has", DATA, PIPELINE
    ),
    "input-renamed-component": Mutation(
        TRAIN, "data: Input", "rows: Input",
        "is behind main.py, which makes this line 'rows: {artifactType", "data: {", COMPONENT,
    ),
    "input-renamed-test": Mutation(
        TRAIN, "data: Input", "rows: Input", "train takes no 'data': it takes rows", "train(data=", TEST
    ),
    "output-renamed": Mutation(
        TRAIN, "model: Output", "forest: Output", "train never writes the output 'forest'", "forest: Out"
    ),
    "output-renamed-pipeline": Mutation(
        TRAIN, "model: Output", "forest: Output", "train has no output 'model'",
        'trained.outputs["model"]', PIPELINE,
    ),
    "input-new": Mutation(
        TRAIN, "data: Input[Dataset],", "data: Input[Dataset], seed: int,",
        "train is not given 'seed': hand it over, or give it a default", DATA, PIPELINE,
    ),
    "function-renamed": Mutation(
        TRAIN, "def train(", "def training(",
        "the step in steps/train/ is called training: call it train", "def training(",
    ),
    "function-not-run": Mutation(
        TRAIN, "    train.main()", "    pass", "nothing runs train when KFP starts main.py", "def train("
    ),
    "field-renamed": Mutation(
        LOAD, "    rows: int", "    count: int", "returns 'rows', which the signature does not name",
        "return Loaded(",
    ),
    # A name or a type changed in the yaml.
    "yaml-name": Mutation(
        COMPONENT, "        trees: {", "        tree: {",
        "is behind main.py, which makes this line 'trees: {parameterType", "tree: {",
    ),
    "yaml-type": Mutation(
        COMPONENT, "NUMBER_INTEGER", "STRING", f"100, isOptional: true}}': {CURE}", "STRING"
    ),
    "yaml-default": Mutation(COMPONENT, "defaultValue: 100", "defaultValue: 10", CURE, "defaultValue: 10"),
    "yaml-output-gone": Mutation(
        COMPONENT, "        metrics: {", "        #metrics: {", CURE, "#metrics"
    ),
    "yaml-command": Mutation(COMPONENT, "[python, main.py]", "[python]", CURE, "[python]"),
    "yaml-image": Mutation(COMPONENT, "typed/train", "typed/other", CURE, "typed/other"),
    "yaml-more": Mutation(COMPONENT, "root: {}\n", "root: {}\n# mine\n", f"is behind main.py: {CURE}", "# mine"),
    "yaml-secret": Mutation(
        COMPONENT, "        args:", "        env: {API_TOKEN: a}\n        args:",
        "env sets 'API_TOKEN', and anyone may read this file", "API_TOKEN",
    ),
    # A type changed in the function.
    "input-of-another-type": Mutation(
        TRAIN, "rate: float = 0.1", "rate: int = 1", "train's input 'rate' is an int, and this is a float",
        DATA, PIPELINE,
    ),
    "input-of-another-artifact": Mutation(
        TRAIN, "data: Input[Dataset]", "data: Input[Model]",
        "train's input 'data' is the artifact Model, and this is the artifact Dataset", DATA, PIPELINE,
    ),
    "result-of-another-type": Mutation(
        LOAD, "    names: List[str]", "    names: str", "the output names: ['a'] is a list, not text",
        "return Loaded(",
    ),
    "list-no-more": Mutation(
        CHOOSE, "Input[List[Model]]", "Input[Model]",
        "choose's input 'models' is the artifact Model, and this is a list of Model",
        "models=dsl.Collected", PIPELINE,
    ),
    "unknown-type": Mutation(
        TRAIN, "data: Input[Dataset]", "data: Dataframe", "data: Dataframe is no type that KFP has", "data: "
    ),
    "no-type": Mutation(TRAIN, "trees: int = 100", "trees=100", "trees has no type", "trees=100"),
    "default-of-another-type": Mutation(
        TRAIN, "trees: int = 100", "trees: int = 0.5", "the default of trees: 0.5 is a number", "trees: int"
    ),
    # An output not written, another result.
    "output-not-written": Mutation(
        TRAIN, 'open(model.path, "w")', 'open("m", "w")',
        "train never writes the output 'model': write to model.path", "model: Output",
    ),
    "metrics-not-written": Mutation(
        TRAIN, '    metrics.log_metric("trees", trees)\n', "",
        "train never writes the output 'metrics': call metrics.log_...", "metrics: Output",
    ),
    "path-not-written": Mutation(
        LOAD, 'open(log, "w")', 'open("x", "w")', "load never writes the output 'log': write to log",
        "log: OutputPath",
    ),
    "result-missing": Mutation(
        TRAIN, "    return 0.5\n", "", "train returns nothing, and 'Output' is due", "def train("
    ),
    "result-is-none": Mutation(TRAIN, "return 0.5", "return", "returns None, and 'Output' is due", "return"),
    "result-of-another-kind": Mutation(
        TRAIN, "return 0.5", "return 'good'", "the output Output: 'good' is text, not a number", "return 'good'"
    ),
    "result-not-named": Mutation(
        TRAIN, ") -> float:", "):", "train returns a value, and its signature names none", "return 0.5"
    ),
    "field-missing": Mutation(
        LOAD, 'Loaded(rows=1, names=["a"])', "Loaded(rows=1)", "returns no 'names', which the signature",
        "return Loaded(",
    ),
    "fields-of-another-tuple": Mutation(
        CHOOSE, '["score", "number"]', '["score", "count"]',
        "returns a tuple of 'score', 'count', and 'score', 'number' are due", "return Chosen(",
    ),
    "too-many-values": Mutation(
        CHOOSE, "return Chosen(max(scores), number)", "return max(scores), number, 3",
        "returns 3 values, and 'score', 'number' are due", "return max(",
    ),
    "yields": Mutation(
        TRAIN, "return 0.5", "yield 0.5", "train yields, and 'Output' is due: collect a list", "def train"
    ),
    "relative-import": Mutation(
        TRAIN, "from common", "from .rows import rows\nfrom common",
        "imports .rows, and a script that is run is in no package: leave out the dots", "from .rows",
    ),
    "types-of-kfp": Mutation(
        TRAIN, "from common.step import Dataset, Input,", "from kfp.dsl import Dataset, Input\nfrom common.step import",
        "a step imports kfp: write from common.step import Dataset, Input", "from kfp",
    ),
    # What KFP cannot have.
    "two-steps": Mutation(
        TRAIN, "\n\nif __name__", "\n\n@step\ndef other(): ...\n\n\nif __name__",
        "other is a second @step, beside train", "def other",
    ),
    "star": Mutation(
        TRAIN, "rate: float = 0.1,", "rate: float = 0.1, **more: int", "the step takes **more", "**more"
    ),
    "output-with-default": Mutation(
        TRAIN, "    trees: int = 100", "    page: Output[Model] = None,\n    trees: int = 100",
        "the output page has a default", "page: Output",
    ),
    # The pipeline passes something else.
    "unknown-argument": Mutation(
        PIPELINE, "trees=number", "tree=number", "train has no input 'tree': did you mean trees?", "tree=number"
    ),
    "argument-missing": Mutation(
        PIPELINE, 'data=loaded.outputs["data"], trees=number', "trees=number",
        "train is not given 'data'", "train(trees=number",
    ),
    "argument-of-another-type": Mutation(
        PIPELINE, "limit=3", "limit='3'", "load's input 'limit' is an int, and this is text", "limit='3'"
    ),
    "int-for-a-float": Mutation(
        PIPELINE, "rate=rate", "rate=1", "which KFP does not take for one: write 1.0 for 1", "rate=1"
    ),
    "none": Mutation(PIPELINE, "limit=3", "limit=None", "None is no value to KFP: leave it out", "limit=None"),
    "parameter-of-another-type": Mutation(
        PIPELINE, "url: str", "url: int", "load's input 'url' is text, and this is an int", "load(url=url"
    ),
    "without-a-name": Mutation(
        PIPELINE, "load(url=url, limit=3)", "load(url)", "load is given 'url' without a name: write url=", "load(url)"
    ),
    "not-collected": Mutation(
        PIPELINE, 'dsl.Collected(trained.outputs["model"])', 'trained.outputs["model"]',
        "collect them from a loop: dsl.Collected(...)", "models=",
    ),
    "artifact-for-a-parameter": Mutation(
        PIPELINE, "settings=settings", 'settings=loaded.outputs["data"]',
        "choose's input 'settings' is a dict, and this is the artifact Dataset", "settings=loaded",
    ),
    "output-of-another-name": Mutation(
        PIPELINE, 'chosen.outputs["number"]', 'chosen.outputs["nummer"]',
        "choose has no output 'nummer': did you mean number?", '"nummer"',
    ),
    "output-by-case": Mutation(
        PIPELINE, 'trained.outputs["Output"]', 'trained.outputs["output"]',
        "train has no output 'output': did you mean Output?", '["output"]',
    ),
    "output-of-several": Mutation(
        PIPELINE, 'chosen.outputs["number"]', "chosen.output", "choose has not one output but 'best'", ".output"
    ),
    # A test calls a step with names that do not fit.
    "test-unknown-name": Mutation(TEST, "trees=1", "tree=1", "train takes no 'tree': it takes data", "train(data="),
    "test-name-missing": Mutation(
        TEST, 'data="x.csv", ', "", "train is not given 'data'", "train(model="
    ),
    "test-too-many": Mutation(
        TEST, 'train(data="x.csv", model=tmp_path / "m", metrics=tmp_path / "n", trees=1)',
        "train(1, 2, 3, 4, 5, 6)", "train is given 6 values", "train(1,",
    ),
    "entrypoint": Mutation(
        "steps/train/Dockerfile", '"main.py"]', '"mian.py"]',
        "ENTRYPOINT runs 'mian.py', which is not in steps/train/", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=list(MUTATIONS))
def test_mutation_is_found_where_it_is(project: Path, mutation: Mutation) -> None:
    assert report(contract(project)) == ""
    edit(project, mutation.path, mutation.old, mutation.new)
    findings = contract(project)
    path = mutation.found_in or mutation.path
    lines = (project / path).read_text(encoding="utf-8").splitlines()
    matching = [
        finding
        for finding in findings
        if finding.path == path
        and mutation.words in finding.text
        and mutation.at in lines[finding.line - 1]
    ]
    assert len(matching) == 1, report(findings)
    assert any(step in matching[0].text for step in ("load", "train", "choose"))


@pytest.mark.parametrize(
    "mutation",
    [mutation for mutation in MUTATIONS.values() if mutation.path == PIPELINE],
    ids=[name for name, mutation in MUTATIONS.items() if mutation.path == PIPELINE],
)
def test_kfp_refuses_what_is_found_in_a_pipeline(project: Path, mutation: Mutation) -> None:
    """Nothing is found that kfp's compiler would take."""
    load_pipeline(project)
    edit(project, mutation.path, mutation.old, mutation.new)
    with pytest.raises(Exception, match=r"type|argument|output|nummer|parameter|Constant"):
        load_pipeline(project)


def load_pipeline(project: Path) -> None:
    path = project / PIPELINE
    text = compile(path.read_text(encoding="utf-8"), str(path), "exec", dont_inherit=True)
    exec(text, {"__file__": str(path), "__name__": "pipeline"})


CLEAN = {
    "keywords-in-a-dict": (PIPELINE, "load(url=url, limit=3)", 'load(**{"url": url})'),
    "a-task-of-a-task": (
        PIPELINE, "    return chosen",
        '    more = train(data=load(url=f"{url}/b").outputs["data"]).set_caching_options(False)\n'
        '    train(data=loaded.outputs["data"], rate=more.outputs["Output"])\n    return chosen',
    ),
    "name-of-two-steps": (
        PIPELINE, "    return chosen",
        '    task = load(url="b")\n    task = train(data=task.outputs["data"])\n'
        '    task.outputs["model"]\n    return chosen',
    ),
    "helper-with-a-task": (
        PIPELINE, "@dsl.pipeline",
        'def again(data, trees: str):\n    return train(data=data, trees=trees).outputs["model"]\n\n\n@dsl.pipeline',
    ),
    "optional-given": (PIPELINE, "limit=3", "limit=-3"),
    "artifact-of-any-kind": (TRAIN, "data: Input[Dataset]", "data: Input[Artifact]"),
    "returned-from-elsewhere": (LOAD, 'Loaded(rows=1, names=["a"])', "make(url)"),
    "tuple-of-values": (LOAD, 'Loaded(rows=1, names=["a"])', '(1, ["a"])'),
    "fields-by-place": (LOAD, 'Loaded(rows=1, names=["a"])', 'Loaded(1, ["a"])'),
    "field-with-a-default": (LOAD, "    names: List[str]\n", "    names: List[str]\n    seconds: float = 0\n"),
    "fields-in-a-dict": (LOAD, 'Loaded(rows=1, names=["a"])', "Loaded(**made)"),
    "whole-number-for-a-float": (TRAIN, "return 0.5", "return 1"),
    "name-set-more-than-once": (
        TRAIN, "return 0.5", "best = None\n    for best in (1, 2):\n        pass\n    return best"
    ),
    "inner-function": (TRAIN, "    return 0.5", "    def f():\n        return None\n\n    return 0.5"),
    "still-to-be-written": (
        TRAIN, BODY, "raise NotImplementedError\n"
    ),
    "exit-by-hand": (TRAIN, "    train.main()", "    raise SystemExit(train.main())"),
    "environment": (
        "steps/load/component.yaml", "    args:", "    env: {MODE: fast}\n    args:"
    ),
    "test-by-place": (TEST, 'data="x.csv", ', '"x.csv", '),
}  # fmt: skip


@pytest.mark.parametrize("change", CLEAN.values(), ids=list(CLEAN))
def test_what_is_right_is_not_found(project: Path, change: tuple[str, str, str]) -> None:
    path, _, new = change
    if "Input[Artifact]" in new:
        edit(project, path, "import Dataset", "import Artifact, Dataset")
    edit(project, *change)
    if not path.endswith(".yaml"):
        component_files.update(project)
    assert report(contract(project)) == ""
    if path == PIPELINE:
        load_pipeline(project)


def test_an_entrypoint_that_changed_is_one_line(project: Path) -> None:
    edit(project, "steps/train/Dockerfile", '["python", "main.py"]', '["python", "-u", "main.py"]')
    (finding,) = contract(project)
    assert "makes this line 'command: [python, -u, main.py]'" in finding.what


def test_the_picture_stays_new_when_only_words_change(project: Path) -> None:
    def digest() -> str:
        component_files.update(project)
        return project_digest(Sources(project))

    before = digest()
    for path in (LOAD, TRAIN):
        edit(project, path, ":\n    \"\"\"", ":\n    \"\"\"In other words.\n\n    Args:\n"
             "        url: An address.\n        data: Rows.\n    \"\"\"\n    \"\"\"")  # fmt: skip
        assert digest() == before
    edit(project, "pyproject.toml", 'registry = "localhost:5000/typed"', 'registry = "a.b/typed"')
    assert digest() == before
    edit(project, LOAD, "url: str", "url: list")
    assert digest() != before


@pytest.mark.parametrize("path", [TRAIN, LOAD])
def test_a_text_that_a_server_refuses_is_found(project: Path, path: str) -> None:
    old = "rate: float = 0.1" if path == TRAIN else "limit: Optional[int] = None"
    edit(project, path, old, f"{old}, mark: str = '\U0001f600'")
    component_files.update(project)
    (finding,) = contract(project)
    assert finding.path == path.replace("main.py", "component.yaml")
    assert "default: has '\U0001f600' (U+1F600), which a server refuses" in finding.text


def test_missing_component_is_one_line(project: Path) -> None:
    (project / COMPONENT).unlink()
    (finding,) = contract(project)
    assert finding.text == f"{COMPONENT}:1: is missing, or cannot be read: {CURE}"


def test_check_writes_nothing(project: Path) -> None:
    edit(project, COMPONENT, "defaultValue: 100", "defaultValue: 10")
    before = (project / COMPONENT).read_bytes()
    assert contract(project)
    assert (project / COMPONENT).read_bytes() == before
