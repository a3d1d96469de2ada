"""Notes where ``pipeline.py`` asks in Python for what only a run would tell.

``if``, ``and``, ``or``, ``not`` and ``in`` of a parameter, an output or a comparison of them take it for
true: kfp has no word to say about that, and half of a condition is lost. Two classes of kfp get a
truth value for as long as modules are loaded, the one that they have anyway; a test tells when they move.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from kfp.dsl import pipeline_channel

from kfp_workbench.pipeline.view import Line


@contextlib.contextmanager
def noted(root: Path) -> Iterator[list[Line]]:
    """Yield the project's lines that ask so within the block, which fill up meanwhile."""
    found: list[Line] = []
    classes = (pipeline_channel.ConditionOperation, pipeline_channel.PipelineChannel)
    for known in classes:
        known.__bool__ = _truth(root, found)
    try:
        yield found
    finally:
        for known in classes:
            del known.__bool__


def _truth(root: Path, found: list[Line]) -> Callable[[object], bool]:
    def truth(_: object) -> bool:
        frame = sys._getframe(1)
        path = Path(frame.f_code.co_filename)
        # kfp's own code may ask, and others' that is installed.
        if path.is_relative_to(root) and not path.is_relative_to(sys.prefix):
            found.append((path.relative_to(root).as_posix(), frame.f_lineno))
        return True

    return truth
