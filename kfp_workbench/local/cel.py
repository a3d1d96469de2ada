"""Reads and checks the Common Expression Language, as far as pipelines have it; nothing is run.

From https://github.com/google/cel-spec/blob/master/doc/langdef.md: literals, operators, selection,
indices and calls. Comprehensions (``all``, ``map``, ...), which KFP's compiler never writes, are
refused. No library was taken: of those that were tried, two have no wheels for every Python that
projects run on, and the third compares no number with one of another kind, takes escapes that there
are not, and needs half a second to start.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

from kfp_workbench.local.cel_tokens import Token, number_of, text_of, tokens
from kfp_workbench.local.problems import CelError


@dataclass(frozen=True)
class Literal:
    """A value that stands in the text."""

    value: Any


@dataclass(frozen=True)
class Name:
    """A variable."""

    name: str


@dataclass(frozen=True)
class Select:
    """A field of a value."""

    operand: "Node"
    field: str


@dataclass(frozen=True)
class Call:
    """A function, or an operator by the name that CEL has for it (``_+_``)."""

    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True)
class ListOf:
    """A list of expressions."""

    items: tuple["Node", ...]


@dataclass(frozen=True)
class MapOf:
    """Keys and values, as expressions."""

    entries: tuple[tuple["Node", "Node"], ...]


Node: TypeAlias = Literal | Name | Select | Call | ListOf | MapOf


_RESERVED = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "namespace",
        "package",
        "return",
        "var",
        "void",
        "while",
    ]
)
_MACROS = frozenset(["all", "exists", "exists_one", "map", "filter"])
_LEVELS = (
    ("||",),
    ("&&",),
    ("<", "<=", ">=", ">", "==", "!=", "in"),
    ("+", "-"),
    ("*", "/", "%"),
)


def parse(text: str) -> Node:
    """Return an expression as a tree; raises CelError for what is none."""
    parser = _Parser(list(tokens(text)))
    node = parser.expression()
    parser.end()
    return node


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _is(self, *texts: str) -> bool:
        token = self._next
        return token.text in texts and (token.kind == "sign" or token.text == "in")

    def _expect(self, text: str) -> None:
        if not self._is(text):
            raise CelError(
                f"{text!r} expected at character {self._next.place + 1}, not {self._next.text!r}"
            )
        self._take()

    def end(self) -> None:
        if self._next.kind != "end":
            raise CelError(f"unexpected {self._next.text!r} at character {self._next.place + 1}")

    def expression(self) -> Node:
        condition = self._binary(0)
        if not self._is("?"):
            return condition
        self._take()
        then = self._binary(0)
        self._expect(":")
        return Call("_?_:_", (condition, then, self.expression()))

    def _binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self._is(*_LEVELS[level]):
            sign = self._take().text
            left = Call(f"_{sign}_", (left, self._binary(level + 1)))
        return left

    def _unary(self) -> Node:
        signs: list[str] = []
        while self._is("!", "-") and (not signs or signs[-1] == self._next.text):
            signs.append(self._take().text)
        if signs == ["-"] and self._next.kind in ("int", "double"):
            token = self._take()
            return self._member(Literal(number_of(token._replace(text=f"-{token.text}"))))
        node = self._member(self._primary())
        for sign in signs:
            node = Call(f"{sign}_", (node,))
        return node

    def _member(self, node: Node) -> Node:
        while self._is(".", "["):
            if self._take().text == "[":
                node = Call("_[_]", (node, self.expression()))
                self._expect("]")
                continue
            name = self._name()
            if not self._is("("):
                node = Select(node, name)
            elif name in _MACROS:
                raise CelError(f"{name}() is not known here")
            else:
                node = Call(f".{name}", (node, *self._arguments()))
        return node

    def _name(self) -> str:
        if self._next.kind != "name":
            raise CelError(f"a name expected at character {self._next.place + 1}")
        return self._take().text

    def _primary(self) -> Node:
        token = self._next
        if self._is("("):
            self._take()
            node = self.expression()
            self._expect(")")
            return node
        if self._is("["):
            return ListOf(tuple(self._several("[", "]")))
        if self._is("{"):
            return self._map()
        if token.kind == "name":
            return self._named()
        if token.kind in ("int", "uint", "double"):
            return Literal(number_of(self._take()))
        if token.kind in ("string", "raw"):
            return Literal(text_of(self._take()))
        raise CelError(f"unexpected {token.text!r} at character {token.place + 1}")

    def _named(self) -> Node:
        name = self._name()
        if name in ("true", "false", "null"):
            return Literal({"true": True, "false": False, "null": None}[name])
        if name in _RESERVED:
            raise CelError(f"{name} is a reserved word")
        return Call(name, tuple(self._arguments())) if self._is("(") else Name(name)

    def _arguments(self) -> list[Node]:
        return self._several("(", ")")

    def _several(self, first: str, last: str) -> list[Node]:
        self._expect(first)
        found: list[Node] = []
        while not self._is(last):
            found.append(self.expression())
            if not self._is(last):
                self._expect(",")
        self._expect(last)
        return found

    def _map(self) -> Node:
        self._expect("{")
        entries = []
        while not self._is("}"):
            key = self.expression()
            self._expect(":")
            entries.append((key, self.expression()))
            if not self._is("}"):
                self._expect(",")
        self._expect("}")
        return MapOf(tuple(entries))
