"""Runs one step by itself, in its own environment."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from kfp_workbench.project.steps import Step, find_steps, read_yaml
from kfp_workbench.testing import local_runs
from kfp_workbench.testing.command_line import EXECUTOR_INPUT, CommandLine, key_of, parameter_type


class JsonInput(NamedTuple):
    """An input that takes a JSON object, and that must be given."""

    step: str
    name: str  # as run_step takes it
    flag: str  # before it on the command line


class Done(NamedTuple):
    """What became of one run of a step."""

    step: str
    status: int  # its exit status
    outputs: Mapping[str, Any]  # by name; artifacts with their path and metadata
    stdout: str
    stderr: str
    files: Sequence[str]  # that it left where its outputs belong

    @property
    def refusal(self) -> str:
        """The one line with which the step refused its input; fails the test if it did otherwise.

        A step refuses with exit status 2, one line on stderr that names it, and no output.
        """
        lines = self.stderr.splitlines()
        if self.status != 2:
            problem = f"ended with exit status {self.status} where 2 is due"
        elif self.files:
            problem = f"left {', '.join(self.files)}"
        elif len(lines) != 1 or not lines[0].startswith(f"{self.step}: "):
            problem = f"says more or other than one line that begins with {self.step + ': '!r}"
        else:
            return lines[0]
        pytest.fail(f"{self.step} should refuse its input, but {problem}\n{self.stderr}")


def python_steps(root: Path) -> list[Step]:
    """Return the steps that have a ``main.py``."""
    return [step for step in find_steps(root) if (step.folder / "main.py").is_file()]


def component_of(step: Step) -> Mapping[str, Any]:
    """Return a step's ``component.yaml``."""
    found: Mapping[str, Any] = read_yaml(step.folder / "component.yaml")
    return found


def json_inputs(root: Path) -> list[JsonInput]:
    """Return the inputs of a project's Python steps that take a JSON object after a flag."""
    return [found for step in python_steps(root) for found in _json_inputs(step)]


def _json_inputs(step: Step) -> Iterator[JsonInput]:
    try:
        component = component_of(step)
        args = component["implementation"]["container"].get("args") or []
    except (AttributeError, KeyError, TypeError, yaml.YAMLError):
        return  # the test of the contract says what is wrong
    needed = {
        port["name"]
        for port in component.get("inputs") or []
        if parameter_type(port) == "STRUCT" and not port.get("optional") and "default" not in port
    }
    for flag, item in pairwise(args):
        if isinstance(flag, str) and isinstance(item, dict):
            if "executorInput" in item:
                yield JsonInput(step.name, EXECUTOR_INPUT, flag)
            elif item.get("inputValue") in needed:
                yield JsonInput(step.name, key_of(item["inputValue"]), flag)


def run(
    step: Step, words: Sequence[str] | None, inputs: Mapping[str, Any], root: Path, folder: Path
) -> Done:
    """Run a step on its inputs, or with ``words`` for its command line's arguments.

    ``folder`` is an empty one, for its outputs.
    """
    line = CommandLine(component_of(step), inputs, folder)
    command = line.words if words is None else ["python", "main.py", *words]
    with local_runs.image(step, root) as (image, place, cwd):
        ended = subprocess.run(
            image.words(command, place),
            cwd=cwd,
            env={**local_runs.environment(step, root), "PYTHONPATH": image.python_path(place)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
        told = image.told(place)
    files = [
        Path(parent, name).relative_to(folder).as_posix()
        for parent, _, names in os.walk(folder)
        for name in names
    ]
    said = (told(ended.stdout), told(ended.stderr))
    return Done(step.name, ended.returncode, line.outputs(), *said, sorted(files))
