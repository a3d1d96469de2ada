"""What KFP's driver and launcher make of the values of parameters, on the way from step to step.

An input of type String takes any value, as text; the others take what they are declared as.
A step's output is text in a file, read by its type, or a JSON value:
https://github.com/kubeflow/pipelines/tree/master/backend/src/v2 (``driver/resolve.go``,
``metadata/converter.go`` and ``component/launcher_v2.go``).
"""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from google.protobuf import json_format, struct_pb2
from kfp.local.executor_output_utils import pb2_value_to_python
from kfp.pipeline_spec import pipeline_spec_pb2

from kfp_workbench.project.names import CHANNEL, called, shown
from kfp_workbench.project.secrecy import MASK, hide, is_secret

# What component.yaml calls the types of the compiled pipeline.
TYPES = {
    "STRING": "String",
    "NUMBER_INTEGER": "Integer",
    "NUMBER_DOUBLE": "Float",
    "BOOLEAN": "Boolean",
    "LIST": "JsonArray",
    "STRUCT": "JsonObject",
}
_PYTHON: Mapping[str, tuple[type, ...]] = {
    "NUMBER_INTEGER": (int, float),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
}
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")
_HTML = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


def kind_of(spec: Any) -> str:
    """Return what the compiled pipeline calls a parameter's type."""
    return str(pipeline_spec_pb2.ParameterType.ParameterTypeEnum.Name(spec.parameter_type))


def converted(name: str, value: Any, kind: str) -> Any:
    """Return a value as a parameter of a type gets it; raises ValueError for one that cannot be.

    A cluster lets a fraction pass for an Integer, and leaves it to the step: here it is refused.
    """
    if kind == "STRING":
        return text_of(value)
    if kind not in _PYTHON:
        return value  # KFP's own
    fits = isinstance(value, _PYTHON[kind]) and (kind == "BOOLEAN" or not isinstance(value, bool))
    if fits and kind == "NUMBER_INTEGER":
        fits = float(value).is_integer()
    if not fits or not _is_json(value):
        raise ValueError(problem(name, value, kind))
    return int(value) if kind == "NUMBER_INTEGER" else value


def _is_json(value: Any) -> bool:
    """Tell whether there is no infinity and no NaN in a value."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def problem(name: str, value: Any, kind: str) -> str:
    """Say that a value is none of its type, without repeating secrets."""
    said = MASK if is_secret(name.removeprefix(CHANNEL)) else shown(hide(plain(value)))
    return f"{called(name)} is {said}, which is no {TYPES[kind]}"


def given(definitions: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as a component gets them, by what it declares.

    An optional one without a value is left out; names that it does not declare are of what a
    text is made of. Raises ValueError for a value that cannot be handed over.
    """
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        declared = definitions.parameters.get(name)
        if name in definitions.artifacts:
            found[name] = value
        elif value is not None:
            found[name] = converted(name, value, kind_of(declared) if declared else "STRING")
        elif not (declared and declared.is_optional):
            raise ValueError(f"{called(name)} has no value: give it one")
    return found


def text_of(value: Any) -> str:
    """Return a value as text: numbers without exponent, the rest as JSON, nothing for none."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return format(Decimal(repr(value)).normalize(), "f")
    text = json.dumps(plain(value), separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return text.translate(_HTML)


def plain(value: Any) -> Any:
    """Return a value with whole numbers as such: KFP has doubles, and writes 2 for 2.0."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)
    return value


def from_text(name: str, text: str, kind: str) -> Any:
    """Return the value of a type that a step wrote to a file; raises ValueError if it is none."""
    try:
        return converted(name, _READERS.get(kind, _json)(text), kind)
    except (ValueError, json_format.ParseError, RecursionError):
        raise ValueError(problem(name, text, kind)) from None


def _integer(text: str) -> int:
    if not re.fullmatch("[+-]?[0-9]+", text.strip(), re.ASCII) or abs(int(text)) >= 2**63:
        raise ValueError(text)
    return int(float(text))


def _double(text: str) -> float:
    if "_" in text:  # which Python takes, and Go does not
        raise ValueError(text)
    return float(text)


def _boolean(text: str) -> bool:
    if text.strip() not in (*_TRUE, *_FALSE):
        raise ValueError(text)
    return text.strip() in _TRUE


def _json(text: str) -> Any:
    value = struct_pb2.Value()
    json_format.Parse(text, value)
    return pb2_value_to_python(value)


_READERS: Mapping[str, Callable[[str], Any]] = {
    "STRING": str,
    "NUMBER_INTEGER": _integer,
    "NUMBER_DOUBLE": _double,
    "BOOLEAN": _boolean,
}
