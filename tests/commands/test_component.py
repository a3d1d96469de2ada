"""`make component`: a typed step's ``component.yaml``, written when it is behind."""

import subprocess
from pathlib import Path

import pytest
import yaml

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import component_files, settings, steps
from shared.baking import compiled, make
from shared.checking import edit
from shared.typed_steps import make_project

TRAIN = "steps/train/main.py"
COMPONENT = "steps/train/component.yaml"
WRITTEN = f"{COMPONENT}: written from main.py"


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("typed"))


@pytest.fixture
def project(typed: Path, tmp_path: Path) -> Path:
    """Return a copy of the project of typed steps."""
    folder = tmp_path / "project"
    subprocess.run(["cp", "-R", typed, folder], check=True)
    return folder


def tag(project: Path) -> str:
    return steps.content_tag(steps.get_step("train", project), settings.load(project, {}), project)


def test_it_writes_what_is_behind_and_says_so(project: Path) -> None:
    due = (project / COMPONENT).read_bytes()
    done = make(project, "component")
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing to write: each component.yaml is as main.py has it" in done.stderr
    for step in ("train", "load"):
        (project / "steps" / step / "component.yaml").unlink()
    done = make(project, "component", "STEP=train")
    assert (done.returncode, done.stdout) == (0, "")
    assert [line for line in done.stderr.splitlines() if "written" in line] == [WRITTEN]
    assert (project / COMPONENT).read_bytes() == due
    assert not (project / "steps" / "load" / "component.yaml").exists()


def test_compile_writes_it_before_it_reads_it(project: Path) -> None:
    edit(project, TRAIN, "rate: float = 0.1,", "rate: float = 0.1,\n    seed: int = 7,")
    done = make(project, "compile")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("written from main.py") == 1
    inputs = compiled(project)["components"]["comp-train"]["inputDefinitions"]["parameters"]
    assert inputs["seed"] == {
        "defaultValue": 7.0,
        "isOptional": True,
        "parameterType": "NUMBER_INTEGER",
    }
    assert "written" not in make(project, "compile").stderr


def test_a_signature_that_kfp_cannot_have_stops_it(project: Path) -> None:
    before = (project / COMPONENT).read_bytes()
    edit(project, TRAIN, "rate: float = 0.1", "rate: tuple = ()")
    for verb in ("component", "compile"):
        done = make(project, verb)
        assert done.returncode != 0
        assert f"error: {TRAIN}:12: rate: tuple is no type that KFP has: use list" in done.stderr
    assert (project / COMPONENT).read_bytes() == before


def test_a_step_that_the_environment_names_is_none(project: Path) -> None:
    (project / COMPONENT).unlink()
    assert WRITTEN in make(project, "component", env={"STEP": "3"}).stderr


@pytest.mark.parametrize("name", ["trian", "../train", "other"])
def test_a_name_that_is_no_typed_step_is_refused(project: Path, name: str) -> None:
    step = project / "steps" / "other"
    subprocess.run(["cp", "-R", project / "steps" / "train", step], check=True)
    (step / "main.py").write_text("print()\n")
    with pytest.raises(WorkbenchError, match="is no typed step: they are choose, load, train"):
        component_files.update(project, [name])


def test_steps_that_are_not_typed_keep_their_own(project: Path) -> None:
    edit(project, TRAIN, "@step\n", "")
    (project / COMPONENT).write_text("name: mine\n")
    assert component_files.update(project) == []
    assert (project / COMPONENT).read_text() == "name: mine\n"


def test_what_is_the_owners_stays(project: Path) -> None:
    edit(project, COMPONENT, "        args:", "        env: {LEVEL: debug}\n        args:")
    edit(project, "steps/train/Dockerfile", '["python", "main.py"]', '["python", "-u", "main.py"]')
    edit(project, TRAIN, "trees: int = 100", "trees: int = 50")
    assert component_files.update(project) == [project / COMPONENT]
    text = (project / COMPONENT).read_text()
    assert "        command: [python, -u, main.py]\n        env: {LEVEL: debug}\n" in text
    assert component_files.update(project) == []


def test_metadata_stay_in_the_plain_form(project: Path) -> None:
    path = "steps/load/component.yaml"
    edit(project, path, "inputs:", "metadata: {annotations: {author: me}}\ninputs:")
    component_files.update(project)
    component = yaml.safe_load((project / path).read_text())
    assert component["metadata"] == {"annotations": {"author": "me"}}


def test_the_registry_is_that_of_the_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY", "example.com/other")
    assert component_files.update(project) == []


def test_an_image_stays_what_it_is_when_it_is_written(project: Path) -> None:
    before = tag(project)
    (project / COMPONENT).unlink()
    component_files.update(project)
    edit(project, "pyproject.toml", 'registry = "localhost:5000/typed"', 'registry = "a.b/typed"')
    assert component_files.update(project)
    assert tag(project) == before
    edit(project, COMPONENT, "# Written", "# By hand")  # which may be for the step itself
    assert tag(project) != before


def test_build_writes_it_first(project: Path) -> None:
    edit(project, TRAIN, "trees: int = 100", "trees: int = 50")
    assert WRITTEN in make(project, "build", "DOCKER=true").stderr
