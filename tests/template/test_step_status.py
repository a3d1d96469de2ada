"""What a step gets for ``PipelineTaskFinalStatus``: from KFP, and from people."""

from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from kfp.dsl.executor import Executor

from common.step import PipelineTaskFinalStatus, step
from shared.step_runs import executor_input, status

SEEN: list[Any] = []


@step
def tell(ended: PipelineTaskFinalStatus) -> None:
    """Tell how it has ended."""
    SEEN.append(ended)


TOLD: dict[str, dict[str, Any]] = {
    "cluster": {
        "state": "COMPLETE",
        "error": {},
        "pipelineJobResourceName": "run-x",
        "pipelineTaskName": "exit-handler-1",
    },
    "old-names": {
        "state": "FAILED",
        "pipeline_job_resource_name": "run-x",
        "pipeline_task_name": "work",
    },
    "error": {"state": "FAILED", "error": {"code": 9.0, "message": "gone"}},
    "state-alone": {"state": "CANCELLED"},
}


@pytest.mark.parametrize("told", TOLD.values(), ids=list(TOLD))
def test_it_is_what_kfp_makes_of_the_same(tmp_path: Path, told: dict[str, Any]) -> None:
    def lightweight(ended: dsl.PipelineTaskFinalStatus) -> None:
        SEEN.append(ended)

    given = executor_input(tmp_path, values={"ended": told})
    assert status(tell, given) == 0
    given["outputs"] = {"outputFile": str(tmp_path / "theirs.json")}
    Executor(given, lightweight).execute()
    ours, theirs = SEEN[-2:]
    assert isinstance(ours, PipelineTaskFinalStatus)
    for field, value in vars(theirs).items():
        found = getattr(ours, field)
        assert (found, type(found)) == (value, type(value)) or (found, value) in (
            ("", None),
            (9, 9.0),
        )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--ended", "FAILED"], "--ended: invalid 'JSON' value: 'FAILED'"),
        (["--ended", "[3]"], "ended: [3] is no dict"),
        ([], "the following arguments are required: --ended"),
    ],
)
def test_what_is_none_is_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        tell.main(words)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"tell: {said}")


@pytest.mark.parametrize("text", ['{"state": "FAILED", "error": 3}', '{"state": "FAILED"}'])
def test_people_give_it_as_json(text: str) -> None:
    with pytest.raises(SystemExit, match="0"):
        tell.main(["--ended", text])
    assert SEEN[-1] == PipelineTaskFinalStatus("FAILED")
