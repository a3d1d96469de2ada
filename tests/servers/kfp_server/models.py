"""Parses bodies with KFP's own models, and writes answers as the gateway does."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import kfp_server_api
from google.protobuf import json_format
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec, PlatformSpec

from servers.kfp_server.refusals import RefusalError, invalid
from servers.kfp_server.tables import Row

# What a parameter's value has to be, and what the server calls that.
TYPES: Mapping[str, tuple[type, ...]] = {
    "STRING": (str,),
    "NUMBER_INTEGER": (int, float),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
}
WORDS = {"STRING": "string", "BOOLEAN": "bool", "LIST": "list", "STRUCT": "struct"}


def parse(body: Any, model: str) -> Any:
    """Return ``body`` as one of KFP's models; a field that it does not have is refused."""
    body = {} if body is None else body
    if not isinstance(body, dict):
        raise RefusalError(400, 3, "proto: syntax error (line 1:1): unexpected token")
    known = set(getattr(kfp_server_api, model).attribute_map.values())
    if unknown := sorted(set(body) - known):
        raise RefusalError(400, 3, f'proto: (line 1:2): unknown field "{unknown[0]}"')
    try:
        return kfp_server_api.ApiClient().deserialize(SimpleNamespace(data=json.dumps(body)), model)
    except ValueError as error:
        raise RefusalError(400, 3, f"proto: {error}") from None


def answer(row: Row, model: str) -> Row:
    """Return a row's fields that the model has; zero values are left out, as protobuf does."""
    known = set(getattr(kfp_server_api, model).attribute_map.values())
    return {key: row[key] for key in row if key in known and row[key] not in ("", False, None)}


def page(field: str, model: str, rows: list[Row], total: int, token: str) -> Row:
    """Return a listing's answer; one of nothing is ``{}``."""
    answers = [answer(row, model) for row in rows]
    return {
        **({field: answers, "total_size": total} if answers else {}),
        **({"next_page_token": token} if token else {}),
    }


def spec(documents: list[Any]) -> Row:
    """Return a pipeline as it is kept: what protobuf makes of it, without default values."""
    try:
        messages = [
            json_format.ParseDict(document, kind())
            for document, kind in zip(documents, (PipelineSpec, PlatformSpec), strict=False)
        ]
    except (json_format.ParseError, AttributeError):
        messages = []
    if not messages or not messages[0].pipeline_info.name or not messages[0].HasField("root"):
        raise RefusalError(400, 3, "pipeline spec is invalid", "unknown template format")
    kept = [json.loads(json_format.MessageToJson(message)) for message in messages]
    # With a second document, they are kept under these names.
    return {"pipeline_spec": kept[0], "platform_spec": kept[1]} if kept[1:] else kept[0]


def check_inputs(spec: Any, parameters: Mapping[str, Any] | None) -> None:
    """Refuse parameters that a compiled pipeline does not take, as the backend does."""
    spec = spec.get("pipeline_spec", spec)
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    if parameters is None and declared:
        names = ", ".join(declared)
        needed = f"has no parameter(s) provided. Need parameter(s): {names}"
        raise invalid(f"pipeline requiring input {needed}")
    given = parameters or {}
    for name, declaration in declared.items():
        if name in given:
            _check_type(name, declaration["parameterType"], given[name])
        elif "defaultValue" not in declaration and not declaration.get("isOptional"):
            value = "has neither default value nor user provided value"
            raise invalid(f"parameter {name} is not optional, yet {value}")
    if extra := [name for name in given if name not in declared]:
        names = ", ".join(extra)
        raise invalid(f"parameter(s) provided are not required by pipeline: {names}")


def _check_type(name: str, kind: str, value: Any) -> None:
    if isinstance(value, TYPES[kind]) and isinstance(value, bool) == (kind == "BOOLEAN"):
        return
    if kind not in WORDS:
        problem = "double or integer, but the parameter value is not of number value type"
    else:
        problem = f"{WORDS[kind]}, but the input parameter is not of {WORDS[kind]} value type"
    raise invalid(f"input parameter {name} requires type {problem}")
