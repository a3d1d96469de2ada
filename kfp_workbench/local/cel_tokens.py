"""The tokens of the Common Expression Language, and the values that its literals stand for.

https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
"""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from kfp_workbench.local.problems import CelError
from kfp_workbench.project.names import shown

LONGEST = 1000  # characters of a number: Python reads no more than some thousands


class Token(NamedTuple):
    """A part of an expression."""

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


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of an expression, and an end; raises CelError for what is none."""
    place = 0
    while place < len(text):
        match = _TOKENS.match(text, place)
        if match is None:
            raise CelError(f"no token at character {place + 1}: {text[place : place + 20]!r}")
        kind = str(match.lastgroup)
        if kind != "blank":
            yield Token(kind, match[0], place)
        place = match.end()
    yield Token("end", "", place)


def number_of(token: Token) -> float:
    """Return the number that a token stands for, whole or a double; raises CelError out of range."""
    if token.kind == "double":
        return float(token.text)
    digits = token.text.rstrip("uU")
    number = int(digits, 0 if "0x" in digits else 10) if len(digits) < LONGEST else math.inf
    if not -(2**63) <= number < (2**64 if token.kind == "uint" else 2**63):
        raise CelError(f"{shown(token.text)} is out of range")
    return number


def text_of(token: Token) -> str:
    """Return the text that a token stands for; raises CelError for an escape that there is not."""
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
