"""Parses bodies with KFP's own models, and writes answers as the gateway does."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import kfp_server_api

from servers.kfp_server.refusals import invalid
from servers.kfp_server.tables import Row

TYPES: Mapping[str, tuple[type, ...]] = {
    "STRING": (str,),
    "NUMBER_INTEGER": (int, float),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
}


def parse(body: Any, model: str) -> Any:
    """Return ``body`` as one of KFP's models; a field that it does not have is refused."""
    if not isinstance(body, dict):
        raise invalid("the body is no JSON object")
    known = set(getattr(kfp_server_api, model).attribute_map.values())
    if unknown := set(body) - known:
        raise invalid(f"unknown field {sorted(unknown)}")
    try:
        return kfp_server_api.ApiClient().deserialize(SimpleNamespace(data=json.dumps(body)), model)
    except ValueError as error:
        raise invalid(f"proto: {error}") from None


def answer(row: Row, model: str) -> Row:
    """Return a row's fields that the model has; zero values are left out, as protobuf does."""
    known = set(getattr(kfp_server_api, model).attribute_map.values())
    return {key: value for key, value in row.items() if key in known and value not in ("", False)}


def check_inputs(spec: Any, parameters: Mapping[str, Any]) -> None:
    """Refuse parameters that a compiled pipeline does not take, as the backend does."""
    spec = spec.get("pipeline_spec", spec)
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for name, value in parameters.items():
        if name not in declared:
            raise invalid(f"parameter {name} is not defined in the pipeline")
        kind = declared[name]["parameterType"]
        is_bool = isinstance(value, bool)
        whole = kind != "NUMBER_INTEGER" or not isinstance(value, float) or value.is_integer()
        if not isinstance(value, TYPES[kind]) or is_bool != (kind == "BOOLEAN") or not whole:
            raise invalid(f"parameter {name} is of the wrong type")
    for name, declaration in declared.items():
        optional = "defaultValue" in declaration or declaration.get("isOptional")
        if name not in parameters and not optional:
            raise invalid(f"parameter {name} is required, and has no value")
