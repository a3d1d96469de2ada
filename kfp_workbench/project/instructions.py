"""Reads a Dockerfile as its engine does: one instruction after the other.

The grammar is https://docs.docker.com/reference/dockerfile/, and where that is silent
https://github.com/moby/buildkit/tree/master/frontend/dockerfile/parser
"""

import functools
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_DIRECTIVE = re.compile(r"#\s*(escape|syntax|check)\s*=\s*(.+?)\s*", re.I)
_WORD = re.compile(r"""(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+""", re.S)
_HEREDOC = re.compile(r"\d*<{2}(-?)([\"']?)(\w[\w.-]*)\2")
_FLAG = re.compile(r"\s*(--[a-z-]+(?:=\S*)?)\s+")


class Instruction(NamedTuple):
    """One instruction of a Dockerfile, its continuation lines joined."""

    line: int
    word: str  # in capitals
    text: str  # what follows, without flags such as --chown=...
    flags: tuple[str, ...]
    body: str  # of its here-documents

    def words(self) -> list[str]:
        """Return what follows as words, without quotes, also when it is a JSON list."""
        listed = json_list(self.text)
        if listed is not None:
            return listed
        return [*_split(self.text)]


@functools.lru_cache(256)  # those of most steps are alike
def _split(text: str) -> Sequence[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def json_list(text: str) -> list[str] | None:
    """Return the texts of an exec form, ``["a", "b"]``, or None."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return value
    return None


def is_heredoc(word: str) -> bool:
    """Tell whether a word announces a here-document."""
    return bool(_HEREDOC.fullmatch(word))


@functools.lru_cache(16)
def parse(text: str) -> Sequence[Instruction]:
    """Return the instructions of a Dockerfile's text."""
    return tuple(_parsed(text))


def _parsed(text: str) -> Iterator[Instruction]:
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    escape = re.escape(_escape(lines))
    continues = re.compile(rf"(?<!{escape}){escape}[ \t]*$")
    place = 0  # of the line that comes next
    while place < len(lines):
        place += 1
        first, text = place, lines[place - 1].lstrip()
        if _says_nothing(text):
            continue
        while match := continues.search(text):
            text = text[: match.start()]
            while place < len(lines) and _says_nothing(lines[place].lstrip()):
                place += 1
            if place == len(lines):
                break
            text += lines[place]
            place += 1
        word, text = (*text.split(None, 1), "", "")[:2]
        flags = []
        while match := _FLAG.match(text):
            flags.append(match[1])
            text = text[match.end() :]
        body: list[str] = []
        for strips_tabs, end in _heredocs(word, text):
            found = [line.lstrip("\t") if strips_tabs else line for line in lines[place:]]
            if end in found:
                body += found[: found.index(end)]
                place += found.index(end) + 1
        yield Instruction(first, word.upper(), text.strip(), tuple(flags), "\n".join(body))


def _escape(lines: Sequence[str]) -> str:
    """Return the character that continues a line: a backslash, if no directive names another."""
    for line in lines:
        match = _DIRECTIVE.fullmatch(line)
        if not match:
            break
        if match[1].lower() == "escape" and match[2] == "`":
            return "`"
    return "\\"


def _says_nothing(text: str) -> bool:
    return not text or text.startswith("#")


def _heredocs(word: str, text: str) -> Iterator[tuple[bool, str]]:
    """Return whether a here-document's tabs count, and the line that ends it, for each."""
    if word.upper() not in ("RUN", "COPY", "ADD") or json_list(text) is not None:
        return
    for match in map(_HEREDOC.fullmatch, _WORD.findall(text)):
        if match:
            yield bool(match[1]), match[3]
