"""Reads the parts of a YAML file, and notes with its line what is wrong with each."""

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from ops.check.findings import Finding
from ops.documents import Document
from ops.kubernetes.units import UnfitError
from ops.names import shown

Place = tuple[Any, ...]  # the keys and indices that lead to a part of the file


class Reader:
    """A file, and what was found to be wrong with it."""

    def __init__(self, path: str, document: Document) -> None:
        self.findings: list[Finding] = []
        self._path, self._document = path, document

    def note(self, place: Place, what: str, cure: str) -> None:
        """Note what is wrong with a part."""
        words = [_key(place[0])] if place else []
        if len(place) > 1:
            words.append(".".join(_key(part) for part in place[1:]))
        line = self._document.line(*place)
        self.findings.append(Finding(self._path, line, ": ".join([*words, what]), cure))

    def unfit(self, place: Place, problem: str | None) -> bool:
        """Note a problem of a grammar, which ends with its cure; tell whether there is one."""
        if problem:
            what, _, cure = problem.rpartition(": ")
            self.note(place, what, cure)
        return bool(problem)

    def parts(self, place: Place, value: Any, cure: str) -> Iterator[tuple[str, Any]]:
        """Return the parts of a mapping; note what is no mapping, or a key that is no text."""
        if not isinstance(value, dict):
            self.note(place, "is no mapping", cure)
            return
        for key, part in value.items():
            if isinstance(key, str):
                yield key, part
            else:
                self.note((*place, key), f"YAML reads this key as {shown(key)}", "put it in quotes")

    def known(
        self,
        place: Place,
        value: Any,
        known: Collection[str],
        elsewhere: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return those parts of a mapping that have a known key; note the others.

        ``elsewhere`` tells what to write instead of keys that people expect.
        """
        found = {}
        for key, part in self.parts(place, value, f"known keys are {', '.join(known)}"):
            if key in known:
                found[key] = part
            else:
                cure = (elsewhere or {}).get(key) or closest(key, known)
                self.note((*place, key), "there is no such key", cure)
        return found

    def text(self, place: Place, value: Any) -> str | None:
        """Return a text, or None after noting that it is none."""
        if isinstance(value, str):
            return value
        self.note(place, "is no text", "put it in quotes")
        return None

    def whole(self, place: Place, value: Any, least: int, most: int) -> int:
        """Return a whole number; note what is none, or out of bounds."""
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.note(place, f"{shown(value)} is no whole number from {least} to {most}", "write one")
        return least

    def flag(self, place: Place, value: Any) -> bool:
        """Return true or false; note what is neither."""
        if not isinstance(value, bool):
            self.note(place, f"{shown(value)} is neither true nor false", "write one of them")
        return value is True

    def amount(self, place: Place, value: Any, parse: Callable[[object], int]) -> int | None:
        """Return an amount in its unit, or None after noting why it is none."""
        try:
            return parse(value)
        except UnfitError as error:
            self.note(place, error.what, error.cure)
            return None


def closest(name: str, known: Collection[str]) -> str:
    """Return what to write instead of a name that is not known."""
    close = difflib.get_close_matches(name.lower(), known, 1, 0.6)
    return f"write {close[0]}" if close else f"known are {', '.join(known) or 'none'}"


def _key(part: Any) -> str:
    return part if isinstance(part, str) and part.isprintable() and len(part) < 80 else shown(part)
