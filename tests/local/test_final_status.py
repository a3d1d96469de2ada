"""An exit task is told how the run has ended, in the words of a cluster."""

from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.local import record
from shared.baking import make
from shared.ending import make_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with an exit task."""
    return make_project(tmp_path_factory.mktemp("ending"))


def told(project: Path) -> Any:
    """Return what the exit task of the last run was told."""
    run = record.read(record.latest(project))
    (task,) = (task for task in run.tasks if task.step == "tell")
    return run, task.outputs["Output"]


@pytest.mark.parametrize(("fails", "state"), [("false", "COMPLETE"), ("true", "FAILED")])
def test_the_status_is_that_of_a_cluster(project: Path, fails: str, state: str) -> None:
    result = make(project, "local", "RUNNER=process", f"ARGS=-p fails={fails}")
    assert (result.returncode != 0) == (state == "FAILED"), result.stderr
    run, found = told(project)
    assert found == {
        "who": "me",
        "state": state,
        "pipeline_job_resource_name": run.workflow,
        "pipeline_task_name": "exit-handler-1",
        "error_code": None,
        "error_message": None,
    }


def test_a_task_may_look_at_the_one_before_it(project: Path) -> None:
    path = project / "pipeline.py"
    text = path.read_text()
    old = '    with dsl.ExitHandler(tell(who="me")):\n        work(fails=fails)\n'
    assert old in text
    new = "    done = work(fails=fails)\n    tell(who='me').after(done).ignore_upstream_failure()\n"
    path.write_text(text.replace(old, new))
    try:
        result = make(project, "local", "RUNNER=process", "ARGS=-p fails=true")
    finally:
        path.write_text(text)
    assert result.returncode != 0
    assert (told(project)[1]["state"], told(project)[1]["pipeline_task_name"]) == ("FAILED", "work")


def test_the_project_is_right(project: Path) -> None:
    result = make(project, "graph", "check", "lint")
    assert result.returncode == 0, result.stdout
