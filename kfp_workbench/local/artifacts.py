"""What becomes of artifacts on the way from step to step, as KFP's launcher and driver have it.

A step that works with what it is given here does so on a cluster: an input artifact has a number
for its name, no type, and of its metadata what the metadata store keeps; the step's log is one more
output: https://github.com/kubeflow/pipelines/tree/master/backend/src/v2 (``metadata/converter.go``,
``metadata/client.go``, ``driver/driver.go`` and ``component/importer_launcher.go``).
"""

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.protobuf import struct_pb2

LOGS = "executor-logs"  # what the log is called; no component declares it


def as_on_a_cluster(executor_input: Any) -> None:
    """Give an executor input of kfp's the form that it has on a cluster."""
    for given in executor_input.inputs.artifacts.values():
        for artifact in given.artifacts:
            _hand_over(artifact)
    folder = Path(executor_input.outputs.output_file).parent
    log = executor_input.outputs.artifacts[LOGS].artifacts.add(name=LOGS, uri=str(folder / LOGS))
    log.type.schema_title = "system.Artifact"


def without_value(metadata: Any) -> str | None:
    """Return a key that has no value, which fails KFP's launcher; None if all have one."""
    values = metadata.fields.items()
    return next((key for key, value in values if value.WhichOneof("kind") == "null_value"), None)


def link_log(log: Path, folder: Path) -> None:
    """Let a log be found where the step was told of it."""
    link = folder / LOGS
    link.unlink(missing_ok=True)  # an earlier attempt's
    link.symlink_to(os.path.relpath(log, folder))


def imported(run: Callable[..., Any]) -> Callable[..., Any]:
    """Leave an imported artifact without a name, as it has none to show on a cluster."""

    def nameless(**given: Any) -> Any:
        outputs, state = run(**given)
        for artifact in outputs.values():
            artifact.name = ""
        return outputs, state

    return nameless


def _hand_over(artifact: Any) -> None:
    fields = artifact.metadata.fields
    for value in fields.values():
        value.CopyFrom(_kept(value))
    if artifact.name and "display_name" not in fields:
        fields["display_name"].string_value = artifact.name
    if "store_session_info" not in fields:
        store = artifact.uri.partition("://")[0] if "://" in artifact.uri else "file"
        info = {"Provider": store, "Params": {"fromEnv": "true"}}
        fields["store_session_info"].string_value = json.dumps(info, separators=(",", ":"))
    artifact.name = str(zlib.crc32(artifact.uri.encode()))
    artifact.type.Clear()
    artifact.type.instance_schema = ""


def _kept(value: Any) -> Any:
    """Return what the metadata store keeps of a value; what is within it is not looked at."""
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        return struct_pb2.Value(number_value=float(f"{value.number_value:.6f}"))
    if kind == "bool_value":
        return struct_pb2.Value(number_value=value.bool_value)
    if kind in ("list_value", "struct_value"):
        name = kind.removesuffix("_value")
        return struct_pb2.Value(struct_value=struct_pb2.Struct(fields={name: value}))
    return value
