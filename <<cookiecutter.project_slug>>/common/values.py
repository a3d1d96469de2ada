"""Values as KFP carries them: JSON, in which every number is a double."""

import json
import math
import reprlib
import types
from argparse import ArgumentTypeError
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

short = reprlib.repr  # a value as a message shows it
SURE = 2**53  # a double holds every whole number up to it
LEVELS = 100  # of lists and objects in each other: KFP reads no more than some hundred


class InputError(ArgumentTypeError, ValueError):
    """An input that a step cannot work with, in one line: ``InputError("trees: 0 is too few")``."""


class OutputError(ValueError):
    """An output that is not what was declared, or that KFP would not keep, in one line."""


def plain(name: str, value: object, kind: Any = Any) -> Any:
    """Return a value as JSON has it, of numpy's numbers and arrays, too; raises OutputError."""
    try:
        found = json.loads(json.dumps(value, default=_known))
    except (ValueError, TypeError, RecursionError) as error:
        raise OutputError(f"{name}: cannot be JSON ({error}): {short(value)}") from None
    return fitted(name, kind, found, OutputError)


def fitted(name: str, kind: Any, value: Any, wrong: type[ValueError], level: int = 0) -> Any:
    """Return a value as its annotation has it; raises ``wrong`` where it cannot be that in KFP.

    KFP may write 3.0 for 3: that is 3 to an ``int``, and where nothing says that it is a float.
    """
    kind, may_lack = without_none(kind)
    kind, items = get_origin(kind) or kind, (get_args(kind) or (Any,))[-1]
    kind = kind if kind in (str, int, float, bool, list, dict) else Any
    if type(value) in (list, dict) and kind in (type(value), Any):
        if level == LEVELS:
            raise wrong(f"{name:.40}...: is nested more than {LEVELS} levels deep")
        if type(value) is list:
            return [fitted(f"{name}[{n}]", items, v, wrong, level + 1) for n, v in enumerate(value)]
        return {k: fitted(f"{name}.{k}", items, v, wrong, level + 1) for k, v in value.items()}
    is_rounded = type(value) is int and (value.bit_length() > 1023 or float(value) != value)
    if is_rounded and wrong is OutputError:  # in inputs, KFP writes out what it has rounded
        raise wrong(f"{name}: KFP rounds a number as large as {short(value)}: publish it as text")
    if type(value) is float and not math.isfinite(value):
        raise wrong(f"{name}: {value} is no number to JSON")
    if type(value) is float and kind in (int, Any) and value.is_integer() and abs(value) <= SURE:
        return int(value)
    if type(value) is int and kind is float:
        return float(value)
    if kind not in (Any, type(value)) and not (value is None and may_lack):
        raise wrong(f"{name}: {short(value)} is no {kind.__name__}")
    return value


def without_none(kind: Any) -> tuple[Any, bool]:
    """Return the type within ``Optional[…]`` or ``… | None``, and whether it was in one."""
    kinds = [each for each in get_args(kind) if each is not types.NoneType]
    is_optional = get_origin(kind) in (Union, types.UnionType) and len(kinds) == 1
    return (kinds[0], True) if is_optional else (kind, False)


def _known(item: Any) -> Any:
    if hasattr(item, "tolist"):
        return item.tolist()
    if isinstance(item, Iterator):
        return [*item]
    raise TypeError(f"{type(item).__name__} is none of its types")
