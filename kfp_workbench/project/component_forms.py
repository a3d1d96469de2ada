"""The two forms of a component that kfp reads, told of as one.

The plain one is what people write; the compiled one (``kfp.compiler`` writes it, and
`kfp_workbench.project.component_text` where the plain one cannot say it all) has the keys of a
pipeline. This module has no need of kfp or of YAML.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

# How the file of a typed step begins.
HEAD = "# Written by `make component` from main.py: change the function there, not this."
# What the plain form calls what the compiled one calls so.
PLAIN_TYPES = {
    "STRING": "String",
    "NUMBER_INTEGER": "Integer",
    "NUMBER_DOUBLE": "Float",
    "BOOLEAN": "Boolean",
    "LIST": "JsonArray",
    "STRUCT": "JsonObject",
    "TASK_FINAL_STATUS": "PipelineTaskFinalStatus",
}
EXECUTOR_INPUT = "{{$}}"  # what stands for it in the compiled form
IS_LIST = "isArtifactList"  # a key of ports that only the compiled form has


def key_of(name: str) -> str:
    """Return what kfp makes of a name in the plain form (``kfp.dsl.utils.sanitize_input_name``)."""
    return re.sub("[^_0-9a-z]+", "_", name.lower()).strip("_")


def is_compiled(value: Any) -> bool:
    """Tell whether a component's YAML is of the compiled form."""
    return isinstance(value, dict) and "implementation" not in value and "components" in value


def as_plain(value: Any) -> Any:
    """Return a component in the plain form, as far as that goes; one that is plain as it is.

    What is in the compiled form and no component of one container is returned as it is, too.
    """
    if not is_compiled(value):
        return value
    try:
        (component,) = value["components"].values()
        (executor,) = value["deploymentSpec"]["executors"].values()
        container = dict(executor["container"])
        args = [{"executorInput": None} if word == EXECUTOR_INPUT else word
                for word in container.get("args") or []]  # fmt: skip
        return {
            "name": value["pipelineInfo"]["name"],
            "inputs": list(_ports(component.get("inputDefinitions") or {})),
            "outputs": list(_ports(component.get("outputDefinitions") or {})),
            "implementation": {"container": {**container, "args": args}},
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        return value


def _ports(definitions: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, item in (definitions.get("artifacts") or {}).items():
        port = {"name": name, "type": item["artifactType"]["schemaTitle"].removeprefix("system.")}
        if item.get(IS_LIST):
            port[IS_LIST] = True
        yield _with_default(port, item)
    for name, item in (definitions.get("parameters") or {}).items():
        kind = item["parameterType"]
        yield _with_default({"name": name, "type": PLAIN_TYPES.get(kind, kind)}, item)


def _with_default(port: dict[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    if "defaultValue" in item:
        port["default"] = item["defaultValue"]
    elif item.get("isOptional"):
        port["optional"] = True
    return port
