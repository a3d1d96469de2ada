"""A lock file, line by line: what is to be installed, and for which machines.

The format is https://pip.pypa.io/en/stable/reference/requirements-file-format/, the markers are
https://packaging.python.org/en/latest/specifications/dependency-specifiers/
"""

import ast
import hashlib
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench.errors import WorkbenchError

# What a pipeline runs without: make fetches each when it is first needed.
TOOLS = ("mypy", "pytest", "ruff", "uv", "vl-convert-python")
# What builds an archive of sources: installed before everything else.
BUILDERS = ("setuptools", "wheel")

_PIN = re.compile(
    r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^]]*\])?\s*==\s*([^\s;]+)\s*(?:;\s*(.*?))?\s*(?=--hash|$)"
)
# A name, with extras and a pinned version or other conditions, and a marker.
_REQUIREMENT = re.compile(
    r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^]]*\])?\s*(?:==\s*([^\s;,*]+)(?=\s|;|$)|[(<>=!~@][^;]*)?"
    r"\s*(?:;\s*(.*?))?\s*(?=--hash|$)"
)
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_WHEEL = re.compile(r"(\S*?([^/\s]+?)-([^/\s-]+)-[^/\s]+\.whl)")  # a file; its name and version


class Line(NamedTuple):
    """One requirement of a lock file."""

    name: str  # as indexes compare it
    version: str  # "" where any does
    marker: str  # "" where it holds everywhere
    text: str  # as installers take it, on one line


def read(paths: Sequence[Path]) -> list[Line]:
    """Return the requirements of lock files, each once; raises WorkbenchError (2) for another line."""
    return list(dict.fromkeys(line for path in paths for line in _read(path)))


def wanted(text: str) -> list[Line]:
    """Return what requirements name, locked or not; not what only an address or a path says."""
    found = (_REQUIREMENT.match(line) for line in logical(text))
    return [
        Line(normal(each[1]), each[2] or "", each[3] or "", each.string) for each in found if each
    ]


def digests(paths: Sequence[Path]) -> dict[str, str]:
    """Return what stands for the content of each of the lock files, by its name."""
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in paths}


def without_tools(lines: Sequence[Line], keep: Collection[str] = ()) -> list[Line]:
    """Return the lines but those of tools that are not in ``keep``."""
    left_out = {*TOOLS} - {*keep}
    return [line for line in lines if line.name not in left_out]


def applying(lines: Sequence[Line], values: Mapping[str, str]) -> list[Line]:
    """Return the lines that hold where the markers' variables have these values."""
    return [line for line in lines if not line.marker or holds(line.marker, values)]


def holds(marker: str, values: Mapping[str, str]) -> bool:
    """Tell whether a marker is true; markers are expressions of Python, which are not run."""
    try:
        return _holds(ast.parse(marker, mode="eval").body, values)
    except (SyntaxError, KeyError, AttributeError) as error:
        raise WorkbenchError(
            f"the marker {marker!r} cannot be read ({error}): make lock", 2
        ) from None


def normal(name: str) -> str:
    """Return a distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def same_version(one: str, other: str) -> bool:
    """Tell whether two versions are the same, as in 2024.02.0 and 2024.2."""
    return _plain(one) == _plain(other)


def logical(text: str) -> Iterator[str]:
    """Return lines that say something, joined where one continues."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        if said := re.sub(r"(^|\s)#.*", "", line).strip():
            yield " ".join(said.split())


def _read(path: Path) -> Iterator[Line]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise WorkbenchError(f"{path}: cannot be read ({error}): put it back", 2) from None
    for said in logical(text):
        pin, wheel = _PIN.match(said), _WHEEL.match(said)
        if "--hash=" not in said:
            raise WorkbenchError(f"{path}: {said[:60]!r} has no hash: make lock", 2)
        if pin:
            yield Line(normal(pin[1]), pin[2], pin[3] or "", said)
        elif wheel:
            name, version = normal(wheel[2]), wheel[3]
            file = (path.parent / wheel[1]).resolve()
            yield Line(name, version, "", f"{name} @ {file.as_uri()}{said[wheel.end() :]}")
        else:
            raise WorkbenchError(f"{path}: {said[:60]!r} names no version: make lock", 2)


def _holds(node: ast.expr, values: Mapping[str, str]) -> bool:
    if isinstance(node, ast.BoolOp):
        found = [_holds(part, values) for part in node.values]
        return all(found) if isinstance(node.op, ast.And) else any(found)
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        raise KeyError("no comparison")
    sides = (node.left, node.comparators[0])
    left, right = (values[side.id] if isinstance(side, ast.Name) else _text(side) for side in sides)
    names = [side.id for side in sides if isinstance(side, ast.Name)]
    return _compared(node.ops[0], left, right, any("version" in name for name in names))


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise KeyError("no text")


def _compared(comparison: ast.cmpop, left: str, right: str, as_versions: bool) -> bool:
    if isinstance(comparison, (ast.In, ast.NotIn)):
        return (left in right) == isinstance(comparison, ast.In)
    compare = _COMPARE[type(comparison)]
    return compare(_release(left), _release(right)) if as_versions else compare(left, right)


def _release(version: str) -> tuple[int, ...]:
    """Return a version of Python to compare by; one that is not final comes before it."""
    match = re.match(r"[0-9.]+", version)
    numbers = [int(number) for number in match[0].strip(".").split(".")] if match else []
    is_final = match is not None and match[0].strip(".") == version.rstrip("+")
    return (*(numbers + [0] * 4)[:4], int(is_final))


def _plain(version: str) -> str:
    text = re.sub(r"\d+", lambda found: str(int(found[0])), version.lower())
    text = text.replace("-", ".").replace("_", ".")
    release, plus, local = text.partition("+")
    return re.sub(r"(\.0)+$", "", release) + plus + local
