"""Checks requests and answers against KFP's OpenAPI file: for developing these tests.

It is off unless the variable KFP_OPENAPI names the file (Swagger 2.0), which is at
https://github.com/kubeflow/pipelines/blob/master/backend/api/v2beta1/swagger/kfp_api_single_file.swagger.json
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from servers.kfp_server.requests import Request

_TYPES: Mapping[str, Any] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
}
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@cache
def document() -> Any:
    """Return the file, or None where it is not named."""
    path = os.environ.get("KFP_OPENAPI")
    return json.loads(Path(path).read_text(encoding="utf-8")) if path else None


def problems(request: Request, path: str, status: int, answer: Any) -> list[str]:
    """Return what the file does not allow; ``path`` is without the server's prefix."""
    if document() is None or not path.startswith("/apis/v2beta1/"):
        return []
    operation = _operation(request.method, path)
    if operation is None:
        return [f"{request.method} {path}: there is no such operation"]
    place = f"{request.method} {path}"
    found = [*_query(operation, request, place)]
    bodies = [part for part in operation.get("parameters", []) if part["in"] == "body"]
    if bodies:
        found += _schema(bodies[0]["schema"], request.body, f"{place}: body", sent=True)
    elif request.body is not None and not isinstance(request.body, str):
        found.append(f"{place}: it takes no body")
    # healthz says more than the file has.
    if status == 200 and not path.endswith("/healthz"):
        found += _schema(operation["responses"]["200"]["schema"], answer, f"{place}: answer")
    return found


def _operation(method: str, path: str) -> Any:
    candidates = sorted(document()["paths"].items(), key=lambda item: item[0].count("{"))
    for template, operations in candidates:
        pattern = "".join(
            "[^/:]+" if part.startswith("{") else re.escape(part)
            for part in re.split(r"(\{[^}]+\})", template)
        )
        if re.fullmatch(pattern, path) and method.lower() in operations:
            return operations[method.lower()]
    return None


def _query(operation: Any, request: Request, place: str) -> Iterator[str]:
    known = {
        part["name"]: part for part in operation.get("parameters", []) if part["in"] == "query"
    }
    for name, values in request.query.items():
        if name not in known:
            yield f"{place}: no such parameter: {name}"
        elif len(values) != 1:
            yield f"{place}: {name} is there {len(values)} times"
        elif "enum" in known[name] and values[0] not in known[name]["enum"]:
            yield f"{place}: {name} cannot be {values[0]!r}"
        elif known[name].get("type") == "integer" and not values[0].isdigit():
            yield f"{place}: {name} is no number: {values[0]!r}"


def _schema(schema: Any, value: Any, place: str, *, sent: bool = False) -> Iterator[str]:
    if "$ref" in schema:
        schema = document()["definitions"][schema["$ref"].rpartition("/")[2]]
    kind = str(schema.get("type"))
    if value is None or kind not in _TYPES:
        return
    if sent and schema.get("format") == "int64" and isinstance(value, int):
        return  # protobuf's JSON takes both
    if not isinstance(value, _TYPES[kind]) or (kind != "boolean" and isinstance(value, bool)):
        yield f"{place}: {value!r} is no {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is none of {schema['enum']}"
    if schema.get("format") == "date-time" and not _DATE.fullmatch(value):
        yield f"{place}: {value!r} is no time"
    if kind == "array":
        for index, item in enumerate(value):
            yield from _schema(schema.get("items", {}), item, f"{place}[{index}]", sent=sent)
    if kind == "object":
        yield from _object(schema, value, place, sent)


def _object(schema: Any, value: Any, place: str, sent: bool) -> Iterator[str]:
    known = schema.get("properties")
    if known is None and "additionalProperties" not in schema:
        return  # any object, such as a pipeline spec
    for key, item in value.items():
        if known and key in known:
            yield from _schema(known[key], item, f"{place}.{key}", sent=sent)
        elif "additionalProperties" in schema:
            yield from _schema(schema["additionalProperties"], item, f"{place}.{key}", sent=sent)
        else:
            yield f"{place}: no such field: {key}"
