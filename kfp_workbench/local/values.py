"""Values of parameters as KFP has them, and as its parts, which are written in Go, write them.

A value is what JSON has, with one kind of number: a double. How one becomes text differs with
who writes it: the driver (`driver_text`), the launcher (`launcher_text`), and both for what is
handed over as JSON (`json_text`: encoding/json; `proto_json`: protojson). From
https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2 (``driver/util.go``,
``component/launcher_v2.go``, ``metadata/converter.go``).
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

# What component.yaml calls the types of the compiled pipeline.
TYPES = {
    "STRING": "String",
    "NUMBER_INTEGER": "Integer",
    "NUMBER_DOUBLE": "Float",
    "BOOLEAN": "Boolean",
    "LIST": "JsonArray",
    "STRUCT": "JsonObject",
}
KINDS: Mapping[str, Callable[[Any], bool]] = {
    "STRING": lambda value: isinstance(value, str),
    "NUMBER_INTEGER": lambda value: isinstance(value, float),
    "NUMBER_DOUBLE": lambda value: isinstance(value, float),
    "BOOLEAN": lambda value: isinstance(value, bool),
    "LIST": lambda value: isinstance(value, list),
    "STRUCT": lambda value: isinstance(value, dict),
    "TASK_FINAL_STATUS": lambda value: isinstance(value, dict),
    "TASK_CONFIG": lambda value: isinstance(value, dict),
}
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")
_HTML = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})
_INT64 = 2**63
# What Go's strings.TrimSpace takes off: Unicode's White_Space.
_SPACES = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_DIGITS = r"[0-9]+(?:_[0-9]+)*"
_FLOAT = (
    rf"(?ai)[+-]?((?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(e[+-]?{_DIGITS})?|inf(inity)?|nan)"
)
_HEX_FLOAT = r"(?i)[+-]?0x([0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)p[+-]?\d+"


def doubles(value: Any) -> Any:
    """Return a JSON value with all numbers as doubles."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): doubles(item) for key, item in value.items()}
    return [doubles(item) for item in value]


def plain(value: Any) -> Any:
    """Return a value with whole numbers as such, for people and for Python's JSON."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)
    return value


def is_finite(value: Any) -> bool:
    """Tell whether JSON has all numbers of a value: there is no infinity, and no NaN."""
    if isinstance(value, dict):
        return all(map(is_finite, value.values()))
    if isinstance(value, list):
        return all(map(is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def driver_text(value: Any) -> str:
    """Return a value as the driver puts it into a command line (pbValueToString)."""
    if isinstance(value, float):
        whole = value.is_integer() and -_INT64 <= value < _INT64
        return str(int(value)) if whole else _shortest(value)
    return launcher_text(value)


def launcher_text(value: Any) -> str:
    """Return a value as the launcher puts it into a command line (PbValueToText)."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return _decimal(value) if isinstance(value, float) else json_text(value)


def json_text(value: Any) -> str:
    """Return JSON as encoding/json writes it: sorted, without blanks, and safe within HTML."""
    return proto_json(value).translate(_HTML)


def proto_json(value: Any) -> str:
    """Return JSON as protojson writes it; keys are in the order of the mapping, if not sorted."""
    if isinstance(value, dict):
        pairs = (f"{_quoted(key)}:{proto_json(value[key])}" for key in sorted(value))
        return f"{{{','.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(proto_json, value))}]"
    if isinstance(value, float):
        return _json_number(value)
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _digits(value: float) -> tuple[str, str, int]:
    """Return sign, the fewest digits that stand for a double, and the exponent of the first."""
    head, _, power = repr(abs(value)).partition("e")  # has the fewest, too
    whole, _, rest = head.partition(".")
    digits = (whole + rest).lstrip("0")
    exponent = len(digits) - len(rest) - 1 + int(power or 0)
    return "-" if value < 0 else "", digits.rstrip("0"), exponent


def _decimal(value: float) -> str:
    """Return a number without exponent (FormatFloat 'f', -1)."""
    if not math.isfinite(value):
        return _not_finite(value)
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    text = repr(value)
    if "e" not in text:
        return text.removesuffix(".0")
    sign, digits, exponent = _digits(value)
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    return sign + digits.ljust(exponent + 1, "0")  # from 1e16 on, so that it is whole


def _exponential(value: float) -> tuple[str, int]:
    sign, digits, exponent = _digits(value)
    return f"{sign}{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}e", exponent


def _shortest(value: float) -> str:
    """Return a number as %g writes it."""
    if not math.isfinite(value) or value == 0:
        return _decimal(value)
    _, _, exponent = _digits(value)
    if -4 <= exponent < 6:
        return _decimal(value)
    head, exponent = _exponential(value)
    return f"{head}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _json_number(value: float) -> str:
    """Return a number as encoding/json and protojson do: ECMAScript's rule."""
    if not math.isfinite(value):
        return f'"{_not_finite(value)}"'
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return _decimal(value)
    head, exponent = _exponential(value)
    return f"{head}{'-' if exponent < 0 else '+'}{abs(exponent)}"


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def from_text(text: str, kind: str) -> Any:
    """Return the value that a step wrote to the file of an output (TextToPbValue).

    Raises ValueError, in the launcher's words, for what is none of its type.
    """
    reader = _READERS.get(kind)
    if reader is None:
        raise ValueError(f"no file can hold a {kind}")
    return reader(text)


def _integer(text: str) -> float:
    stripped = text.strip(_SPACES)
    if not re.fullmatch(r"[+-]?[0-9]+", stripped, re.ASCII):
        raise ValueError(f"{json.dumps(stripped)} is no whole number")
    number = int(stripped)
    if not -_INT64 <= number < _INT64:
        raise ValueError(f"{stripped} is out of range")
    return float(number)


def _double(text: str) -> float:
    stripped = text.strip(_SPACES)
    if re.fullmatch(_HEX_FLOAT, stripped):
        try:
            return float.fromhex(stripped)
        except OverflowError:
            raise ValueError(f"{stripped} is out of range") from None
    if not re.fullmatch(_FLOAT, stripped):
        raise ValueError(f"{json.dumps(stripped)} is no number")
    number = float(stripped)
    if math.isinf(number) and "inf" not in stripped.lower():
        raise ValueError(f"{stripped} is out of range")
    return number


def _boolean(text: str) -> bool:
    stripped = text.strip(_SPACES)
    if stripped not in (*_TRUE, *_FALSE):
        raise ValueError(f"{json.dumps(stripped)} is neither true nor false")
    return stripped in _TRUE


def _list(text: str) -> Any:
    return _json_of(text, list, "list")


def _struct(text: str) -> Any:
    return _json_of(text, dict, "object")


def _json_of(text: str, kind: type, name: str) -> Any:
    value = parse_json(text)
    if not isinstance(value, kind):
        raise ValueError(f"is JSON, but no {name}")
    return value


def parse_json(text: str) -> Any:
    """Return a JSON text as a value; raises ValueError for what protojson does not take."""
    try:
        value = doubles(
            json.loads(
                text, parse_int=float, parse_constant=_no_constant, object_pairs_hook=_unique
            )
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no valid JSON: {error}") from None
    if not is_finite(value):
        raise ValueError("no valid JSON: a number is out of range")
    if "\\u" in text and any("\ud800" <= char < "\ue000" for char in proto_json(value)):
        raise ValueError("no valid JSON: a half of a character stands alone")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


_READERS: Mapping[str, Callable[[str], Any]] = {
    "STRING": str,
    "NUMBER_INTEGER": _integer,
    "NUMBER_DOUBLE": _double,
    "BOOLEAN": _boolean,
    "LIST": _list,
    "STRUCT": _struct,
}
