"""Evaluates conditions and selectors, as the driver does with cel-go.

https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/expression/expression.go. Values are
looked up, never pasted into a text: what is in them is data. Numbers of a pipeline are doubles, whole
numbers in an expression integers; unlike kinds are unequal, and cannot be ordered.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from kfp_workbench.local import values
from kfp_workbench.local.cel import (
    Call,
    ListOf,
    Literal,
    MapOf,
    Name,
    Node,
    Select,
    parse,
)
from kfp_workbench.local.cel_functions import FUNCTIONS, KIND_NAMES, index, no_overload
from kfp_workbench.local.problems import CelError

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
    result = _result(text, context)
    if not isinstance(result, bool):
        raise CelError(f"{text} is neither true nor false")
    return result


def select(value: Any, text: str) -> Any:
    """Return the part of a value that a selector names; raises CelError."""
    context = {name: value for name, kind in _FIELDS.items() if type(value) is kind}
    result = _result(text, {**context, "string_value": values.launcher_text(value)})
    if result is None:
        raise CelError(f"{text} is null")
    return values.doubles(result)


def _result(text: str, context: Mapping[str, Any]) -> Any:
    try:
        return _evaluate(_checked(text), context)
    except RecursionError:
        raise CelError("its parts are nested too deeply") from None


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
        return index(_evaluate(node.operand, context), node.field)
    if isinstance(node, ListOf):
        return [_evaluate(item, context) for item in node.items]
    if isinstance(node, MapOf):
        return {_key(key, context): _evaluate(item, context) for key, item in node.entries}
    if node.function in _LAZY:
        return _LAZY[node.function](node.arguments, context)
    function = FUNCTIONS.get((node.function, len(node.arguments)))
    if function is None:
        raise CelError(f"there is no function {node.function.strip('.')} of that many arguments")
    return function(*[_evaluate(argument, context) for argument in node.arguments])


def _key(node: Node, context: Mapping[str, Any]) -> Any:
    key = _evaluate(node, context)
    if not isinstance(key, (str, int)):
        raise no_overload("a key", key)
    return key


def _either(is_end: bool) -> Callable[[tuple[Node, ...], Mapping[str, Any]], bool]:
    """Return the function of && or ||: one side that decides makes up for an error of the other."""

    def combine(arguments: tuple[Node, ...], context: Mapping[str, Any]) -> bool:
        problem: CelError | None = None
        for argument in arguments:
            try:
                value: Any = _evaluate(argument, context)
            except CelError as error:
                problem = problem or error
                continue
            if value is is_end:
                return bool(value)
            if not isinstance(value, bool):
                problem = problem or no_overload("&& or ||", value)
        if problem:
            raise problem
        return not is_end

    return combine


def _choice(arguments: tuple[Node, ...], context: Mapping[str, Any]) -> Any:
    value = _evaluate(arguments[0], context)
    if not isinstance(value, bool):
        raise no_overload("?:", value)
    return _evaluate(arguments[1 if value else 2], context)


def _has(arguments: tuple[Node, ...], context: Mapping[str, Any]) -> bool:
    field = arguments[0] if len(arguments) == 1 else None
    if not isinstance(field, Select):
        raise CelError("has() takes a field")
    value = _evaluate(field.operand, context)
    if not isinstance(value, dict):
        raise no_overload("has", value)
    return field.field in value


_LAZY: Mapping[str, Callable[[tuple[Node, ...], Mapping[str, Any]], Any]] = {
    "_&&_": _either(False),
    "_||_": _either(True),
    "_?_:_": _choice,
    "has": _has,
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
        return KIND_NAMES[type(node.value)]
    if isinstance(node, Select):
        _kind(node.operand)
    if not isinstance(node, Call):
        return "dyn"
    kinds = [_kind(argument) for argument in node.arguments]
    known = [kind for kind in kinds if kind != "dyn"]
    unlike = len(set(known)) > 1
    numbers = set(known) <= {"int", "double"}
    cannot_compare = node.function in _EQUAL or (node.function in _ORDER and not numbers)
    if unlike and cannot_compare:
        raise CelError(f"{node.function.strip('_')} cannot be applied to ({', '.join(kinds)})")
    if node.function in _LOGIC and set(known) - {"bool"}:
        raise CelError(f"{node.function.strip('_')} cannot be applied to ({', '.join(kinds)})")
    return _RESULTS.get(node.function, "dyn")
