"""What to write for a name that is none of those that there are."""

import difflib
from collections.abc import Collection

from kfp_workbench.project.component_forms import key_of


def instead(name: str, known: Collection[str]) -> str:
    """Return the name that is like it, or all that there are."""
    near = {key.lower(): key for key in known}.get(name.lower())
    near = near or next(iter(difflib.get_close_matches(name, known, 1)), None)
    if near:
        return f"did you mean {near}?"
    return f"it has {', '.join(known)}" if known else "it has none"


def output_instead(name: str, known: Collection[str]) -> str:
    """Return what to write for an output that a task does not have, in ``pipeline.py``.

    A function's one result is ``Output`` to ``@dsl.component``, and ``output`` in a component of the
    plain form; ``task.output`` is either.
    """
    if [*known] == [key_of(name)]:
        return f"write .output, as its one result is called {key_of(name)}"
    return instead(name, known)
