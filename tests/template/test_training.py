"""The starter `training`: its files, its rules, and that it works as processes and in containers."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.exceptions import FailedHookException

from shared.baking import TEMPLATE, bake, compiled, files_of, make
from shared.project_files import FILES, STEP_FILES

STEPS = ["load", "split", "train", "evaluate", "report", "publish"]
WITH_REQUIREMENTS = ["load", "train", "evaluate"]
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project; the environments of its steps take a while, so all tests use this one."""
    folder = tmp_path_factory.mktemp("training")
    return bake(folder, starter="training", project_slug="tumours")


@pytest.fixture(scope="module")
def outputs(project: Path) -> dict[str, Any]:
    """Return what a run as processes results in."""
    return local(project, "process")


def local(project: Path, runner: str) -> dict[str, Any]:
    result = make(project, "local", f"RUNNER={runner}")
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_files_of_a_project(tmp_path: Path) -> None:
    others = {name for name in FILES if not name.startswith("steps/")} - {"tests/test_average.py"}
    assert set(files_of(bake(tmp_path, starter="training", project_slug="x"))) == {
        *others,
        *("common/table.py", "kubernetes.yaml", "tests/test_training.py"),
        *(f"steps/{step}/{name}" for step in STEPS for name in STEP_FILES),
        *(f"steps/{step}/requirements.in" for step in WITH_REQUIREMENTS),
    }


@pytest.mark.parametrize(
    "steps", ["load, split, train", ", ".join([*STEPS, "more"]), "split, load", "a"]
)
def test_other_steps_are_refused_with_the_reason(tmp_path: Path, steps: str) -> None:
    from kfp_workbench.scaffold.refusals import problems

    (line,) = problems({"starter": "training", "steps": steps})
    assert line.startswith(f"steps: '{steps}' is not what the pipeline of this starter runs: ")
    assert line.endswith(f"leave it at {', '.join(STEPS)}, or choose another starter")
    with pytest.raises(FailedHookException):
        bake(tmp_path, starter="training", steps=steps)
    assert list(tmp_path.iterdir()) == []


def test_its_steps_may_be_typed_in_any_spelling() -> None:
    from kfp_workbench.scaffold.refusals import problems

    assert problems({"starter": "training", "steps": ",".join(STEPS).title()}) == []
    assert problems({"starter": "blank", "steps": "load, split"}) == []


def test_a_new_step_comes_with_the_lines_to_add(tmp_path: Path) -> None:
    project = bake(tmp_path, starter="training", project_slug="x")
    before = (project / "pipeline.py").read_bytes()
    result = make(project, "step", "NAME=Clean up")
    assert result.returncode == 0, result.stderr
    assert set(files_of(project / "steps" / "clean_up")) == STEP_FILES
    assert (project / "pipeline.py").read_bytes() == before
    message, load, call = result.stderr.splitlines()[-3:]
    assert message == "pipeline.py: not the chain that it can be added to; add these lines:"
    assert load.strip().startswith("clean_up = load_component_from_file(")
    assert call.strip() == "clean_up_task = clean_up(context=...)"


def test_steps_with_the_same_requirements_have_the_same_lock_file() -> None:
    """So that they share what can be shared."""
    folder = TEMPLATE / "starters" / "training" / "steps"
    locks = {(folder / step / "requirements.txt").read_text() for step in WITH_REQUIREMENTS}
    (lock,) = locks
    assert "--hash=sha256:" in lock and "://" not in lock


def test_the_contract_holds_and_all_steps_are_compiled(project: Path) -> None:
    result = make(project, "check", "compile")
    assert result.returncode == 0, result.stdout
    executors = compiled(project)["deploymentSpec"]["executors"]
    assert sorted(executors) == sorted(f"exec-{step}" for step in STEPS)


def test_a_process_run_finds_the_best(outputs: dict[str, Any]) -> None:
    assert outputs["accuracy"] == 135 / 142
    assert outputs["best"]["settings"] == {
        "max_depth": 8, "n_estimators": 50, "random_state": 1
    }  # fmt: skip
    assert 0.95 < outputs["best"]["score"] < 0.97
    assert Path(outputs["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_project_passes_its_own_linters_and_tests(project: Path) -> None:
    result = make(project, "lint", "test", env=NO_ENGINE)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 skipped" in result.stdout and "no container engine answers" in result.stdout


def test_containers_give_the_same_to_the_last_digit(
    tmp_path: Path, outputs: dict[str, Any], client: Any, registry: str
) -> None:
    """Built, pushed, pinned by digest, loaded by KFP itself, run."""
    from kfp.components import load_component_from_file

    base = prepared_base(client, tmp_path / "base")
    project = bake(
        tmp_path,
        starter="training",
        project_slug="tumours",
        base_image=base,
        registry=f"{registry}/team/tumours",
    )
    result = make(project, "build", "push")
    assert result.returncode == 0, result.stderr
    found = local(project, "docker")
    assert {**found, "report": ""} == {**outputs, "report": ""}
    assert Path(found["report"]).read_bytes() == Path(outputs["report"]).read_bytes()
    loaded = load_component_from_file(str(project / "build" / "pipeline.yaml"))
    executors = loaded.pipeline_spec.deployment_spec["executors"]
    images = [executors[name]["container"]["image"] for name in executors]
    assert len(images) == len(STEPS)
    assert all("/team/tumours/" in image and "@sha256:" in image for image in images)


def prepared_base(client: Any, folder: Path) -> str:
    """Return a base image that has the requirements: they are installed once, not three times.

    The classic builder does not share the layer of equal files from different folders.
    """
    folder.mkdir()
    steps = TEMPLATE / "starters" / "training" / "steps"
    shutil.copy(steps / "train" / "requirements.txt", folder)
    (folder / "Dockerfile").write_text(
        "FROM python:3.12-slim\nCOPY requirements.txt .\n"
        "RUN python -m pip install --no-cache-dir --require-hashes --requirement requirements.txt\n"
    )
    tag = "test-training:1"
    client.images.build(path=str(folder), tag=tag, platform="linux/amd64")
    return tag
