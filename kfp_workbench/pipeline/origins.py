"""Notes where ``pipeline.py`` makes its tasks, loops and conditions, while it is loaded.

A compiled pipeline names tasks and says nothing of the lines that made them. Two methods of kfp's
``Pipeline``, through which every task and every group of tasks passes, are watched for that; a
test tells when they move.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kfp.dsl import pipeline_context

from kfp_workbench.pipeline.view import Line, Lines


@contextlib.contextmanager
def noted(root: Path) -> Iterator[Lines]:
    """Yield the lines of what is made within the block, which fill up meanwhile."""
    found: dict[str, dict[str, Line]] = {}
    made = pipeline_context.Pipeline
    add_task, push_group = made.add_task, made.push_tasks_group

    def note(pipeline: Any, name: str) -> None:
        if line := _line(root):
            found.setdefault(pipeline.name, {})[name] = line

    def add(pipeline: Any, *args: Any, **kwargs: Any) -> str:
        name: str = add_task(pipeline, *args, **kwargs)
        note(pipeline, name)
        return name

    def push(pipeline: Any, group: Any) -> None:
        note(pipeline, group.name)
        push_group(pipeline, group)

    made.add_task, made.push_tasks_group = add, push
    try:
        yield found
    finally:
        made.add_task, made.push_tasks_group = add_task, push_group


def _line(root: Path) -> Line | None:
    """Return the innermost line of the project's own that is being run."""
    frame: Any = sys._getframe(1)
    while frame:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(root) and not path.is_relative_to(sys.prefix):
            return path.relative_to(root).as_posix(), frame.f_lineno
        frame = frame.f_back
    return None
