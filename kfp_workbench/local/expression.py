"""Evaluates conditions and selectors, as the driver does with cel-go.

https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/expression/expression.go. Values are
looked up, never pasted into a text: what is in them is data. Numbers of a pipeline are doubles, whole
numbers in an expression integers; unlike kinds are unequal, and cannot be ordered.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from kfp_workbench.local import values
from kfp_workbench.local.cel import Call, CelError, ListOf, Literal, MapOf, Name, Node, Select, parse

_INT64 = 2**63
_FIELDS = {
    "null_value": type(None),
    "number_value": float,
    "bool_value": bool,
    "struct_value": dict,
    "list_value": list,
}


def condition(text: str, inputs: Mapping[str, Any]) -> bool:
    """Tell whether a condition holds for the parameters that a task is given; raises CelError."""
    context = {"inputs": {"parameter_values": dict(inputs), "artifacts": {}}, "outputs": {}}
    result = _evaluate(_checked(text), context)
    if not isinstance(result, bool):
        raise CelError(f"{text} is neither true nor false")
    return result


def select(value: Any, text: str) -> Any:
    """Return the part of a value that a selector names; raises CelError."""
    context = {name: value for name, kind in _FIELDS.items() if type(value) is kind}
    result = _evaluate(_checked(text), {**context, "string_value": values.launcher_text(value)})
    if result is None:
        raise CelError(f"{text} is null")
    return values.doubles(result)


@lru_cache(maxsize=1024)
def _checked(text: str) -> Node:
    node = parse(text)
    _kind(node)
    return node


def _evaluate(node: Node, context: Mapping[str, Any]) -> Any:
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Name):
        if node.name not in context:
            raise CelError(f"there is no {node.name}")
        return context[node.name]
    if isinstance(node, Select):
        return _index(_evaluate(node.operand, context), node.field)
    if isinstance(node, ListOf):
        return [_evaluate(item, context) for item in node.items]
    if isinstance(node, MapOf):
        return {_evaluate(key, context): _evaluate(item, context) for key, item in node.entries}
    if node.function in _LAZY:
        return _LAZY[node.function](node.arguments, context)
    function = _FUNCTIONS.get((node.function, len(node.arguments)))
    if function is None:
        raise CelError(f"there is no function {node.function.strip('.')} of that many arguments")
    return function(*[_evaluate(argument, context) for argument in node.arguments])


def _either(is_end: bool) -> Callable[[tuple[Node, ...], Mapping[str, Any]], bool]:
    """Return the function of && or ||: one side that decides makes up for an error of the other."""

    def combine(arguments: tuple[Node, ...], context: Mapping[str, Any]) -> bool:
        problem: CelError | None = None
        for argument in arguments:
            try:
                value = _evaluate(argument, context)
            except CelError as error:
                problem = problem or error
                continue
            if value is is_end:
                return is_end
            if not isinstance(value, bool):
                problem = problem or _no_overload("&& or ||", value)
        if problem:
            raise problem
        return not is_end

    return combine


def _choice(arguments: tuple[Node, ...], context: Mapping[str, Any]) -> Any:
    value = _evaluate(arguments[0], context)
    if not isinstance(value, bool):
        raise _no_overload("?:", value)
    return _evaluate(arguments[1 if value else 2], context)


def _has(arguments: tuple[Node, ...], context: Mapping[str, Any]) -> bool:
    (field,) = arguments
    if not isinstance(field, Select):
        raise CelError("has() takes a field")
    return field.field in _evaluate(field.operand, context)


_LAZY: Mapping[str, Callable[[tuple[Node, ...], Mapping[str, Any]], Any]] = {
    "_&&_": _either(False),
    "_||_": _either(True),
    "_?_:_": _choice,
    "has": _has,
}


def _no_overload(function: str, *arguments: Any) -> CelError:
    kinds = ", ".join(_KIND_NAMES.get(type(argument), "?") for argument in arguments)
    return CelError(f"{function} cannot be applied to ({kinds})")


_KIND_NAMES = {
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
            raise _no_overload(sign, left, right)
        if isinstance(left, str):  # by the bytes, as Go does
            left, right = left.encode(), right.encode()
        return compare(left, right)

    return ordered


def _arithmetic(sign: str, compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def arithmetic(left: Any, right: Any) -> Any:
        if type(left) is not type(right) or not _is_number(left):
            raise _no_overload(sign, left, right)
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
        raise _no_overload("%", left, right)
    return int(math.copysign(abs(left) % abs(right), left)) if left else 0 % right


def _negative(value: Any) -> Any:
    if not _is_number(value):
        raise _no_overload("-", value)
    return _in_range(-value)


def _not(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _no_overload("!", value)
    return not value


def _within(item: Any, container: Any) -> bool:
    if isinstance(container, (list, dict)):
        return any(_equal(item, other) for other in container)
    raise _no_overload("in", item, container)


def _index(container: Any, key: Any) -> Any:
    if isinstance(container, dict):
        if not isinstance(key, str) or key not in container:
            raise CelError(f"no such key: {key}")
        return container[key]
    if isinstance(container, list) and _is_number(key) and float(key).is_integer():
        if not 0 <= key < len(container):
            raise CelError(f"index out of bounds: {int(key)}")
        return container[int(key)]
    raise _no_overload("[]", container, key)


def _int(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+", value, re.ASCII):
        return int(_in_range(int(value)))
    if _is_number(value) and math.isfinite(value):
        return int(_in_range(int(value)))
    raise _no_overload("int", value)


def _double(value: Any) -> float:
    if _is_number(value):
        return float(value)
    if isinstance(value, str):
        try:
            return float(values.from_text(value, "NUMBER_DOUBLE")) if value == value.strip() else _int(value)
        except ValueError as error:
            raise CelError(str(error)) from None
    raise _no_overload("double", value)


def _string(value: Any) -> str:
    if isinstance(value, (str, bool, float)):
        return values.driver_text(value)
    if isinstance(value, int):
        return str(value)
    raise _no_overload("string", value)


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    try:
        return bool(values.from_text(value, "BOOLEAN"))
    except (ValueError, AttributeError):
        raise _no_overload("bool", value) from None


def _size(value: Any) -> int:
    if isinstance(value, (str, list, dict)):
        return len(value)
    raise _no_overload("size", value)


def _of_texts(name: str, function: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def of_texts(text: Any, other: Any) -> bool:
        if not isinstance(text, str) or not isinstance(other, str):
            raise _no_overload(name, text, other)
        return function(text, other)

    return of_texts


def _parse_json(text: Any) -> Any:
    if not isinstance(text, str):
        raise _no_overload("parseJson", text)
    try:
        return values.doubles(json.loads(text))
    except ValueError as error:
        raise CelError(f"no JSON: {error}") from None


_FUNCTIONS: Mapping[tuple[str, int], Callable[..., Any]] = {
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
    ("_[_]", 2): _index,
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

# What is known of an expression's kind before it is evaluated; cel-go refuses unlike ones then.
_RESULTS = {
    **dict.fromkeys(("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_in_", "_&&_", "_||_", "!_"), "bool"),
    "int": "int", "double": "double", "string": "string", "bool": "bool", "size": "int", "has": "bool",
}  # fmt: skip
_EQUAL = ("_==_", "_!=_")
_ORDER = ("_<_", "_<=_", "_>_", "_>=_")
_LOGIC = ("_&&_", "_||_", "!_")


def _kind(node: Node) -> str:
    """Return the kind of an expression, ``dyn`` where that is open; raises CelError for a mismatch."""
    if isinstance(node, Literal):
        return _KIND_NAMES[type(node.value)]
    if isinstance(node, Select):
        _kind(node.operand)
    if not isinstance(node, Call):
        return "dyn"
    kinds = [_kind(argument) for argument in node.arguments]
    known = [kind for kind in kinds if kind != "dyn"]
    unlike = len(set(known)) > 1
    numbers = set(known) <= {"int", "double"}
    if node.function in _EQUAL and unlike or node.function in _ORDER and unlike and not numbers:
        raise CelError(f"{node.function.strip('_')} cannot be applied to ({', '.join(kinds)})")
    if node.function in _LOGIC and set(known) - {"bool"}:
        raise CelError(f"{node.function.strip('_')} cannot be applied to ({', '.join(kinds)})")
    return _RESULTS.get(node.function, "dyn")
