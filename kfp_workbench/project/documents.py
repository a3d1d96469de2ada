"""What a text of YAML or JSON holds, with the line of everything in it; `strict_yaml` reads it."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

MAX_DEPTH = 100  # of lists and objects in each other

Place = tuple[object, ...]  # the keys and indices that lead to a part of a document


class DocumentError(Exception):
    """A text that is no valid YAML: ``line``, from 1, and ``reason``, which repeats no secret."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line, self.reason = line, reason


class Document:
    """What a YAML text holds, and the line of each part."""

    def __init__(self, value: Any, find_lines: Callable[[], Iterable[tuple[Place, int]]]) -> None:
        self.value = value
        self.find_lines = find_lines

    def line(self, *place: object) -> int:
        """Return the line of a part, or of the nearest one around it."""
        while place not in self._lines:
            place = place[:-1]
        return self._lines[place]

    @functools.cached_property
    def _lines(self) -> Mapping[Place, int]:
        return {(): 1, **dict(self.find_lines())}


class Problem(NamedTuple):
    """What is wrong in one place of a document: what, with the value, and what to do."""

    place: Place
    text: str


def written(place: Place) -> str:
    """Return a place as messages name it: ``context.numbers[0]``."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        name = str(part) if str(part).isprintable() else ascii(part)[1:-1]
        text += f".{name}" if text else name
    return text if len(text) <= 80 else f"{text[:77]}..."
