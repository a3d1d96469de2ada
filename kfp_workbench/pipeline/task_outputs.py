"""Says which outputs a task has, where ``pipeline.py`` asks for another, for as long as it is loaded.

kfp 2.17 says ``KeyError: 'Output'``. One property of its tasks is replaced here.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from kfp.dsl import pipeline_task

from kfp_workbench.project.names import shown
from kfp_workbench.project.suggestions import output_instead


class NoOutputError(KeyError):
    """An output that a task does not have, as a line that says what to write."""

    def __str__(self) -> str:
        return str(self.args[0])


class _Outputs(dict[str, Any]):
    task = ""

    def __missing__(self, name: str) -> Any:
        cure = output_instead(name, self)
        raise NoOutputError(f"{self.task} has no output {shown(name)}: {cure}")


@contextlib.contextmanager
def named() -> Iterator[None]:
    """Have a task name its outputs within, where it is asked for one that it does not have."""
    before = pipeline_task.PipelineTask.outputs

    def outputs(task: Any) -> Any:
        found = _Outputs(before.fget(task))
        found.task = task.name
        return found

    pipeline_task.PipelineTask.outputs = property(outputs)
    try:
        yield
    finally:
        pipeline_task.PipelineTask.outputs = before
