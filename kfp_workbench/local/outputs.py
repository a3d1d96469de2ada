"""Collects what a step that ended well has published, as KFP's launcher does in a cluster.

Unlike there, an output artifact that is neither a file nor told of counts as missing.
"""

import os
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.local import executor_output_utils

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import artifacts, conversion


def collect(executor_input: Any, component_spec: Any) -> dict[str, Any]:
    """Return the outputs of a task by name, parameters and artifacts, as kfp has them.

    Stands for ``kfp.local.executor_output_utils.get_outputs_for_task``, which takes any value
    for any type, and misses an artifact only where it is used. Raises WorkbenchError for an output
    that lacks, or is none of its type.
    """
    step = component_spec.executor_label.removeprefix("exec-")
    try:
        told = executor_output_utils.load_executor_output(executor_input.outputs.output_file)
    except (json_format.ParseError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise WorkbenchError(f"step {step} wrote no valid executor output: {reason}") from None
    declared = component_spec.output_definitions
    found: dict[str, Any] = {}
    for name, spec in declared.parameters.items():
        file = Path(executor_input.outputs.parameters[name].output_file)
        try:
            found[name] = _parameter(name, told, file, conversion.kind_of(spec))
        except ValueError as error:
            raise WorkbenchError(f"step {step}: output {error}") from None
        except FileNotFoundError:
            raise _missing(step, name) from None
    for name, spec in declared.artifacts.items():
        artifact = executor_input.outputs.artifacts[name].artifacts[0]
        if not _merged(artifact, told.artifacts[name].artifacts if name in told.artifacts else ()):
            raise _missing(step, name)
        if (key := artifacts.without_value(artifact.metadata)) is not None:
            reason = f"{key} has no value in its metadata, which KFP does not take: leave it out"
            raise WorkbenchError(f"step {step}: output {name}: {reason}")
        found[name] = _artifact(artifact, spec.is_artifact_list)
    return found


def _artifact(artifact: Any, in_a_list: bool) -> Any:
    """Return an artifact as kfp has it, with whole numbers in its metadata as such."""
    made = executor_output_utils.runtime_artifact_to_dsl_artifact(artifact)
    made.metadata = conversion.plain(made.metadata)
    return [made] if in_a_list else made


def _parameter(name: str, told: Any, file: Path, kind: str) -> Any:
    """Return an output parameter: from the executor output or, without one there, from its file."""
    if name in told.parameter_values:
        value = executor_output_utils.pb2_value_to_python(told.parameter_values[name])
        return conversion.converted(name, value, kind)
    try:
        return conversion.from_text(name, file.read_bytes().decode(), kind)
    except UnicodeDecodeError:
        raise ValueError(f"{name} is no UTF-8: {file}") from None


def _merged(artifact: Any, told: Any) -> bool:
    """Put into an artifact what a step told of it; tell whether there is any."""
    for item in told[:1]:
        artifact.uri = item.uri or artifact.uri
        artifact.metadata.MergeFrom(item.metadata)
    return bool(told) or os.path.lexists(artifact.uri)


def _missing(step: str, name: str) -> WorkbenchError:
    return WorkbenchError(f"step {step} ended well, but never wrote its output {name!r}")
