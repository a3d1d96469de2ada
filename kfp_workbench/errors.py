"""The one error that people get to see as a line instead of a traceback."""

import re
import sys
from collections.abc import Sequence
from typing import Any

MAX_SHOWN = 50  # problems of one input; the rest are like them


class WorkbenchError(Exception):
    """Something that the user can mend.

    ``message`` is one line: what was wrong, with the value, and what to do.
    ``status`` is the exit status: 2 for wrong input, 1 for a failure while running.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def refuse(problems: Sequence[str]) -> None:
    """Raise WorkbenchError (2) if there are problems with what was given.

    One problem is the error's message; several are printed, a line each, before it.
    """
    if len(problems) == 1:
        raise WorkbenchError(problems[0], 2)
    if problems:
        more = len(problems) - MAX_SHOWN
        rest = [f"... and {more} more"] if more > 0 else []
        print("\n".join([*problems[:MAX_SHOWN], *rest]), file=sys.stderr)
        raise WorkbenchError(f"{len(problems)} problems, see above: nothing was started", 2)


def cause(error: BaseException) -> str:
    """Return the innermost cause in one line, without the objects' addresses."""
    inner: Any = error
    while isinstance(inner, BaseException):
        error, inner = inner, _within(inner)
    text = " ".join(str(inner if isinstance(inner, str) else error).split())
    text = re.sub(r"<[^>]*>:? ?|\w+Connection\([^()]*\): ", "", text)[:200]
    return text if text.isprintable() else ascii(text)


def _within(error: Any) -> Any:
    """Return what an error holds: another one, or its text (in words, where it is ssl's)."""
    within = [getattr(error, name, None) for name in ("verify_message", "reason")]
    within += [value for value in error.args if isinstance(value, BaseException)]
    return next(filter(None, within), (error.args or [None])[0])
