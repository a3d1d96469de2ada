"""A typed step's ``component.yaml``, from its signature: the same bytes each time.

kfp reads two forms of a component. People write the plain one:
https://www.kubeflow.org/docs/components/pipelines/legacy-v1/reference/component-spec/
It makes names lower case, and has no lists of artifacts. Where that would change what
``@dsl.component`` makes of the same function, the compiled form is written, which says all:
https://github.com/kubeflow/pipelines/blob/2.17.0/api/v2alpha1/pipeline_spec.proto
A step of one context, which is a dict and becomes another, has the plain one all the same: its result
is called ``output`` then.
"""

import contextlib
import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from kfp_workbench.project.component_forms import EXECUTOR_INPUT, HEAD, IS_LIST, PLAIN_TYPES, key_of
from kfp_workbench.project.signatures import RESULT, Port, Signature

_WHY = "# Lists of artifacts and capitals need the form of compiled pipelines."
_FLAG = "--executor-input"
# What most texts of a component are, and need not be quoted.
_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
_IMAGE = re.compile(r"[A-Za-z][\w./:-]*\w", re.ASCII)
_BREAKS = re.compile("[\x85\u2028\u2029]")  # new lines to YAML, unless they are escaped
_CONTEXT = [("context", "STRUCT"), (RESULT, "STRUCT")]


def text(signature: Signature, image: str, command: Sequence[str], kept: Mapping[str, Any]) -> str:
    """Return a step's ``component.yaml``.

    ``command`` is the Dockerfile's ``ENTRYPOINT``; ``kept`` may have ``metadata`` and the
    container's ``env``, which are their owner's.
    """
    write = _plain if is_plain(signature) else _compiled
    return "\n".join([HEAD, *write(signature, image, list(command), kept), ""])


def is_plain(signature: Signature) -> bool:
    """Tell whether the plain form gives the very interface that the function has."""
    ports = (*signature.inputs, *signature.outputs)
    kinds = [(port.name, port.type) for port in ports]
    return kinds == _CONTEXT or not any(
        port.is_list or port.name != key_of(port.name) for port in ports
    )


def name_in_pipeline(signature: Signature, port: Port) -> str:
    """Return what an input or output is called in ``pipeline.py``."""
    return key_of(port.name) if is_plain(signature) else port.name


def _plain(
    signature: Signature, image: str, command: list[str], kept: Mapping[str, Any]
) -> Iterator[str]:
    yield _block("name", signature.name)
    if signature.description:
        yield _block("description", signature.description)
    if "metadata" in kept:
        yield _block("metadata", kept["metadata"])
    for kind, ports in (("inputs", signature.inputs), ("outputs", signature.outputs)):
        if ports:
            yield f"{kind}:"
            yield from (f"- {_flow(_plain_port(port))}" for port in ports)
    yield "implementation:"
    yield "  container:"
    yield from _container(image, command, kept, "    ")
    yield f"    args: [{_FLAG}, {{executorInput: null}}]"


def _plain_port(port: Port) -> dict[str, Any]:
    item: dict[str, Any] = {
        "name": port.name,
        "type": port.type if port.is_artifact else PLAIN_TYPES[port.type],
    }
    if port.default is not None:
        as_text = port.type in ("LIST", "STRUCT")  # kfp takes no other
        item["default"] = json.dumps(port.default) if as_text else port.default
    elif port.optional:
        item["optional"] = True
    if port.description:
        item["description"] = port.description
    return item


def _compiled(
    signature: Signature, image: str, command: list[str], kept: Mapping[str, Any]
) -> Iterator[str]:
    label = signature.name.replace("_", "-").lower()
    yield _WHY
    if signature.description:  # kfp finds it in the third line of the file
        yield f"# Description: {' '.join(signature.description.split())}"
    yield f"pipelineInfo: {_flow({'name': label})}"
    if "metadata" in kept:
        yield _block("metadata", kept["metadata"])
    yield "components:"
    yield f"  comp-{label}:"
    yield f"    executorLabel: exec-{label}"
    for kind, ports in (("inputs", signature.inputs), ("outputs", signature.outputs)):
        if ports:
            yield f"    {kind.removesuffix('s')}Definitions:"
            yield from _definitions(ports)
    yield "deploymentSpec:"
    yield "  executors:"
    yield f"    exec-{label}:"
    yield "      container:"
    yield from _container(image, command, kept, "        ")
    yield f"        args: [{_FLAG}, '{EXECUTOR_INPUT}']"
    yield "root: {}"


def _definitions(ports: Sequence[Port]) -> Iterator[str]:
    for kind, is_artifact in (("artifacts", True), ("parameters", False)):
        found = [port for port in ports if port.is_artifact == is_artifact]
        if found:
            yield f"      {kind}:"
            yield from (
                f"        {_scalar(port.name)}: {_flow(_definition(port))}" for port in found
            )


def _definition(port: Port) -> dict[str, Any]:
    item: dict[str, Any] = {"parameterType": port.type}
    if port.is_artifact:
        schema = {"schemaTitle": f"system.{port.type}", "schemaVersion": "0.0.1"}
        item = {"artifactType": schema}
    if port.is_list:
        item[IS_LIST] = True
    if port.default is not None:
        item["defaultValue"] = port.default
    if port.optional or port.is_status:
        item["isOptional"] = True
    if port.description:
        item["description"] = port.description
    return item


def _container(
    image: str, command: list[str], kept: Mapping[str, Any], margin: str
) -> Iterator[str]:
    yield f"{margin}{_block('image', image)}"
    yield f"{margin}command: {_flow(command)}"
    if "env" in kept:
        yield f"{margin}env: {_flow(kept['env'])}"


def _flow(value: Any) -> str:
    """Return a value as YAML has it, on one line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_scalar(key)}: {_flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_flow, value))}]"
    return _scalar(value)


@functools.lru_cache(maxsize=None, typed=True)  # most are there in each step
def _scalar(value: Any) -> str:
    if _is_plain_text(value, _NAME):
        return str(value)
    style = '"' if isinstance(value, str) and "\n" in value else None
    return _dumped([value], default_flow_style=True, default_style=style)[1:-1]


def _is_plain_text(value: Any, pattern: re.Pattern[str]) -> bool:
    """Tell whether a value is a word of some kind that is nothing else to YAML, as ``yes`` is."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        return False
    others = yaml.SafeDumper.yaml_implicit_resolvers.get(value[0], ())
    return not any(pattern.match(value) for _, pattern in others)


def _block(key: str, value: Any) -> str:
    """Return a key and its value: a text of several lines as it is, where YAML can have it so."""
    if isinstance(value, str) and "\n" in value:
        lines = [f"  {line}".rstrip() for line in value.splitlines()]
        written = "\n".join([f"{key}: |-", *lines])
        with contextlib.suppress(yaml.YAMLError):  # it is of characters that have to be escaped
            if yaml.safe_load(written) == {key: value}:
                return written
    if _is_plain_text(value, _IMAGE):
        return f"{key}: {value}"
    return _dumped({key: value})


def _dumped(value: Any, **options: Any) -> str:
    options |= {"sort_keys": False, "width": float("inf")}
    text = str(yaml.safe_dump(value, allow_unicode=True, **options))
    if _BREAKS.search(text):
        text = yaml.safe_dump(value, **options)
    return text.rstrip("\n")
