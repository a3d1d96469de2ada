"""Runs one step by itself, in its own environment."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.component_forms import as_plain
from kfp_workbench.project.steps import Step, find_steps, read_yaml
from kfp_workbench.testing import local_runs
from kfp_workbench.testing.command_line import CommandLine

LINES = 15  # of what a failed step said: the last ones


class Outputs(dict[str, Any]):
    """A step's outputs by name; fails the test when it is asked for another one."""

    def __missing__(self, name: str) -> NoReturn:
        __tracebackhide__ = True
        pytest.fail(f"the step made no output {name!r}: it made {', '.join(self) or 'none'}")


class Done(NamedTuple):
    """What became of one run of a step."""

    step: str
    status: int  # its exit status
    made: Outputs  # artifacts with their path and metadata
    stdout: str
    stderr: str
    files: Sequence[str]  # that it left where its outputs belong

    @property
    def outputs(self) -> Outputs:
        """What the step made, by name; fails the test, with what the step said last, if it failed."""
        __tracebackhide__ = True
        if self.status:
            pytest.fail(f"{self.step} failed with exit status {self.status}:\n{self._last_lines}")
        return self.made

    @property
    def refusal(self) -> str:
        """The one line with which the step refused its input; fails the test if it did otherwise.

        A step refuses with exit status 2, one line on stderr that names it, and no output.
        """
        __tracebackhide__ = True
        lines = self.stderr.splitlines()
        if self.status != 2:
            problem = f"ended with exit status {self.status} where 2 is due"
        elif self.files:
            problem = f"left {', '.join(self.files)}"
        elif len(lines) != 1 or not lines[0].startswith(f"{self.step}: "):
            problem = f"says more or other than one line that begins with {self.step + ': '!r}"
        else:
            return lines[0]
        pytest.fail(f"{self.step} should refuse its input, but {problem}\n{self._last_lines}")

    @property
    def _last_lines(self) -> str:
        said = (self.stderr.strip() or self.stdout).splitlines()
        left_out = [f"... {len(said) - LINES} lines before"] if len(said) > LINES else []
        return "\n".join([*left_out, *said[-LINES:]])


def python_steps(root: Path) -> list[Step]:
    """Return the steps that have a ``main.py``."""
    return [step for step in find_steps(root) if (step.folder / "main.py").is_file()]


def component_of(step: Step) -> Mapping[str, Any]:
    """Return a step's ``component.yaml``."""
    found: Mapping[str, Any] = as_plain(read_yaml(step.folder / "component.yaml"))
    return found


def run(
    step: Step, words: Sequence[str] | None, inputs: Mapping[str, Any], root: Path, folder: Path
) -> Done:
    """Run a step on its inputs, or with ``words`` for its command line's arguments.

    ``folder`` is an empty one, for its outputs. Raises WorkbenchError (1) for a command that is not there.
    """
    line = CommandLine(component_of(step), inputs, folder, root)
    command = line.words if words is None else ["python", "main.py", *words]
    with local_runs.image(step, root) as (image, place, cwd):
        try:
            ended = subprocess.run(
                image.words(command, place),
                cwd=cwd,
                env={**local_runs.environment(step, root), "PYTHONPATH": image.python_path(place)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
            )
        except OSError as error:
            reason = f"{error.strerror}: {command[0]}"
            raise WorkbenchError(f"{step.name} cannot be started: {reason}") from None
        told = image.told(place)
    files = [
        Path(parent, name).relative_to(folder).as_posix()
        for parent, _, names in os.walk(folder)
        for name in names
    ]
    said = (told(ended.stdout), told(ended.stderr))
    return Done(step.name, ended.returncode, Outputs(line.outputs()), *said, sorted(files))
