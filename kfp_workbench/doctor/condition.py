"""How it is with one thing that a project needs."""

from typing import NamedTuple


class Condition(NamedTuple):
    """One line of the report: how it is with ``what``, and the cure."""

    level: str  # ok, warn or FAIL
    what: str
    text: str
