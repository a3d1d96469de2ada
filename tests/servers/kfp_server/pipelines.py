"""Pipelines and their versions, uploads included.

The version that runs take when they name none is the newest: KFP v2 keeps no default.
"""

import json
import re
from typing import TYPE_CHECKING, Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec, PlatformSpec

from servers.kfp_server import models
from servers.kfp_server.experiments import models_page
from servers.kfp_server.refusals import RefusalError, UploadError, internal, invalid, missing
from servers.kfp_server.requests import Request
from servers.kfp_server.tables import Row, listing

if TYPE_CHECKING:
    from servers.kfp_server import KfpServer

MAX_PIPELINE = 128
MAX_VERSION = 127
MAX_TAG = 63
SPEC_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")  # a compiled pipeline's


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
    namespace = request.value("namespace") if server.multi_user else ""
    server.check_pipelines(namespace)
    rows, total, token = listing(
        server.pipelines,
        request.query,
        ("name", "description"),
        lambda row: row["namespace"] == namespace,
    )
    return models_page("pipelines", "V2beta1Pipeline", rows, total, token)


def by_name(server: "KfpServer", request: Request, name: str) -> Any:
    namespace = request.value("namespace") if server.multi_user else ""
    server.check_pipelines(namespace)
    rows = [row for row in server.pipelines.named(name) if row["namespace"] == namespace]
    if not rows:
        raise missing("Pipeline", name)
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
        raise internal()
    same = server.pipelines.named(name, hidden=True)
    if any(row["namespace"] == namespace for row in same):
        raise RefusalError(409, 6, f"The name {name} already exist. Please specify a new name")
    row = {"name": name, "display_name": body.display_name or name, "namespace": namespace}
    added = server.pipelines.add({**row, "description": body.description or ""})
    return models.answer(added, "V2beta1Pipeline")


def get(server: "KfpServer", request: Request, pipeline_id: str) -> Any:
    return models.answer(find(server, pipeline_id), "V2beta1Pipeline")


def delete(server: "KfpServer", request: Request, pipeline_id: str) -> Any:
    find(server, pipeline_id)
    versions = [row for row in server.versions if row["pipeline_id"] == pipeline_id]
    if versions and request.value("cascade").lower() != "true":
        raise RefusalError(400, 9, f"pipeline {pipeline_id} has versions: delete them first")
    for row in versions:
        server.versions.remove(row["pipeline_version_id"])
    server.pipelines.remove(pipeline_id)
    return {}


def list_versions(server: "KfpServer", request: Request, pipeline_id: str) -> Any:
    find(server, pipeline_id)
    rows, total, token = listing(
        server.versions,
        request.query,
        ("name", "description"),
        lambda row: row["pipeline_id"] == pipeline_id,
    )
    return models_page("pipeline_versions", "V2beta1PipelineVersion", rows, total, token)


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
    documents = _uploaded(request)
    namespace = request.value("namespace") if server.multi_user else ""
    try:
        server.check_pipelines(namespace)
    except RefusalError:
        raise UploadError(400, 3, "Failed to create a pipeline") from None
    name = request.value("name") or request.value("display_name")
    _check_name(name, MAX_PIPELINE)
    tags = _tags(request)
    spec = _spec(documents, "Failed to create a pipeline and a pipeline version")
    same = server.pipelines.named(name, hidden=True)
    if any(row["namespace"] == namespace for row in same):
        raise UploadError(409, 6, "Failed to create a pipeline and a pipeline version")
    names = {"name": name, "display_name": request.value("display_name") or name}
    described = {**names, "description": request.value("description")}
    row = server.pipelines.add({**described, "namespace": namespace, "tags": tags})
    identifier = {"pipeline_id": row["pipeline_id"]}
    server.versions.add({**described, **identifier, "pipeline_spec": spec})
    return models.answer(row, "V2beta1Pipeline")


def upload_version(server: "KfpServer", request: Request) -> Any:
    """Make a version of a pipeline that is there."""
    failed = "Failed to create a pipeline version"
    documents = _uploaded(request)
    try:
        pipeline = find(server, request.value("pipelineid"))
    except RefusalError:
        raise UploadError(400, 3, failed) from None
    name = request.value("name") or request.value("display_name")
    _check_name(name, MAX_VERSION)
    tags = _tags(request)
    spec = _spec(documents, failed)
    identifier = pipeline["pipeline_id"]
    for row in server.versions.named(name, hidden=True):
        if row["pipeline_id"] == identifier:
            raise UploadError(409, 6, failed)
    row = {
        "pipeline_id": identifier,
        "name": name,
        "display_name": request.value("display_name") or name,
        "description": request.value("description"),
        "pipeline_spec": spec,
        "code_source_url": request.value("code_source_url"),
        "tags": tags,
    }
    return models.answer(server.versions.add(row), "V2beta1PipelineVersion")


def _uploaded(request: Request) -> list[Row]:
    """Return the documents of the file that was sent."""
    if not isinstance(request.body, str):
        raise UploadError(400, 3, "Failed to read pipeline from file")
    try:
        return list(yaml.safe_load_all(request.body))
    except yaml.YAMLError:
        raise UploadError(400, 3, "Failed to read a pipeline spec file") from None


def _spec(documents: list[Row], failed: str) -> Row:
    """Return a pipeline as it is kept: what protobuf makes of it, without default values."""
    try:
        messages = [
            json_format.ParseDict(document, kind())
            for document, kind in zip(documents, (PipelineSpec, PlatformSpec), strict=False)
        ]
    except json_format.ParseError:
        raise UploadError(500, 13, failed) from None
    if not messages or not SPEC_NAME.fullmatch(messages[0].pipeline_info.name):
        raise UploadError(500, 13, failed)
    kept = [json.loads(json_format.MessageToJson(message)) for message in messages]
    # With a second document, they are kept under these names.
    return {"pipeline_spec": kept[0], "platform_spec": kept[1]} if kept[1:] else kept[0]


def _check_name(name: str, limit: int) -> None:
    if len(name) > limit:
        raise invalid(f"the name has {len(name)} characters, {limit} are allowed")


def _tags(request: Request) -> dict[str, str]:
    try:
        tags = json.loads(request.value("tags") or "{}")
    except ValueError:
        raise UploadError(400, 3, "Failed to parse tags query parameter") from None
    if any(len(text) > MAX_TAG for pair in tags.items() for text in pair):
        raise UploadError(400, 3, f"tags have at most {MAX_TAG} characters")
    return {str(key): str(value) for key, value in tags.items()}


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
