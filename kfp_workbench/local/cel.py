"""Reads and checks the Common Expression Language, as far as pipelines have it; nothing is run.

From https://github.com/google/cel-spec/blob/master/doc/langdef.md: literals, operators, selection,
indices and calls. Comprehensions (``all``, ``map``, ...), which KFP's compiler never writes, are
refused. No library was taken: of those that were tried, two have no wheels for every Python that
projects run on, and the third compares no number with one of another kind, takes escapes that there
are not, and needs half a second to start.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from kfp_workbench.local.problems import ProblemError


class CelError(ProblemError):
    """An expression that cannot be read, or cannot be evaluated."""

    code = "condition"


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


class _Token(NamedTuple):
    kind: str
    text: str
    place: int


_STRING = r"""[rR]?(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|"(?:[^"\\\n\r]|\\.)*"|'(?:[^'\\\n\r]|\\.)*')"""
_RAW = r"""[rR](?:\"\"\".*?\"\"\"|'''.*?'''|"[^"\n\r]*"|'[^'\n\r]*')"""
_TOKENS = re.compile(
    "|".join(
        f"(?P<{kind}>{pattern})"
        for kind, pattern in {
            "blank": r"(?:[\t \r\n\f]+|//[^\n]*)+",
            "raw": _RAW,
            "string": _STRING.removeprefix("[rR]?"),
            "double": r"[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?",
            "uint": r"(?:0x[0-9a-fA-F]+|[0-9]+)[uU]",
            "int": r"0x[0-9a-fA-F]+|[0-9]+",
            "name": r"[_a-zA-Z][_a-zA-Z0-9]*",
            "sign": r"&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}]",
        }.items()
    ),
    re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:(?P<one>[abfnrtv\\?\"'`])|[xX](?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})"
    r"|(?P<octal>[0-3][0-7]{2})|(?P<wrong>.?))",
    re.DOTALL,
)
_ONE = dict(zip("abfnrtv\\?\"'`", "\a\b\f\n\r\t\v\\?\"'`", strict=True))
_RESERVED = frozenset(
    "as break const continue else for function if import let loop namespace package return var void while".split()
)
_MACROS = frozenset("all exists exists_one map filter".split())
_LEVELS = (
    ("||",),
    ("&&",),
    ("<", "<=", ">=", ">", "==", "!=", "in"),
    ("+", "-"),
    ("*", "/", "%"),
)


def parse(text: str) -> Node:
    """Return an expression as a tree; raises CelError for what is none."""
    parser = _Parser(list(_tokens(text)))
    node = parser.expression()
    parser.end()
    return node


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while place < len(text):
        match = _TOKENS.match(text, place)
        if match is None:
            raise CelError(f"no token at character {place + 1}: {text[place : place + 20]!r}")
        kind = str(match.lastgroup)
        if kind != "blank":
            yield _Token(kind, match[0], place)
        place = match.end()
    yield _Token("end", "", place)


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
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
        signs = []
        while self._is("!", "-") and (not signs or signs[-1] == self._next.text):
            signs.append(self._take().text)
        if signs == ["-"] and self._next.kind in ("int", "double"):
            token = self._take()
            return self._member(_number(token._replace(text=f"-{token.text}")))
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
            return _number(self._take())
        if token.kind in ("string", "raw"):
            return Literal(_text(self._take()))
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


def _number(token: _Token) -> Literal:
    if token.kind == "double":
        return Literal(float(token.text))
    number = int(token.text.rstrip("uU"), 0 if "0x" in token.text else 10)
    if not -(2**63) <= number < (2**64 if token.kind == "uint" else 2**63):
        raise CelError(f"{token.text} is out of range")
    return Literal(number)


def _text(token: _Token) -> str:
    body = token.text[1:] if token.kind == "raw" else token.text
    size = 3 if body[:3] in ('"""', "'''") and len(body) >= 6 else 1
    body = body[size:-size]
    return body if token.kind == "raw" else _ESCAPE.sub(_unescaped, body)


def _unescaped(match: re.Match[str]) -> str:
    if match["wrong"] is not None:
        raise CelError(f"there is no escape {match[0]!r}")
    if match["one"]:
        return _ONE[match["one"]]
    code = match["x"] or match["u"] or match["U"]
    number = int(code, 16) if code else int(match["octal"], 8)
    if number > 0x10FFFF or 0xD800 <= number < 0xE000:
        raise CelError(f"{match[0]} is no character")
    return chr(number)
