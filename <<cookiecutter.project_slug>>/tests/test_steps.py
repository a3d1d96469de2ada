"""Every step's functions and command line, on the examples in its docstrings and on bad input."""

import json
import os
import subprocess
from collections.abc import Callable
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from kfp_workbench.local import venvs
from kfp_workbench.project import secrecy
from kfp_workbench.project.settings import ROOT
from kfp_workbench.project.steps import Step, find_steps, read_yaml

STEPS = find_steps()
FLAGS = ("--context", "--executor-input")  # that take a JSON object
BAD = {
    "malformed": "{",
    "list": "[1]",
    "text": '"text"',
    "nothing": "",
    "not-a-number": '{"numbers": [NaN]}',
}


def flag_of(step: Step) -> str | None:
    """Return the flag by which a step takes a JSON object; a step of another kind has none."""
    args = read_yaml(step.folder / "component.yaml")["implementation"]["container"].get("args", [])
    return next((flag for flag in FLAGS if flag in args), None)


def each(steps: list[Step]) -> Callable[..., Any]:
    """Return what makes of a test one for each of these steps."""
    return pytest.mark.parametrize("step", steps, ids=lambda step: step.name)


each_step = each(STEPS)
each_step_with_a_flag = each([step for step in STEPS if flag_of(step)])


@cache
def exercise(step: Step) -> dict[str, Any]:
    """Run a step's script in its own environment (see exercise.py)."""
    flag = flag_of(step)
    with TemporaryDirectory() as folder:
        words = ["main.py", folder, *([flag] if flag else [])]
        result = subprocess.run(
            ["python", str(ROOT / "tests" / "exercise.py"), *words],
            input=json.dumps(list(BAD.values())),
            env=_environment(step),
            cwd=step.folder,
            capture_output=True,
            text=True,
        )
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def _environment(step: Step) -> dict[str, str]:
    path = f"{venvs.python_folder(step)}{os.pathsep}{os.environ['PATH']}"
    ours = {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return {**secrecy.without_sign_in(os.environ), **ours}


@each_step
def test_the_examples_hold(step: Step) -> None:
    """In the docstrings; and those of `transform` on the command line, which does the same.

    A result is written as it is; a refusal is status 2, one line and no file.
    """
    found = exercise(step)
    assert found["failures"] == 0, found["report"]
    assert found["examples"], f"steps/{step.name}/main.py: give a function an example"
    if flag_of(step) == "--context":
        assert found["results"], f"steps/{step.name}/main.py: give transform() an example"
    for result, outcome in zip(found["results"], found["outcomes"], strict=False):
        if "value" in result:
            assert outcome["status"] == 0, outcome["stderr"]
            assert outcome["written"] == result["value"]
            assert outcome["files"] == ["output"]
        else:
            assert_refused(step, outcome, result["error"])


@each_step_with_a_flag
@pytest.mark.parametrize("case", BAD)
def test_what_is_no_object_is_refused(step: Step, case: str) -> None:
    """The one line names the step and the input."""
    found = exercise(step)
    outcome = found["outcomes"][len(found["results"]) + list(BAD).index(case)]
    assert_refused(step, outcome, str(flag_of(step)))


@each_step_with_a_flag
def test_missing_arguments_are_refused(step: Step) -> None:
    """What is needed is named when it is missing."""
    result = subprocess.run(
        ["python", "main.py"],
        env=_environment(step),
        cwd=step.folder,
        capture_output=True,
        text=True,
    )
    outcome = {"status": result.returncode, "stderr": result.stderr, "written": None, "files": []}
    assert_refused(step, outcome, str(flag_of(step)))


def assert_refused(step: Step, outcome: dict[str, Any], words: str) -> None:
    """Check the step contract for bad input."""
    assert outcome["status"] == 2, outcome
    assert outcome["written"] is None and outcome["files"] == []
    (line,) = outcome["stderr"].splitlines()
    assert line.startswith(f"{step.name}: ") and words in line
