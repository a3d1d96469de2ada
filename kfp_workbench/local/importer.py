"""Takes something into a run that no task of it has made.

By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/component/importer_launcher.go.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from kfp_workbench.local import own_data, spec
from kfp_workbench.local.artifacts import OWN_DATA, workspace_path
from kfp_workbench.local.bounds import OutsideError, hold
from kfp_workbench.local.metadata import (
    Artifact,
    Execution,
    Imported,
    Metadata,
    MetadataError,
    converted,
)
from kfp_workbench.local.places import Place
from kfp_workbench.local.problems import ProblemError
from kfp_workbench.local.spec import ComponentInput, Constant
from kfp_workbench.local.store import Store, StoreError

_BUCKET = re.compile(r"((?:gs|s3|minio|mem)://)([^/?]+)(/[^?]*)?(\?.+)?")


class ImporterError(ProblemError):
    """Something that cannot be imported."""

    code = "address"


def run(
    metadata: Metadata,
    dag: Execution,
    task: spec.Task,
    component: spec.Component,
    importer: Mapping[str, Any],
    imported: Imported,
    store: Store,
    meant: Callable[[str], str] = str,
) -> tuple[Execution, Artifact]:
    """Import what an importer names; raises ImporterError, with its execution begun.

    ``meant`` returns the address that a text means, in which a task hands on what it saw.
    """
    kind = "importer"
    execution = metadata.create(Execution(0, kind, task.label, dag.id))
    try:
        artifact = _artifact(metadata, dag, task, importer, store, meant)
    except (MetadataError, ValueError) as error:
        raise ImporterError(str(error), getattr(error, "code", "")) from None
    if not artifact.uri.startswith(OWN_DATA):
        if not importer.get("reimport") and _keeps_numbers(importer):
            known = imported.find(artifact) or artifact  # perhaps to another place
            artifact = known._replace(is_in_workspace=artifact.is_in_workspace)
        imported.known.append(artifact)
    (name,) = component.output_artifacts
    execution.output_artifacts = {name: artifact}
    execution.state = "COMPLETE"
    return execution, artifact


def inputs(dag: Execution, task: spec.Task) -> dict[str, Any]:
    """Return what an importer is given, for the record: what other tasks made, it does not look up."""
    found = {}
    for name, source in task.parameters.items():
        if isinstance(source, Constant):
            found[name] = source.value
        elif isinstance(source, ComponentInput) and source.name in dag.inputs:
            found[name] = dag.inputs[source.name]
    return found


def _keeps_numbers(importer: Mapping[str, Any]) -> bool:
    """Tell whether the service keeps an importer's metadata exactly; it finds others never again."""
    metadata = spec.constant(importer.get("metadata") or {})
    return all(
        converted({"": value})[""] == value
        for value in metadata.values()
        if isinstance(value, float)
    )


def takes_image(importer: Mapping[str, Any]) -> bool:
    """Tell whether an importer takes an image for what it imports: a model, and not to a workspace."""
    is_model = (importer.get("typeSchema") or {}).get("schemaTitle") == "system.Model"
    return is_model and not importer.get("downloadToWorkspace")


def _artifact(
    metadata: Metadata,
    dag: Execution,
    task: spec.Task,
    importer: Mapping[str, Any],
    store: Store,
    meant: Callable[[str], str],
) -> Artifact:
    title = (importer.get("typeSchema") or {}).get("schemaTitle", "")
    uri = meant(_address(dag, task, importer))
    kept = converted(spec.constant(importer.get("metadata") or {}))
    in_workspace = bool(importer.get("downloadToWorkspace"))
    if own_data.is_path(uri) and store.project is not None:
        own = own_data.find(uri, store.project)
        store.put(own.uri, own.path)
        number = own_data.number(own, title, kept)
        return metadata.new_artifact(own.uri, title, kept, in_workspace=in_workspace, number=number)
    if problem := address_problem(uri, importer):
        raise ValueError(problem)
    if match := _BUCKET.fullmatch(uri):
        provider = match[1].removesuffix("://")
        session = {"Provider": provider, "Params": {"fromEnv": "true"}}
        kept["store_session_info"] = json.dumps(session, separators=(",", ":"))
    return metadata.new_artifact(uri, title, kept, in_workspace=in_workspace)


def address_problem(uri: str, importer: Mapping[str, Any]) -> str | None:
    """Return why an importer does not take an address, or None."""
    if uri.startswith("oci://") and not takes_image(importer):
        if importer.get("downloadToWorkspace"):
            return "an image cannot be imported into a workspace"
        title = (importer.get("typeSchema") or {}).get("schemaTitle", "")
        return f"an image cannot be imported as a {title.removeprefix('system.')}"
    if not uri.startswith("oci://") and not _BUCKET.fullmatch(uri):
        return (
            f"{uri} is in no bucket: give an address like minio://BUCKET/KEY, "
            "or in local runs a path like data/iris.csv"
        )
    return None


def _address(dag: Execution, task: spec.Task, importer: Mapping[str, Any]) -> str:
    given = importer.get("artifactUri") or {}
    if "constant" in given:
        uri = given["constant"]
    elif name := given.get("runtimeParameter"):
        source = task.parameters.get(name)
        if source is None:
            raise ValueError(f"it has no input {name} to take its address from")
        # As on a cluster, where only what the DAG around was given is looked up.
        inner = source.name if isinstance(source, ComponentInput) else ""
        if inner not in dag.inputs:
            raise ValueError("its address has to be a text, or an input of the pipeline")
        uri = dag.inputs[inner]
    else:
        raise ValueError("it has no address")
    if not isinstance(uri, str) or not uri:
        raise ValueError("its address is empty")
    return uri


def fetch(artifact: Artifact, store: Store, place: Place) -> None:
    """Put an imported artifact into the workspace; raises ImporterError."""
    target = place.host(workspace_path(artifact.uri))
    try:
        hold(place, target)
        store.copy(artifact.uri, target)
    except (OutsideError, StoreError, OSError) as error:
        raise ImporterError(str(error), "download") from None
