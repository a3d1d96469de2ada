"""Pipelines and their versions, uploads included.

The version that runs take when they name none is the newest: KFP v2 keeps no default.
"""

import json
from typing import TYPE_CHECKING, Any

import yaml

from servers.kfp_server import models
from servers.kfp_server.refusals import (
    PlainError,
    RefusalError,
    UploadError,
    invalid,
    missing,
    taken,
    too_long,
)
from servers.kfp_server.requests import Request
from servers.kfp_server.tables import Row, listing

if TYPE_CHECKING:
    from servers.kfp_server import KfpServer

MAX_PIPELINE = 128
MAX_VERSION = 127
MAX_TAG = 63


def find(server: "KfpServer", identifier: str | None) -> Row:
    """Return a pipeline that the caller may see."""
    row = server.pipelines.get(identifier)
    if row is None:
        raise missing("Pipeline", str(identifier))
    server.check_pipelines(row["namespace"])
    return row


def find_version(server: "KfpServer", pipeline_id: str, version_id: str) -> Row:
    find(server, pipeline_id)
    row = server.versions.get(version_id)
    if row is None or row["pipeline_id"] != pipeline_id:
        raise missing("PipelineVersion", version_id)
    return row


def latest_version(server: "KfpServer", pipeline_id: str) -> Row:
    """Return the version that runs take when they name none."""
    rows = [row for row in server.versions if row["pipeline_id"] == pipeline_id]
    if not rows:
        raise missing("PipelineVersion of", pipeline_id)
    return max(rows, key=lambda row: (row["created_at"], row["pipeline_version_id"]))


def list_pipelines(server: "KfpServer", request: Request) -> Any:
    namespace = server.namespace_of(request)
    server.check_pipelines(namespace)
    rows, total, token = listing(
        server.pipelines,
        request.query,
        "Pipeline",
        ("name", "description"),
        lambda row: row["namespace"] == namespace,
    )
    return models.page("pipelines", "V2beta1Pipeline", rows, total, token)


def by_name(server: "KfpServer", request: Request, name: str) -> Any:
    namespace = server.namespace_of(request)
    server.check_pipelines(namespace)
    rows = [row for row in server.pipelines.named(name) if row["namespace"] == namespace]
    if not rows:
        problem = missing("Namespace/Pipeline", f"{namespace}/{name}")
        problem = problem.within(f"Failed to get a pipeline named {name} in namespace {namespace}")
        called = f"with name {name} and namespace {namespace}"
        raise problem.within(f"Failed to get a pipeline {called}. Check error stack.")
    return models.answer(rows[0], "V2beta1Pipeline")


def create(server: "KfpServer", request: Request) -> Any:
    """Make a pipeline without a version."""
    body = models.parse(request.body, "V2beta1Pipeline")
    namespace = (body.namespace or "") if server.multi_user else ""
    server.check_pipelines(namespace)
    name = body.name or body.display_name
    if not name:
        raise invalid("name is required")
    if len(name) > MAX_PIPELINE:
        raise too_long("Name").within("Failed to create a pipeline")
    same = server.pipelines.named(name, hidden=True)
    if any(row["namespace"] == namespace for row in same):
        raise taken(f"The name {name} already exist. Please specify a new name")
    row = {"name": name, "display_name": body.display_name or name, "namespace": namespace}
    added = server.pipelines.add({**row, "description": body.description or ""})
    return models.answer(added, "V2beta1Pipeline")


def get(server: "KfpServer", request: Request, pipeline_id: str) -> Any:
    return models.answer(find(server, pipeline_id), "V2beta1Pipeline")


def delete(server: "KfpServer", request: Request, pipeline_id: str) -> Any:
    find(server, pipeline_id)
    versions = [row for row in server.versions if row["pipeline_id"] == pipeline_id]
    if versions and request.value("cascade").lower() != "true":
        one = versions[0]["pipeline_version_id"]
        existing = f"as it has existing pipeline versions (e.g. {one})"
        problem = f"Failed to delete pipeline with id {pipeline_id} {existing}"
        cascade = invalid(f"{problem}. Set cascade=true to delete all versions")
        raise cascade.within(f"Failed to delete pipeline {pipeline_id}. Check error stack")
    for row in versions:
        server.versions.remove(row["pipeline_version_id"])
    server.pipelines.remove(pipeline_id)
    return {}


def list_versions(server: "KfpServer", request: Request, pipeline_id: str) -> Any:
    find(server, pipeline_id)
    rows, total, token = listing(
        server.versions,
        request.query,
        "PipelineVersion",
        ("name", "description"),
        lambda row: row["pipeline_id"] == pipeline_id,
    )
    return models.page("pipeline_versions", "V2beta1PipelineVersion", rows, total, token)


def get_version(
    server: "KfpServer", request: Request, pipeline_id: str, pipeline_version_id: str
) -> Any:
    row = find_version(server, pipeline_id, pipeline_version_id)
    return models.answer(row, "V2beta1PipelineVersion")


def delete_version(
    server: "KfpServer", request: Request, pipeline_id: str, pipeline_version_id: str
) -> Any:
    find_version(server, pipeline_id, pipeline_version_id)
    server.versions.remove(pipeline_version_id)
    return {}


def upload(server: "KfpServer", request: Request) -> Any:
    """Make a pipeline and a version of the same name."""
    failed = "Failed to create a pipeline and a pipeline version"
    documents = _uploaded(request)
    namespace = server.namespace_of(request)
    try:
        server.check_pipelines(namespace)
    except RefusalError:
        raise UploadError(400, "Failed to create a pipeline") from None
    name = request.value("name") or request.value("display_name")
    tags = _tags(request)
    _check_name("Pipeline", name, MAX_PIPELINE)
    spec = _spec(documents)
    same = server.pipelines.named(name, hidden=True)
    if any(row["namespace"] == namespace for row in same):
        raise UploadError(409, failed)
    names = {"name": name, "display_name": request.value("display_name") or name}
    described = {**names, "description": request.value("description")}
    row = server.pipelines.add({**described, "namespace": namespace, **tags})
    identifier = {"pipeline_id": row["pipeline_id"]}
    server.versions.add({**described, **identifier, "pipeline_spec": spec})
    return models.answer(row, "V2beta1Pipeline")


def upload_version(server: "KfpServer", request: Request) -> Any:
    """Make a version of a pipeline that is there."""
    failed = "Failed to create a pipeline version"
    documents = _uploaded(request)
    name = request.value("name") or request.value("display_name")
    _check_name("PipelineVersion", name, MAX_VERSION)
    try:
        pipeline = find(server, request.value("pipelineid"))
    except RefusalError:
        raise UploadError(400, failed) from None
    tags = _tags(request)
    spec = _spec(documents)
    identifier = pipeline["pipeline_id"]
    for row in server.versions.named(name, hidden=True):
        if row["pipeline_id"] == identifier:
            raise UploadError(409, failed)
    row = {
        "pipeline_id": identifier,
        "name": name,
        "display_name": request.value("display_name") or name,
        "description": request.value("description"),
        "pipeline_spec": spec,
        "code_source_url": request.value("code_source_url"),
        **tags,
    }
    return models.answer(server.versions.add(row), "V2beta1PipelineVersion")


def _uploaded(request: Request) -> list[Any]:
    """Return the documents of the file that was sent."""
    if not isinstance(request.body, str):
        raise UploadError(400, "Failed to read pipeline from file")
    try:
        return list(yaml.safe_load_all(request.body))
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise UploadError(400, f"failed to parse pipeline spec YAML: {said}") from None


def _spec(documents: list[Any]) -> Row:
    try:
        return models.spec(documents)
    except RefusalError as refusal:
        raise UploadError(400, refusal.told) from None


def _check_name(what: str, name: str, limit: int) -> None:
    if len(name) > limit:
        raise PlainError(400, str(invalid(f"{what}.Name length cannot exceed {limit}")))


def _tags(request: Request) -> dict[str, dict[str, str]]:
    """Return a row's tags, if there are any."""
    try:
        tags = json.loads(request.value("tags") or "{}")
    except ValueError:
        expected = "Expected JSON object with string keys and values"
        raise UploadError(400, f"Failed to parse tags query parameter. {expected}") from None
    if any(len(text) > MAX_TAG for pair in tags.items() for text in pair):
        raise UploadError(400, f"tags have at most {MAX_TAG} characters")
    return {"tags": {str(key): str(value) for key, value in tags.items()}} if tags else {}


def set_default_v1(server: "KfpServer", request: Request, pipeline_id: str, version_id: str) -> Any:
    """Do as servers do: take it, and keep to the newest version nonetheless."""
    find(server, pipeline_id)["deprecated_default"] = version_id
    return {}


ROUTES = [
    ("GET", "/pipelines", list_pipelines),
    ("POST", "/pipelines", create),
    ("GET", "/pipelines/names/{name}", by_name),
    ("POST", "/pipelines/upload", upload),
    ("POST", "/pipelines/upload_version", upload_version),
    ("GET", "/pipelines/{pipeline_id}", get),
    ("DELETE", "/pipelines/{pipeline_id}", delete),
    ("GET", "/pipelines/{pipeline_id}/versions", list_versions),
    ("GET", "/pipelines/{pipeline_id}/versions/{pipeline_version_id}", get_version),
    ("DELETE", "/pipelines/{pipeline_id}/versions/{pipeline_version_id}", delete_version),
]
V1_ROUTES = [
    ("POST", "/pipelines/{pipeline_id}/default_version/{version_id}", set_default_v1),
]
