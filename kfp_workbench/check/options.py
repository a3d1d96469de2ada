"""One argument that a program reads from its command line, and the calls that say so."""

import ast
from collections.abc import Sequence
from typing import NamedTuple


class Flag(NamedTuple):
    """One argument of a program; a positional one has a name without dashes."""

    names: tuple[str, ...]
    required: bool
    takes_value: bool | None  # None: it may
    repeats: bool  # may be given several times
    command: str | None = None  # the sub-command that it belongs to, None for all


class Reading(NamedTuple):
    """What a program reads, as far as its text tells; ``is_sure`` that it reads nothing else."""

    flags: Sequence[Flag] = ()
    commands: frozenset[str] = frozenset()  # sub-commands
    is_sure: bool = False
    abbreviates: bool = False  # a flag may be given by its beginning


def text(node: ast.AST | None) -> str | None:
    """Return the text that a constant is, or None."""
    value = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else None


def keyword(call: ast.Call, name: str) -> object:
    """Return a keyword's constant, or the name of what it refers to, or None."""
    for word in call.keywords:
        if word.arg == name:
            value = word.value
            if isinstance(value, ast.Constant):
                return value.value
            return getattr(value, "id", None) or getattr(value, "attr", None) or "?"
    return None


def last_name(node: ast.AST | None) -> str:
    """Return the last part of a dotted name, or nothing."""
    return str(getattr(node, "attr", None) or getattr(node, "id", ""))
