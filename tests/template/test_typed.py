"""A project of typed steps: every kind of output, handed on by every runner."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.local import record
from kfp_workbench.report.page import unwrapped
from shared.baking import PROJECT, environment, make
from shared.step_runs import executor_input
from shared.typed import ARTIFACTS, VALUES, make_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of two typed steps."""
    return make_project(tmp_path_factory.mktemp("typed"))


def test_the_contract_of_typed_steps_holds(project: Path) -> None:
    result = make(project, "graph", "check")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("runner", ["process", "docker"])
def test_everything_is_handed_on(project: Path, runner: str, request: Any) -> None:
    if runner == "docker":
        request.getfixturevalue("client")
    result = make(project, "local", f"RUNNER={runner}")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)["Output"]
    assert {name: found[name] for name in VALUES} == VALUES
    assert found["dataset"] == {
        "metadata": {"rows": 2, "schema": {"a": "int"}}, "content": [b"a\n1\n2\n".hex()]
    }  # fmt: skip
    assert found["model"] == {"metadata": {"framework": "none"}, "content": ["00ff"]}
    assert found["artifact"] == {"metadata": {}, "content": ["é".encode().hex()]}
    assert found["metrics"] == {"metadata": {"accuracy": 0.97, "count": 3}, "content": []}
    assert found["html"]["content"] == [b"<b>html</b>".hex()]
    assert found["evaluation"]["metadata"] == expected_evaluation()
    # What the record holds is what the step published.
    task = next(task for task in record.read(record.latest(project)).tasks if task.step == "make")
    published = {item["key"]: item for item in task.artifacts_out}
    assert_given_as_on_a_cluster(found, published["dataset"]["uri"])
    assert published["dataset"]["metadata"]["rows"] == 2
    for name, kind in ARTIFACTS.items():
        item = published[name]
        assert item["type"] == f"system.{kind}"
        assert unwrapped(item["metadata"]) == found[name]["metadata"]
        assert bool(item["file"]) == bool(found[name]["content"]), "metrics have no file"
        assert (record.latest(project) / item["file"]).exists()


def assert_given_as_on_a_cluster(found: Any, uri: str) -> None:
    """Check what the second step was given of the data set, and its log as an output."""
    (item,) = found["given"]["artifacts"]
    assert item["name"].isdigit() and item["type"] == {"instanceSchema": ""}
    assert item["uri"].split("/")[-3:] == uri.split("/")[-3:]
    added = {
        "display_name": "dataset",
        "store_session_info": item["metadata"]["store_session_info"],
    }
    assert item["metadata"] == {"rows": 2, "schema": {"struct": {"a": "int"}}, **added}
    ((name, more),) = found["more"].items()
    log = more["artifacts"][0]
    kind = {"schemaTitle": "system.Artifact"}
    assert log == {"name": name, "type": kind, "uri": log["uri"]} and name == "executor-logs"


def expected_evaluation() -> Any:
    """Return what kfp's own class makes of the same figures."""
    from kfp import dsl

    theirs = dsl.ClassificationMetrics()
    theirs.log_confusion_matrix(["no", "yes"], [[5, 1], [0, 4]])
    theirs.log_roc_curve([0, 0.2], [0, 1], [1, 0.5])
    return theirs.metadata


def test_a_large_artifact_takes_no_memory(tmp_path: Path) -> None:
    """A gigabyte is published by a process that may have a quarter of one."""
    code = """
from common.step import Model, Output, step
@step
def write(model: Output[Model]) -> None:
    with open(model.path, "wb") as file:
        file.truncate(2**30)
write.main()
"""
    given, limit = executor_input(tmp_path, {"model": "Model"}), 2**28
    result = subprocess.run(
        [sys.executable, "-B", "-c", code, "--executor-input", json.dumps(given)],
        env=environment({"PYTHONPATH": str(PROJECT)}),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert result.returncode == 0
    assert (tmp_path / "model").stat().st_size == 2**30


def test_a_typed_step_needs_the_standard_library_only(tmp_path: Path) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import common.step"
    result = subprocess.run([sys.executable, "-B", "-I", "-S", "-c", code, str(PROJECT)])
    assert result.returncode == 0
