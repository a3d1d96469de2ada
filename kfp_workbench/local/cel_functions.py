"""The functions and operators of the Common Expression Language, as cel-go has them.

https://github.com/google/cel-spec/blob/master/doc/langdef.md#list-of-standard-definitions, and KFP's
``parseJson``. Unlike kinds are unequal and cannot be ordered, but for numbers, which compare by value.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from kfp_workbench.local import values
from kfp_workbench.local.problems import CelError

_INT64 = 2**63


def no_overload(function: str, *arguments: Any) -> CelError:
    """Return what is said of a function that does not take arguments of these kinds."""
    kinds = ", ".join(KIND_NAMES.get(type(argument), "?") for argument in arguments)
    return CelError(f"{function} cannot be applied to ({kinds})")


KIND_NAMES = {
    type(None): "null", bool: "bool", int: "int", float: "double", str: "string", list: "list", dict: "map",
}  # fmt: skip


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _equal(left: Any, right: Any) -> bool:
    if _is_number(left) and _is_number(right):
        both = type(left) is type(right)
        return bool(left == right) if both else float(left) == float(right)
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    return bool(left == right)


def _ordered(sign: str, compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def ordered(left: Any, right: Any) -> bool:
        if _is_number(left) and _is_number(right):
            if type(left) is not type(right):
                left, right = float(left), float(right)
        elif type(left) is not type(right) or not isinstance(left, (str, bool)):
            raise no_overload(sign, left, right)
        if isinstance(left, str):  # by the bytes, as Go does
            left, right = left.encode(), right.encode()
        return compare(left, right)

    return ordered


def _arithmetic(sign: str, compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def arithmetic(left: Any, right: Any) -> Any:
        if type(left) is not type(right) or not _is_number(left):
            raise no_overload(sign, left, right)
        try:
            return _in_range(compute(left, right))
        except (ZeroDivisionError, OverflowError):
            raise CelError(f"{sign} of {left} and {right} has no result") from None

    return arithmetic


def _in_range(number: Any) -> Any:
    if isinstance(number, int) and not -_INT64 <= number < _INT64:
        raise CelError("integer overflow")
    return number


def _add(left: Any, right: Any) -> Any:
    if type(left) is type(right) and isinstance(left, (str, list)):
        return left + right
    return _arithmetic("+", lambda a, b: a + b)(left, right)


def _divide(left: Any, right: Any) -> Any:
    if isinstance(left, float):
        return left / right if right else math.copysign(math.inf, left) if left else math.nan
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: Any, right: Any) -> Any:
    if isinstance(left, float):
        raise no_overload("%", left, right)
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def _negative(value: Any) -> Any:
    if not _is_number(value):
        raise no_overload("-", value)
    return _in_range(-value)


def _not(value: Any) -> bool:
    if not isinstance(value, bool):
        raise no_overload("!", value)
    return not value


def _within(item: Any, container: Any) -> bool:
    if isinstance(container, (list, dict)):
        return any(_equal(item, other) for other in container)
    raise no_overload("in", item, container)


def index(container: Any, key: Any) -> Any:
    """Return an item of a list, or what a key stands for; raises CelError without one."""
    if isinstance(container, dict):
        if not isinstance(key, str) or key not in container:
            raise CelError(f"no such key: {key}")
        return container[key]
    if isinstance(container, list) and _is_number(key) and float(key).is_integer():
        if not 0 <= key < len(container):
            raise CelError(f"index out of bounds: {int(key)}")
        return container[int(key)]
    raise no_overload("[]", container, key)


def _int(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?0*[0-9]{1,19}", value, re.ASCII):
        return int(_in_range(int(value)))
    if _is_number(value) and math.isfinite(value):
        return int(_in_range(int(value)))
    raise no_overload("int", value)


def _double(value: Any) -> float:
    if _is_number(value):
        return float(value)
    if isinstance(value, str):
        with suppress(ValueError):
            if value == value.strip():
                return float(values.from_text(value, "NUMBER_DOUBLE"))
    raise no_overload("double", value)


def _string(value: Any) -> str:
    if isinstance(value, (str, bool, float)):
        return values.driver_text(value)
    if isinstance(value, int):
        return str(value)
    raise no_overload("string", value)


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    try:
        return bool(values.from_text(value, "BOOLEAN"))
    except (ValueError, AttributeError):
        raise no_overload("bool", value) from None


def _size(value: Any) -> int:
    if isinstance(value, (str, list, dict)):
        return len(value)
    raise no_overload("size", value)


def _of_texts(name: str, function: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def of_texts(text: Any, other: Any) -> bool:
        if not isinstance(text, str) or not isinstance(other, str):
            raise no_overload(name, text, other)
        return function(text, other)

    return of_texts


def _parse_json(text: Any) -> Any:
    if not isinstance(text, str):
        raise no_overload("parseJson", text)
    try:
        return values.doubles(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise CelError(f"no JSON: {error}") from None


FUNCTIONS: Mapping[tuple[str, int], Callable[..., Any]] = {
    ("_==_", 2): _equal,
    ("_!=_", 2): lambda left, right: not _equal(left, right),
    ("_<_", 2): _ordered("<", lambda left, right: left < right),
    ("_<=_", 2): _ordered("<=", lambda left, right: left <= right),
    ("_>_", 2): _ordered(">", lambda left, right: left > right),
    ("_>=_", 2): _ordered(">=", lambda left, right: left >= right),
    ("_in_", 2): _within,
    ("_+_", 2): _add,
    ("_-_", 2): _arithmetic("-", lambda left, right: left - right),
    ("_*_", 2): _arithmetic("*", lambda left, right: left * right),
    ("_/_", 2): _arithmetic("/", _divide),
    ("_%_", 2): _arithmetic("%", _remainder),
    ("-_", 1): _negative,
    ("!_", 1): _not,
    ("_[_]", 2): index,
    ("int", 1): _int,
    ("double", 1): _double,
    ("string", 1): _string,
    ("bool", 1): _bool,
    ("dyn", 1): lambda value: value,
    ("size", 1): _size,
    (".size", 1): _size,
    ("parseJson", 1): _parse_json,
    (".startsWith", 2): _of_texts("startsWith", str.startswith),
    (".endsWith", 2): _of_texts("endsWith", str.endswith),
    (".contains", 2): _of_texts("contains", lambda text, other: other in text),
}
