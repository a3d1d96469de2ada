"""Checks the inputs and outputs that a component declares: names, types, defaults."""

import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kfp_workbench.project.components import FINAL_STATUS, PARAMETERS, Component, parameter_type
from kfp_workbench.project.documents import Place
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown
from kfp_workbench.project.values import TYPES

Port = Mapping[str, Any]


def check_ports(component: Component, kind: str) -> Iterator[Finding]:
    """Find what kfp, or a cluster, does not take of ``inputs`` or ``outputs``."""
    items = component.value.get(kind) or []
    if not isinstance(items, list) or not all(
        isinstance(item, dict) and isinstance(item.get("name"), str) for item in items
    ):
        cure = "write - {name: ..., type: ...}"
        yield component.found((kind,), f"{kind} is no list of named items", cure)
        return
    seen: dict[str, str] = {}
    for number, item in enumerate(items):
        place = (kind, number)
        yield from _check_name(component, place, item, kind, seen)
        yield from _check_type(component, place, item, kind)
        yield from _check_default(component, place, item)


def _check_name(
    component: Component, place: Place, item: Port, kind: str, seen: dict[str, str]
) -> Iterator[Finding]:
    name = item["name"]
    key = _python_name(name)
    if key in seen:
        what = f"the {kind[:-1]} {shown(name)} and {shown(seen[key])} are one name to KFP"
        yield component.found((*place, "name"), what, "rename one")
    if not re.match("[a-z]", key):
        what = f"the {kind[:-1]} {shown(name)} is {shown(key)} to KFP, which takes no such name"
        yield component.found((*place, "name"), what, "begin it with a letter from a to z")
    seen[key] = name


def _check_type(component: Component, place: Place, item: Port, kind: str) -> Iterator[Finding]:
    """Find types that kfp makes something else of than they say.

    Any other that it does not know is an artifact to it, and so is what has no type.
    """
    name, declared = shown(item["name"]), item.get("type")
    here = (*place, "type")
    if declared is not None and not isinstance(declared, (str, dict)):
        what = f"{name} has the type {shown(declared)}, which is none"
        yield component.found(here, what, "write it as text, such as String or Dataset")
    elif kind == "outputs" and declared == FINAL_STATUS:
        yield component.found(here, f"{name} is a {declared}, which is an input's", "write String")
    elif kind == "outputs" and (word := _half_parameter(declared)):
        what = f"{name} has the type {shown(declared)}, of which kfp makes an artifact, and gives "
        what += "the step the path of a parameter"
        yield component.found(here, what, f"write {word}, or begin it with another word")
    elif isinstance(declared, str) and (meant := _meant(declared)):
        what = f"{name} has the unknown type {shown(declared)}, of which KFP makes an artifact"
        yield component.found(here, what, f"write {meant}")


def _half_parameter(declared: object) -> str | None:
    """Return the parameter's type that an artifact's begins with, as in ``{String: {}}``, ``Text file``.

    By that word alone kfp decides what the placeholder of an output is (``is_parameter_type``).
    """
    text = str(next(iter(declared), "")) if isinstance(declared, dict) else str(declared or "")
    match = re.match(r"(typing\.)?(\w+)", text)
    if match is None or not (parameter_type(match[2]) or match[2] == "TaskConfig"):
        return None
    return match[2] if isinstance(declared, dict) or not parameter_type(declared) else None


def _meant(declared: str) -> str | None:
    """Return the parameter's type that an unknown one is a slip of the pen from."""
    written = ("String", "Integer", "Float", "Double", "Boolean", "JsonObject", "JsonArray")
    names = {name.lower(): name for name in written}
    if parameter_type(declared) or declared.lower().rstrip("s") in PARAMETERS:
        return None
    close = difflib.get_close_matches(declared.lower(), names, 1, cutoff=0.8)
    return names[close[0]] if close else None


def _check_default(component: Component, place: Place, item: Port) -> Iterator[Finding]:
    default = item.get("default")
    if default is None:
        return
    kind = parameter_type(item.get("type"))
    if problem := _kept_from(default) or (_misfit(default, kind) if kind else None):
        what, cure = problem
        what = f"the default of {shown(item['name'])} {what}"
        yield component.found((*place, "default"), what, cure)


def _kept_from(default: object) -> tuple[str, str] | None:
    """Return why kfp takes no such default, whatever the type, and the cure."""
    if isinstance(default, (list, dict)):
        kind = "a list" if isinstance(default, list) else "an object"
        try:
            text = json.dumps(default)
        except (TypeError, ValueError, RecursionError):
            text = "..."
        return f"is {kind}, and kfp takes JSON as text only", f"write it in quotes, {text!r}"
    if not isinstance(default, (str, int, float, bool)):
        return f"is {shown(default)}, which YAML has as a {_type(default)}", "put it in quotes"
    if isinstance(default, float) and not math.isfinite(default):
        return f"is {shown(default)}, which KFP cannot carry", "write a number, or leave it out"
    return None


def _misfit(default: Any, kind: str) -> tuple[str, str] | None:
    """Return why a default does not fit a parameter's type, and the cure."""
    if kind not in TYPES:  # that KFP fills in itself
        return None
    if not _fits(default, kind):
        return f"is {shown(default)}, not {TYPES[kind][0]}", "write one that fits its type"
    return None


def _fits(default: Any, kind: str) -> bool:
    """Tell whether kfp can make a default of a type, which may be given as text."""
    is_bool = isinstance(default, bool)
    try:
        if kind == "STRING":
            return not is_bool  # which would be True with a capital
        if kind == "BOOLEAN":
            words = "y yes t true on 1 n no f false off 0"
            return is_bool or str(default).lower() in words.split()
        if kind in ("LIST", "STRUCT"):
            return isinstance(default, str) and isinstance(
                json.loads(default), dict if kind == "STRUCT" else list
            )
        number = int(str(default)) if kind == "NUMBER_INTEGER" else float(str(default))
        return not is_bool and math.isfinite(number)
    except (ValueError, OverflowError, RecursionError):
        return False


def _type(value: object) -> str:
    return {"date": "date", "datetime": "time"}.get(type(value).__name__, type(value).__name__)


def _python_name(name: str) -> str:
    """Return the name that kfp gives an input or output in Python."""
    return re.sub(r"[^_0-9a-z]+", "_", name.lower()).strip("_")
