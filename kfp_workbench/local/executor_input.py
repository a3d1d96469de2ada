"""The executor input, as the launcher hands it over as JSON, and what a task publishes in return."""

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from kfp_workbench.local import values
from kfp_workbench.local.artifacts import RuntimeArtifact
from kfp_workbench.local.values import proto_json

_ARTIFACT = {"name", "type", "uri", "properties", "customProperties", "metadata", "customPath"}
_SNAKE = {"custom_properties": "customProperties", "custom_path": "customPath"}
_OUTPUT = {"parameters", "artifacts", "parameterValues"}
_TYPE = {"schemaTitle", "schemaUri", "instanceSchema", "schemaVersion"}


class ExecutorInput(NamedTuple):
    """What a task is given, and where it leaves what it makes; paths and addresses as it sees them."""

    parameters: Mapping[str, Any]
    artifacts: Mapping[str, Sequence[RuntimeArtifact]]
    output_parameters: Mapping[str, str]
    output_artifacts: Mapping[str, Sequence[RuntimeArtifact]]
    output_file: str

    def json(self) -> str:
        """Return it as protojson writes it: fields in the order of the format, maps sorted."""
        given = {
            "artifacts": _map(self.artifacts, _list) if self.artifacts else None,
            "parameterValues": _map(self.parameters, proto_json) if self.parameters else None,
        }
        made = {
            "parameters": _map(self.output_parameters, _file) if self.output_parameters else None,
            "artifacts": _map(self.output_artifacts, _list) if self.output_artifacts else None,
            "outputFile": proto_json(self.output_file),
        }
        return _message({"inputs": _message(given), "outputs": _message(made)})


class ExecutorOutput(NamedTuple):
    """What a task has published in its output file."""

    parameters: Mapping[str, Any] = MappingProxyType({})
    artifacts: Mapping[str, Sequence[RuntimeArtifact]] = MappingProxyType({})


def _message(fields: Mapping[str, str | None]) -> str:
    present = (f"{proto_json(name)}:{text}" for name, text in fields.items() if text is not None)
    return f"{{{','.join(present)}}}"


def _map(items: Mapping[str, Any], text: Callable[[Any], str]) -> str:
    return f"{{{','.join(f'{proto_json(name)}:{text(items[name])}' for name in sorted(items))}}}"


def _file(path: str) -> str:
    return _message({"outputFile": proto_json(path)})


def _list(artifacts: Sequence[RuntimeArtifact]) -> str:
    return _message({"artifacts": f"[{','.join(map(_artifact, artifacts))}]"})


def _artifact(artifact: RuntimeArtifact) -> str:
    kinds = ("schemaTitle", "schemaUri", "instanceSchema", "schemaVersion")
    kind = {key: proto_json(artifact.type[key]) for key in kinds if key in artifact.type}
    custom = artifact.custom_path
    return _message(
        {
            "name": proto_json(artifact.name),
            "type": _message(kind) if artifact.type else None,
            "uri": proto_json(artifact.uri),
            "metadata": None if artifact.metadata is None else proto_json(dict(artifact.metadata)),
            "customPath": None if custom is None else proto_json(custom),
        }
    )


def read_output(text: str) -> ExecutorOutput:
    """Return what a task has published; raises ValueError for what is no executor output."""
    data = _fields(values.parse_json(text), _OUTPUT, {"parameter_values": "parameterValues"})
    artifacts = _object(data, "artifacts")
    parameters = _object(data, "parameterValues")
    return ExecutorOutput(parameters, {name: _read_list(item) for name, item in artifacts.items()})


def _object(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"{name} is no object")
    return value or {}


def _fields(data: Any, known: set[str], others: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"{json.dumps(data)[:80]} is no object")
    found = {others.get(name, name): value for name, value in data.items()}
    if unknown := sorted(found.keys() - known):
        raise ValueError(f"there is no field {', '.join(unknown)}")
    return found


def _read_list(data: Any) -> Sequence[RuntimeArtifact]:
    items = _fields(data, {"artifacts"}, {}).get("artifacts") or []
    if not isinstance(items, list):
        raise ValueError("a list of artifacts is no list")
    return [_read_artifact(item) for item in items]


def _read_artifact(data: Any) -> RuntimeArtifact:
    found = _fields(data, _ARTIFACT, _SNAKE)
    metadata = found.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise ValueError("an artifact's metadata are no object")
    texts = {name: found.get(name) or "" for name in ("name", "uri")}
    kind = _fields(found.get("type") or {}, _TYPE, {})
    custom = found.get("customPath")
    if not all(isinstance(text, str) for text in (*texts.values(), *kind.values(), custom or "")):
        raise ValueError("a name, type, address or path of an artifact is no text")
    return RuntimeArtifact(texts["name"], texts["uri"], kind, metadata, custom)
