"""The values that a pipeline's parameters can take: checked, and read from text."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from kfp_workbench.project.documents import MAX_DEPTH, Place, Problem, written
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import MASK, hide, is_secret

# What ``componentInputParameter`` types are called, and what a value must be.
# https://github.com/kubeflow/pipelines/blob/master/api/v2alpha1/pipeline_spec.proto
TYPES: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "STRING": ("text", (str,)),
    "NUMBER_INTEGER": ("a whole number", (int,)),
    "NUMBER_DOUBLE": ("a number", (int, float)),
    "BOOLEAN": ("true or false", (bool,)),
    "LIST": ("a JSON list", (list,)),
    "STRUCT": ("a JSON object", (dict,)),
}
NUMBERS = ("NUMBER_INTEGER", "NUMBER_DOUBLE")
EXACT = 2**53  # KFP carries every number in a JSON value as a double


def problems(
    place: Place, value: Any, kind: str | None, *, hidden: bool = False
) -> Iterator[Problem]:
    """Find what keeps a parameter of a type from taking a value.

    ``kind`` is what the compiled pipeline calls the type, None for one that is not known;
    ``place`` is where the value stands, its name last, and what messages begin with. They
    repeat nothing of a value that is ``hidden``, or whose name looks secret.
    """
    hidden = hidden or _is_hidden(place)
    expected, types = TYPES.get(kind or "", ("", (object,)))
    # Python counts true and false among the whole numbers.
    if not isinstance(value, types) or (isinstance(value, bool) and kind in NUMBERS):
        what = f"{_said(value, hidden)} is {_kind(value)}, not {expected}"
        cure = "put it in quotes" if kind == "STRING" else f"write {expected}"
        if value is None:
            cure = "give one, or take the line out"
        yield Problem(place, f"{written(place)}: {what}: {cure}")
        return
    if kind == "STRING" and "\0" in str(value):
        nul = "has a NUL character, which no command line can hold: leave it out"
        yield Problem(place, f"{written(place)}: {nul}")
    for where, leaf in _leaves(place, value):
        if isinstance(leaf, _BadKey):
            yield Problem((*where, leaf.key), f"{written(where)}: {leaf.problem}")
        elif text := _problem(leaf, where, hidden):
            yield Problem(where, f"{written(where)}: {text}")


def notes(place: Place, value: Any) -> Iterator[Problem]:
    """Say what KFP changes about a value that it takes."""
    for where, leaf in _leaves(place, value):
        if isinstance(leaf, int) and abs(leaf) > EXACT and int(float(leaf)) != leaf:
            hidden = _is_hidden(where)
            text = (
                f"{_said(leaf, hidden)} becomes {_said(float(leaf), hidden)}: KFP carries doubles"
            )
            yield Problem(where, f"{written(where)}: {text}")


def parse(text: str, kind: str) -> Any:
    """Return the value of a type that a text stands for: itself for text, else JSON (`as_whole`).

    Raises ValueError, whose message says what the text is not.
    """
    if kind == "STRING":
        return text
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except _TwiceError:
        raise
    except (ValueError, RecursionError):
        raise ValueError(f"is not {TYPES[kind][0] if kind in TYPES else 'JSON'}") from None
    if not _fits(value, MAX_DEPTH):
        raise ValueError(f"is nested more than {MAX_DEPTH} levels deep")
    return as_whole(value, kind)


def as_whole(value: Any, kind: str | None) -> Any:
    """Return a value of a type: 2 for 2.0, where that is a whole number's, as they are one to KFP."""
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) <= EXACT
    return int(value) if is_whole and kind == "NUMBER_INTEGER" else value


class _TwiceError(ValueError):
    """An object with a key that is there twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _TwiceError(f"has the key {shown(twice)} twice")
    return found


def _fits(value: Any, levels: int) -> bool:
    """Tell whether a value nests no deeper than so many levels."""
    if not isinstance(value, (dict, list)):
        return True
    items = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_fits(item, levels - 1) for item in items)


class _BadKey:
    """A key that no JSON object can have."""

    def __init__(self, key: object) -> None:
        self.key = key
        self.problem = f"the key {shown(key)} is {_kind(key)}: put it in quotes"
        if isinstance(key, str):
            self.problem = "a key has a character that is no Unicode: leave it out"


def _problem(leaf: Any, where: Place, hidden: bool) -> str | None:
    if leaf is None or isinstance(leaf, bool):
        return None
    if isinstance(leaf, str):
        return None if _is_unicode(leaf) else "has a character that is no Unicode: leave it out"
    if isinstance(leaf, (int, float)) and _is_finite(leaf):
        return None
    said = _said(leaf, hidden or _is_hidden(where))
    if not isinstance(leaf, (int, float)):
        return f"{said} is {_kind(leaf)}: JSON has none, put it in quotes"
    return f"{said} is beyond the numbers that KFP can carry (doubles): write another"


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def _leaves(place: Place, value: Any) -> Iterator[tuple[Place, Any]]:
    """Return what is no list and no object, and keys that cannot be, each with its place."""
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, str) and _is_unicode(key):
                yield from _leaves((*place, key), item)
            else:
                yield place, _BadKey(key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves((*place, index), item)
    else:
        yield place, value


def _is_unicode(text: str) -> bool:
    """Tell whether a text can be sent: what came as no UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_hidden(place: Place) -> bool:
    return any(is_secret(part) for part in place if isinstance(part, str))


def _said(value: Any, hidden: bool) -> str:
    """Return a value as a message quotes it, without secrets."""
    if hidden:
        return MASK
    is_date = type(value).__name__ in ("date", "datetime")  # as YAML reads some texts
    return str(value) if is_date else shown(hide(value))


def _kind(value: Any) -> str:
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    kinds |= {list: "a list", dict: "an object", type(None): "nothing"}
    return kinds.get(type(value), f"a {type(value).__name__}")
