"""Every step's function and command line, on the examples in its docstrings and on bad input."""

import json
import os
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from ops import venvs
from ops.settings import ROOT
from ops.steps import Step, find_steps

STEPS = find_steps()
BAD = {
    "malformed": "{",
    "list": "[1]",
    "text": '"text"',
    "nothing": "",
    "not-a-number": '{"numbers": [NaN]}',
}
each_step: Callable[..., Any] = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)


@cache
def exercise(step: Step) -> dict[str, Any]:
    """Run a step's script in its own environment (see exercise.py)."""
    with TemporaryDirectory() as folder:
        result = subprocess.run(
            ["python", str(ROOT / "tests" / "exercise.py"), "main.py", folder],
            input=json.dumps(list(BAD.values())),
            env={**os.environ, **_environment(step)},
            cwd=step.folder,
            capture_output=True,
            text=True,
        )
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def _environment(step: Step) -> dict[str, str]:
    path = f"{venvs.python_folder(step)}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


@each_step
def test_the_examples_in_the_docstrings_hold(step: Step) -> None:
    """Give a step examples, as the ones that came with the project have."""
    found = exercise(step)
    assert found["failures"] == 0, found["report"]
    assert found["results"], f"steps/{step.name}/main.py: give transform() an example"


@each_step
def test_the_command_line_does_what_the_function_does(step: Step) -> None:
    """A result is written as it is; a refusal is status 2, one line and no file."""
    found = exercise(step)
    for result, outcome in zip(found["results"], found["outcomes"], strict=False):
        if "value" in result:
            assert outcome["status"] == 0, outcome["stderr"]
            assert outcome["written"] == result["value"]
            assert outcome["files"] == ["output"]
        else:
            assert_refused(step, outcome, result["error"])


@each_step
@pytest.mark.parametrize("case", BAD)
def test_a_context_that_is_no_object_is_refused(step: Step, case: str) -> None:
    """The one line names the step and the input."""
    found = exercise(step)
    outcome = found["outcomes"][len(found["results"]) + list(BAD).index(case)]
    assert_refused(step, outcome, "--context")


@each_step
def test_missing_arguments_are_refused(step: Step, tmp_path: Path) -> None:
    """Both flags are needed, and named when they are missing."""
    result = subprocess.run(
        ["python", "main.py"],
        env={**os.environ, **_environment(step)},
        cwd=step.folder,
        capture_output=True,
        text=True,
    )
    outcome = {"status": result.returncode, "stderr": result.stderr, "written": None, "files": []}
    assert_refused(step, outcome, "--context")


def assert_refused(step: Step, outcome: dict[str, Any], words: str) -> None:
    """Check the step contract for bad input."""
    assert outcome["status"] == 2, outcome
    assert outcome["written"] is None and outcome["files"] == []
    (line,) = outcome["stderr"].splitlines()
    assert line.startswith(f"{step.name}: ") and words in line
