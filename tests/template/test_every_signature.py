"""Each signature that KFP documents is a step's, and the step does what its function does."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import common
from common import dsl as artifacts
from common.step import PipelineTaskFinalStatus
from kfp_workbench.local import record
from kfp_workbench.project.signatures import Port
from kfp_workbench.report.page import unwrapped
from shared.baking import make
from shared.every_signature import NUMBERS, Call, make_project

Project = tuple[Path, list[Call]]
Told = dict[str, Any]  # what a step was given, and its outputs by their names


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return the project, and the calls in it."""
    return make_project(tmp_path_factory.mktemp("every"), registry="localhost:1/every")


@pytest.fixture(scope="module")
def function(project: Project) -> Iterator[Callable[[str], Any]]:
    """Return what gives a step's function, for a notebook or a test."""
    folder, _ = project
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setattr(common, "__path__", [*common.__path__, str(folder / "common")])
        yield lambda name: getattr(importlib.import_module(f"steps.{name}.main"), name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "steps"]:
        del sys.modules[name]
    del sys.modules["common.telling"]


@pytest.fixture
def expected(
    project: Project,
    function: Callable[[str], Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> dict[str, Told]:
    """Return what each call does when the function is called directly, by the names of tasks."""
    made = []
    for number in (0, *NUMBERS):
        outputs = {
            name: getattr(artifacts, kind)(name, str(tmp_path / f"{name}-{number}"))
            for kind in ("Dataset", "Model", "Artifact", "HTML", "Markdown", "Metrics")
            for name in [kind.lower()]
        }
        function("make")(number=number, **outputs)
        made.append(outputs)
    found = {}
    for call in project[1]:
        result = _called(call, function(call.signature.name), made, tmp_path / call.task)
        found[call.task] = {"seen": _seen(capsys.readouterr().out), **result}
    return found


def _called(call: Call, step: Any, made: list[dict[str, Any]], folder: Path) -> Told:
    """Call a function with what its task is given; returns its outputs."""
    given = {name: _given(value, made) for name, value in call.given.items()}
    for port in call.signature.inputs:
        if port.is_status:
            given[port.name] = PipelineTaskFinalStatus("COMPLETE")
    files = {
        port.name: _artifact(port, folder / port.name)
        for port in call.signature.outputs
        if not port.is_returned
    }
    result = step(**given, **files)
    returned = [port for port in call.signature.outputs if port.is_returned]
    values = result if isinstance(result, tuple) else [result] if returned else []
    found = {port.name: value for port, value in zip(returned, values, strict=True)} | files
    return {port.name: _written(port, found[port.name]) for port in call.signature.outputs}


def _given(value: Any, made: list[dict[str, Any]]) -> Any:
    if not isinstance(value, Port):
        return value
    first, *others = [each[value.type.lower()] for each in made]
    return others if value.is_list else first


def _artifact(port: Port, path: Path) -> Any:
    return getattr(artifacts, port.type if port.is_artifact else "Artifact")(port.name, str(path))


def _written(port: Port, value: Any) -> Any:
    """Return an output as KFP has it: a parameter's value, or an artifact's content and metadata."""
    if not isinstance(value, artifacts.Artifact):
        return value
    path = Path(value.path)
    text = path.read_text() if path.exists() else ""
    if port.is_artifact:
        return text, value.metadata
    return text if port.type == "STRING" else json.loads(text)


def _run(project: Path, runner: str) -> dict[str, Told]:
    """Return what each task of a run was given and did, but of those that only make or contain."""
    result = make(project, "local", f"RUNNER={runner}")
    assert result.returncode == 0, result.stderr
    folder = record.latest(project)
    tasks = [task for task in record.read(folder).tasks if task.kind == "container"]
    return {
        task.path.rpartition("/")[2]: {
            "seen": _seen((folder / task.log).read_text()),
            **task.outputs,
            **{item["key"]: _kept(item, folder) for item in task.artifacts_out},
        }
        for task in tasks
        if task.step != "make"
    }


def _kept(item: Mapping[str, Any], folder: Path) -> Any:
    text = (folder / item["file"]).read_text() if item["file"] else ""
    return text, unwrapped(item["metadata"])


def _seen(said: str) -> Any:
    (line,) = [line for line in said.splitlines() if line.startswith("seen ")]
    return json.loads(line.removeprefix("seen "))


def test_the_contract_of_all_holds(project: Project) -> None:
    result = make(project[0], "graph", "check")
    assert result.returncode == 0, result.stdout


def test_processes_do_what_the_functions_do(project: Project, expected: dict[str, Told]) -> None:
    assert _run(project[0], "process") == expected


def test_containers_do_what_the_functions_do(
    client: Any, project: Project, expected: dict[str, Told]
) -> None:
    assert _run(project[0], "docker") == expected
