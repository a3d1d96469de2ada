"""The starter `training`: its files, its rules, and that it works as processes and in containers."""

import html.parser
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.exceptions import FailedHookException

from shared import golden, training_inputs
from shared.baking import TEMPLATE, bake, compiled, environment, files_of, make
from shared.project_files import FILES, STEP_FILES

STEPS = ["load", "split", "train", "evaluate", "report", "publish"]
WITH_REQUIREMENTS = ["load", "train", "evaluate"]
RECORDED = ["load", "split"]  # steps that take and make what they did when that was recorded
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


def local(project: Path, runner: str, *words: str) -> dict[str, Any]:
    result = make(project, "local", f"RUNNER={runner}", *words)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def published(outputs: dict[str, Any]) -> list[Path]:
    """Return the models that a run published."""
    report = Path(outputs["report"])
    run = next(folder for folder in report.parents if (folder / "run.json").exists())
    return list(run.glob("tasks/*-publish/artifacts/publish/*/published"))


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


def test_a_new_step_reads_and_makes_what_most_of_its_steps_do(tmp_path: Path) -> None:
    project = bake(tmp_path, starter="training", project_slug="x")
    result = make(project, "step", "NAME=Clean up")
    assert result.returncode == 0, result.stderr
    assert set(files_of(project / "steps" / "clean_up")) == STEP_FILES
    assert 'clean_up(train=parts.outputs["train"])' in (project / "pipeline.py").read_text()
    text = (project / "steps" / "clean_up" / "main.py").read_text()
    assert "def clean_up(train: Input[Dataset], result: Output[Dataset]) -> None:" in text
    assert make(project, "check").returncode == 0


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


def test_the_report_is_a_complete_page(outputs: dict[str, Any]) -> None:
    """Every element is closed, nothing is left to fill in, nothing comes from elsewhere."""
    page = Path(outputs["report"]).read_text(encoding="utf-8")
    _Balance().feed(page)
    assert page.startswith("<!doctype html>") and page.endswith("</html>\n")
    assert f"{outputs['accuracy']:.1%} of the test rows" in page
    assert page.count("<svg") == 2 and page.count("<td") == 4
    assert "$" not in page and "://" not in page and "<script" not in page


def test_a_threshold_keeps_a_model_back(project: Path, outputs: dict[str, Any]) -> None:
    """No model has an accuracy above 1; all else stays the same to the last digit."""
    (model,) = published(outputs)
    assert model.stat().st_size > 1000
    again = local(project, "process", "ARGS=-p threshold=1.1")
    assert {**again, "report": ""} == {**outputs, "report": ""}
    assert Path(again["report"]).read_bytes() == Path(outputs["report"]).read_bytes()
    assert published(again) == []


@pytest.mark.parametrize(
    ("parameter", "step", "words"),
    [
        ("test_share=2", "split", "test_share: 2.0 leaves a part empty: give 0.25 or so"),
        ("depths=[0]", "train", "The 'max_depth' parameter of cross_val_score must be an int in "),
        ("depths=[]", "evaluate", ""),  # as on a cluster, where the step does not begin
    ],
)
def test_a_bad_parameter_is_told_by_the_step_that_it_is_for(
    project: Path, outputs: dict[str, Any], parameter: str, step: str, words: str
) -> None:
    """In one line, with exit status 2, in each attempt."""
    result = make(project, "local", "RUNNER=process", f"ARGS=-p {parameter}")
    assert result.returncode != 0
    lines = re.findall(rf"^ *{step}\b.* \| ({step}: .*)", result.stderr, re.M)
    assert all(line.startswith(f"{step}: {words}") for line in lines), lines
    if words:
        assert lines and f"step {step} failed with exit status 2" in result.stderr
    else:
        assert "evaluate: train has not been run" in result.stderr


@pytest.fixture(
    scope="module",
    params=[
        "facts",
        pytest.param(
            "records",
            marks=pytest.mark.skipif(not golden.TRAINING.exists(), reason=golden.MISSING),
        ),
    ],
)
def on_a_cluster(request: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what each step is given by a real KFP, in the order in which they run.

    All files are below a folder of the tests' own.
    """
    if request.param == "facts":
        steps = training_inputs.STEPS
    else:
        recorded = json.loads(golden.TRAINING.read_text(encoding="utf-8"))
        steps = {s: [item["executor_input"] for item in recorded[s]] for s in RECORDED}
    text, folder = json.dumps(steps), tmp_path_factory.mktemp("cluster")
    for place in ("minio://", "/minio/", "/tmp/kfp/"):
        text = text.replace(place, f"{folder}/")
    found: dict[str, Any] = json.loads(text)
    return found


def test_the_steps_work_with_what_a_cluster_gives_them(
    project: Path, outputs: dict[str, Any], on_a_cluster: dict[str, Any]
) -> None:
    """Each hands on what its component declares, with metadata as it would publish them itself."""
    metadata: dict[str, Any] = {}
    for step, given in on_a_cluster.items():
        for executor_input in given:
            found = execute(project, step, executor_input)
            declared = executor_input["outputs"]
            assert {*found["artifacts"]} == {*declared["artifacts"]} - {"executor-logs"}
            assert {*found["parameterValues"]} == {*declared.get("parameters", {})}
            for name, item in found["artifacts"].items():
                metadata[name] = item["artifacts"][0]["metadata"]
                address = Path(item["artifacts"][0]["uri"])
                assert address.exists() == (name not in ("metrics", "evaluation"))
    given = on_a_cluster["split"][0]["inputs"]["artifacts"]["data"]["artifacts"][0]["metadata"]
    assert metadata["train"]["schema"] == metadata["test"]["schema"] == given["schema"]["struct"]
    if "publish" not in on_a_cluster:
        return
    assert metadata["model"]["candidate"] == training_inputs.CANDIDATES[1], "the better one"
    assert metadata["published"].pop("version")
    assert metadata["published"] == {**metadata["model"], "accuracy": 0.9507042253521126}
    (item,) = on_a_cluster["report"][0]["outputs"]["artifacts"]["report"]["artifacts"]
    assert "95.1% of the test rows" in Path(item["uri"]).read_text()


def execute(project: Path, step: str, executor_input: Any) -> Any:
    """Run a step's script in its own environment, and return its executor output."""
    from kfp_workbench.local import venvs
    from kfp_workbench.project import steps

    found = next(item for item in steps.find_steps(project) if item.name == step)
    path = f"{venvs.python_folder(found, project)}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["python", "main.py", "--executor-input", json.dumps(executor_input)],
        cwd=found.folder,
        env=environment({"PATH": path, "PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"}),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(Path(executor_input["outputs"]["outputFile"]).read_text())


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


class _Balance(html.parser.HTMLParser):
    """Fails when an element is not closed, or another one is; meta never is."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"
        assert bool(self.open) == (tag != "html")
