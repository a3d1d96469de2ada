"""What a trap is: something that a backend does and nobody wants, seen in a compiled pipeline."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from kfp_workbench.check.flow import Given, Visit


class Word(NamedTuple):
    """A word of a component's command line: of ``command`` or ``args``, and its number there."""

    key: str
    number: int


class Trap(NamedTuple):
    """What is wrong with a task, and the cure; ``word`` where it is its component's."""

    what: str
    cure: str
    word: Word | None = None


def said(problem: str) -> Trap:
    """Return as a trap what ends with its cure, after a colon."""
    what, colon, cure = problem.rpartition(": ")
    return Trap(what, cure) if colon else Trap(problem, "mend pipeline.py")


Finder = Callable[[Visit, Given], Iterator[Trap]]
