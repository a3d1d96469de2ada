"""The examples in steps' docstrings, each run in its step's own environment."""

import json
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from kfp_workbench.project.steps import Step
from kfp_workbench.testing import exercise, local_runs

MARK = ">>>"  # a script without it has no example


class Examples(NamedTuple):
    """What became of examples."""

    tries: int
    failures: int
    report: str  # on the failures


def run(steps: list[Step], root: Path) -> Examples:
    """Run all examples of steps; fails the test if a ``main.py`` that has some cannot be imported."""
    mains = {step: (step.folder / "main.py").read_text(encoding="utf-8") for step in steps}
    found = [_of_step(step, root) for step, text in mains.items() if MARK in text]
    return Examples(
        sum(one.tries for one in found),
        sum(one.failures for one in found),
        "\n".join(one.report for one in found if one.failures),
    )


def _of_step(step: Step, root: Path) -> Examples:
    result = subprocess.run(
        ["python", exercise.__file__],
        cwd=step.folder,
        env=local_runs.environment(step, root),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        pytest.fail(f"steps/{step.name}/main.py:\n{result.stderr}", pytrace=False)
    return Examples(**json.loads(result.stdout.splitlines()[-1]))
