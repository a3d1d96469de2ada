"""Pieces of HTML, and what fills them in: nothing that is filled in can be markup by mistake."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from markupsafe import Markup

from kfp_workbench.report.text import clean, shown

NOTHING = Markup("")


def fill(piece: str, **values: object) -> Markup:
    """Return a piece of HTML with ``values`` in the places of their names in braces.

    A value that is no Markup is text: it goes without what may not be in a page, and is escaped, for
    between tags and for quoted attributes. What an iterator yields stands line by line. The
    linter takes a ``piece`` only as it is written here (``extend-markup-names``).
    """
    return _flush(piece).format(**{name: _safe(value) for name, value in values.items()})


def details(name: str, found: Mapping[str, Any], several: str) -> Markup:
    """Return values folded up below how many they are: ``1 input`` or ``2 inputs``, say."""
    if not found:
        return NOTHING
    return fill(
        "<details><summary>{count} {name}</summary><pre>{values}</pre></details>",
        count=len(found),
        name=name if len(found) == 1 else several,
        values=shown(found),
    )


@cache
def _flush(piece: str) -> Markup:
    """Return a piece without the indentation that it has in our code."""
    return Markup("\n".join(map(str.strip, piece.strip().splitlines())))  # noqa: S704  # a literal


def _safe(value: object) -> str:
    if isinstance(value, Markup):
        return value
    if isinstance(value, Iterator):
        return Markup("\n").join(map(_safe, value))
    return clean(value)
