"""What the names at the top of a Python module stand for, told without running it."""

import ast
import builtins
import operator
import re
import typing
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: lambda base, power: base**power if abs(power) < 100 and abs(base) < 1e6 else None,
}
_SIGNS: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
_BLOCKS = ("body", "orelse", "finalbody", "handlers")  # of if, try and with
_TYPE_CHECKING = re.compile(r"(\w+\.)?TYPE_CHECKING")
_JOINED: Sequence[set[type]] = ({str}, {list})  # what + puts together, beside numbers


class UnknownValueError(ValueError):
    """A value that only running the module would tell."""


class Bindings:
    """The imports, assignments and classes at the top of a module, those in ``if`` and ``try`` too.

    What is there for type checkers alone is not: nobody binds it when the module runs.
    """

    def __init__(self, body: Iterable[ast.stmt]) -> None:
        self._imported: dict[str, str] = {}
        self._assigned: dict[str, ast.expr] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        self._everything_of: list[str] = []  # `from … import *`
        for node in _statements(body):
            self._bind(node)

    def full_name(self, node: ast.AST) -> str:
        """Return the dotted name of what a name or an attribute stands for; "" for all else.

        With ``import common.step as s``, ``s.Input`` is ``common.step.Input``; a builtin, and
        what nothing in the module binds, is itself.
        """
        if isinstance(node, ast.Attribute):
            owner = self.full_name(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        if not isinstance(node, ast.Name):
            return ""
        if node.id in self._imported:
            return self._imported[node.id]
        if node.id in self._assigned or node.id in self.classes or hasattr(builtins, node.id):
            return node.id
        if "typing" in self._everything_of and node.id in typing.__all__:
            return f"typing.{node.id}"
        ours = [module for module in self._everything_of if module.startswith("common.")]
        return f"{ours[-1]}.{node.id}" if ours else node.id

    def assigned(self, node: ast.AST) -> ast.expr | None:
        """Return what was last assigned to a name, or None."""
        return self._assigned.get(node.id) if isinstance(node, ast.Name) else None

    def value(self, node: ast.expr, depth: int = 100) -> Any:
        """Return the value of an expression of literals and of names that stand for such.

        Raises UnknownValueError, whose message is the part that only running would tell.
        """
        if not depth:
            raise UnknownValueError(ast.unparse(node))
        if isinstance(node, ast.Constant):
            return node.value
        if (assigned := self.assigned(node)) is not None:
            return self.value(assigned, depth - 1)
        if isinstance(node, (ast.List, ast.Tuple)):
            items = [self.value(item, depth - 1) for item in node.elts]
            return items if isinstance(node, ast.List) else tuple(items)
        if isinstance(node, ast.Dict) and None not in node.keys:
            keys = [self.value(key, depth - 1) for key in node.keys if key]
            if all(isinstance(key, Hashable) for key in keys):
                items = [self.value(item, depth - 1) for item in node.values]
                return dict(zip(keys, items, strict=True))
        return self._number(node, depth)

    def _number(self, node: ast.expr, depth: int) -> Any:
        parts: list[ast.expr] = []
        work: Callable[..., Any] | None = None
        if isinstance(node, ast.UnaryOp):
            parts, work = [node.operand], _SIGNS.get(type(node.op))
        elif isinstance(node, ast.BinOp):
            parts, work = [node.left, node.right], _ARITHMETIC.get(type(node.op))
        values = [self.value(part, depth - 1) for part in parts] if work else []
        kinds = {type(value) for value in values}
        if work and (kinds <= {int, float} or (work is operator.add and kinds in _JOINED)):
            try:
                if (result := work(*values)) is not None:
                    return result
            except ArithmeticError:
                pass
        raise UnknownValueError(ast.unparse(node))

    def _bind(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                self._imported[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name == "*":
                    self._everything_of.append(node.module or "")
                else:
                    full = f"{node.module}.{alias.name}" if node.module else alias.name
                    self._imported[alias.asname or alias.name] = full
        elif isinstance(node, ast.ClassDef):
            self.classes[node.name] = node
        else:
            for name, value in _assignments(node):
                self._assigned[name] = value


def _assignments(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        yield from ((t.id, node.value) for t in node.targets if isinstance(t, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
        yield node.target.id, node.value
    elif type(node).__name__ == "TypeAlias":  # the statement `type X = …`, since Python 3.12
        name, value = getattr(node, "name"), getattr(node, "value")  # noqa: B009
        yield name.id, value


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            condition = ast.unparse(node.test) if isinstance(node, ast.If) else ""
            is_never_run = _TYPE_CHECKING.fullmatch(condition)
            for block in _BLOCKS[1 if is_never_run else 0 :]:
                for part in getattr(node, block, []):
                    yield from _statements(
                        part.body if isinstance(part, ast.ExceptHandler) else [part]
                    )
