"""What a docstring says of a function, its inputs and its outputs.

Google's style (``Args:``), reStructuredText's (``:param name:``) and NumPy's (``Parameters`` above
a line of dashes) are read; kfp knows the same three.
"""

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_INPUTS = ("args", "arguments", "parameters", "params", "other parameters", "keyword args")
_OUTPUTS = ("returns", "return")
_OTHERS = (
    *("raises", "yields", "example", "examples", "note", "notes", "see also", "references"),
    *("warning", "warnings", "warns", "todo", "attributes"),
)
_FIELD = re.compile(r":(\w+)(?:\s+([^:]*?))?\s*:\s*(.*)")  # of reStructuredText
_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:(?:\s+(.*)|$)")  # of Google's
_TERM = re.compile(r"\*{0,2}(\w+)\s*(?::.*)?$")  # of NumPy's


class Docstring(NamedTuple):
    """The parts of a docstring; what it says of an input is one line."""

    description: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    returned: str  # what it says of the result as a whole


def read(text: str | None) -> Docstring:
    """Return the parts of a docstring, all empty for None; what cannot be printed is a space."""
    plain = "".join(c if c.isprintable() or c == "\n" else " " for c in text or "")
    lines = inspect.cleandoc(plain).split("\n")
    sections = list(_sections(lines))
    inputs: dict[str, str] = {}
    outputs: dict[str, str] = {}
    whole = ""
    for kind, style, body in sections[1:]:
        found = _terms(body) if style == "numpy" else _entries(body)
        if kind in _INPUTS:
            inputs.update(found)
        elif kind in _OUTPUTS:
            outputs.update(found)
            whole = _joined(body)
    for name, words, about in _rest_fields(lines):
        if name in ("param", "parameter", "arg", "argument") and words:
            inputs[words[-1]] = about
        elif name in _OUTPUTS:
            whole = about
    return Docstring(_description(sections[0][2]), inputs, outputs, whole)


def _sections(lines: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Return the sections with their kind, style and lines; first what stands before them."""
    kind, style = "", ""
    body: list[str] = []
    skip = False
    for line, after in zip(lines, [*lines[1:], ""], strict=False):
        name = line.rstrip().removesuffix(":").lower()
        if skip:  # the dashes below a heading
            skip = False
            continue
        google = line.endswith(":") and name in (*_INPUTS, *_OUTPUTS, *_OTHERS)
        numpy = re.fullmatch("-{3,}", after.strip()) is not None and bool(line.strip())
        if google or numpy:
            yield kind, style, body
            kind, style, body, skip = name, "numpy" if numpy else "google", [], numpy
        else:
            body.append(line)
    yield kind, style, body


def _description(lines: Sequence[str]) -> str:
    """Return the text before fields and examples, its paragraphs apart."""
    kept = []
    for line in lines:
        if _FIELD.match(line) or line.lstrip().startswith(">>>"):
            break
        kept.append(line.rstrip())
    return "\n".join(kept).strip()


def _entries(body: Sequence[str]) -> dict[str, str]:
    """Return what a section of Google's style says by name."""
    found: dict[str, list[str]] = {}
    margin = min((_indent(line) for line in body if line.strip()), default=0)
    name = ""
    for line in body:
        match = _ENTRY.match(line.strip()) if _indent(line) == margin else None
        if match:
            name = match[1]
            found[name] = [match[2] or ""]
        elif name and line.strip():
            found[name].append(line)
    return {name: _joined(lines) for name, lines in found.items()}


def _terms(body: Sequence[str]) -> dict[str, str]:
    """Return what a section of NumPy's style says by name."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in body:
        if line.strip() and not _indent(line):
            match = _TERM.match(line)
            name = match[1] if match else ""
            found[name] = []
        elif name and line.strip():
            found[name].append(line)
    return {name: _joined(lines) for name, lines in found.items() if name}


def _rest_fields(lines: Sequence[str]) -> Iterator[tuple[str, list[str], str]]:
    """Return the fields of reStructuredText: ``param``, its words, and what it says."""
    field: tuple[str, list[str], list[str]] | None = None
    for line in [*lines, ":end:"]:
        match = _FIELD.match(line)
        if field and (match or not line.strip() or not _indent(line)):
            yield field[0], field[1], _joined(field[2])
            field = None
        if match:
            field = match[1], (match[2] or "").split(), [match[3]]
        elif field:
            field[2].append(line)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(lines: Sequence[str]) -> str:
    return " ".join(" ".join(lines).split())
