"""The examples in a step's docstrings, run in its own environment."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kfp_workbench.project.steps import Step
from kfp_workbench.testing import exercise, local_runs
from kfp_workbench.testing.stepping import component_of


class Call(NamedTuple):
    """A context that an example hands to ``transform``, and what comes of it."""

    context: Any
    value: Any  # None when it is refused
    error: str | None  # why it is refused


class Examples(NamedTuple):
    """What became of a step's examples."""

    tries: int
    failures: int
    report: str  # on the failures
    calls: Sequence[Call]  # of ``transform``, in a step that takes a context and nothing else


def run(step: Step, root: Path) -> Examples:
    """Run a step's examples; fails the test if its ``main.py`` cannot be imported."""
    inputs = [port["name"] for port in component_of(step).get("inputs") or []]
    result = subprocess.run(
        ["python", exercise.__file__, *(["transform"] if inputs == ["context"] else [])],
        cwd=step.folder,
        env=local_runs.environment(step, root),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        pytest.fail(f"steps/{step.name}/main.py:\n{result.stderr}", pytrace=False)
    found = json.loads(result.stdout.splitlines()[-1])
    return Examples(**{**found, "calls": [Call(**call) for call in found["calls"]]})
