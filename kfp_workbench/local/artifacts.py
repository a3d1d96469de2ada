"""Artifacts as containers see them, and where their files stand."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from kfp_workbench.local.metadata import Artifact

BUCKET = "minio://mlpipeline/"  # that a default install has
STORE = f"{BUCKET}v2/artifacts"  # where it keeps those of runs
WORKSPACE = "/kfp-workspace"
IN_WORKSPACE = "_kfp_workspace"  # among an artifact's metadata, for the container alone
LOGS = "executor-logs"  # what a task prints: an artifact that no component declares
OWN_DATA = "/kfp-own-data/"  # in the place of a bucket: what importers take from this machine
SCHEMES = {"gs://": "/gcs/", "minio://": "/minio/", "s3://": "/s3/", OWN_DATA: OWN_DATA}
# What a default install says of its object store, and of one that an importer names.
SESSION = (
    '{"Provider":"minio","Params":{"accessKeyKey":"accesskey","disableSSL":"true",'
    '"endpoint":"seaweedfs.kubeflow:9000","fromEnv":"false","maxRetries":"5","region":"minio",'
    '"secretKeyKey":"secretkey","secretName":"mlpipeline-minio-artifact"}}'
)
WITHIN = ("display_name", "store_session_info")  # metadata that only the server looks at


class RuntimeArtifact(NamedTuple):
    """An artifact of an executor input or output."""

    name: str
    uri: str
    type: Mapping[str, str]
    metadata: Mapping[str, Any] | None = None
    custom_path: str | None = None


def root_of(pipeline: str, run_id: str) -> str:
    """Return the address below which a run's artifacts lie."""
    return f"{STORE}/{pipeline}/{run_id}/"


def given(artifact: Artifact) -> RuntimeArtifact:
    """Return an artifact as the task that takes it sees it."""
    metadata = dict(artifact.metadata)
    if artifact.is_in_workspace:
        metadata[IN_WORKSPACE] = True
    kind = {"instanceSchema": ""} if artifact.is_direct else {}
    return RuntimeArtifact(str(artifact.id), artifact.uri, kind, metadata)


def local_path(uri: str) -> str:
    """Return where a container finds what is at an address; raises ValueError for an unknown kind."""
    for scheme, folder in SCHEMES.items():
        if uri.startswith(scheme):
            return folder + uri.removeprefix(scheme)
    if uri.startswith("oci://"):
        return f"/oci/{uri.removeprefix('oci://').replace('/', '_')}/models"
    raise ValueError(f"{uri} is at no kind of place that KFP knows")


def workspace_path(uri: str) -> str:
    """Return where what an importer has put into the workspace is found there."""
    return f"{WORKSPACE}/.artifacts{local_path(uri)}"


def path_of(artifact: RuntimeArtifact) -> str:
    """Return where a container finds an artifact; raises ValueError for an unknown kind of place."""
    if artifact.custom_path is not None:
        return artifact.custom_path
    if (artifact.metadata or {}).get(IN_WORKSPACE) is True:
        return workspace_path(artifact.uri)
    return local_path(artifact.uri)


def seen_path(artifact: RuntimeArtifact) -> str | None:
    """Return where a task finds an artifact as it sees it; None for an unknown kind of place."""
    if artifact.uri.startswith("/"):
        return artifact.uri  # a process sees paths for addresses
    try:
        return path_of(artifact)
    except ValueError:
        return None


def schema(artifact: RuntimeArtifact) -> str:
    """Return the title of an artifact's type; raises ValueError for none."""
    title = artifact.type.get("schemaTitle")
    if title is None:
        text = artifact.type.get("instanceSchema", "")
        lines = (line.partition(":") for line in text.splitlines())
        title = next((value.strip() for key, _, value in lines if key.strip() == "title"), "")
    if not title:
        raise ValueError(f"the artifact {artifact.name} has no type")
    return title
