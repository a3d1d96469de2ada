"""Which lines of a lock file hold on a machine.

By https://packaging.python.org/en/latest/specifications/dependency-specifiers/.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.setup.locks import Line

_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip


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
    if not as_versions:
        return compare(left, right)
    if right.endswith(".*"):
        wanted = right.split(".")[:-1]
        return compare(left.split(".")[: len(wanted)], wanted)
    if isinstance(comparison, ast.Lt):  # what is early of a version is not before it
        return compare(_release(left)[:-1], _release(right)[:-1])
    return compare(_release(left), _release(right))


def _release(version: str) -> tuple[int, ...]:
    """Return a version of Python to compare by; one that is not final comes before it."""
    match = re.match(r"[0-9.]+", version)
    numbers = [int(number) for number in match[0].strip(".").split(".")] if match else []
    is_final = match is not None and match[0].strip(".") == version.rstrip("+")
    return (*(numbers + [0] * 4)[:4], int(is_final))
