"""Experiments."""

from typing import TYPE_CHECKING, Any

from servers.kfp_server import models
from servers.kfp_server.refusals import RefusalError, internal, invalid, missing
from servers.kfp_server.requests import Request
from servers.kfp_server.tables import Row, listing

if TYPE_CHECKING:
    from servers.kfp_server import KfpServer

MAX_NAME = 128
MAX_DESCRIPTION = 255


def find(server: "KfpServer", identifier: str | None) -> Row:
    """Return an experiment that the caller may see."""
    row = server.experiments.get(identifier)
    if row is None:
        raise missing("Experiment", str(identifier))
    server.check_namespace(row["namespace"] if server.multi_user else "")
    return row


def list_experiments(server: "KfpServer", request: Request) -> Any:
    namespace = request.value("namespace")
    server.check_namespace(namespace)
    rows, total, token = listing(
        server.experiments,
        request.query,
        ("name", "description", "storage_state"),
        lambda row: row["namespace"] == namespace,
    )
    return models_page("experiments", "V2beta1Experiment", rows, total, token)


def models_page(field: str, model: str, rows: list[Row], total: int, token: str) -> Any:
    """Return a listing's answer; one of nothing is ``{}``."""
    answers = [models.answer(row, model) for row in rows]
    return {
        **({field: answers, "total_size": total} if answers else {}),
        **({"next_page_token": token} if token else {}),
    }


def create(server: "KfpServer", request: Request) -> Any:
    body = models.parse(request.body, "V2beta1Experiment")
    namespace = body.namespace or ""
    server.check_namespace(namespace)
    if not body.display_name:
        raise invalid("experiment name is empty")
    if len(body.display_name) > MAX_NAME or len(body.description or "") > MAX_DESCRIPTION:
        raise internal()
    same = server.experiments.named(body.display_name)
    if any(row["namespace"] == namespace for row in same):
        raise RefusalError(409, 6, f"Already exist error: {body.display_name}")
    row = {
        "display_name": body.display_name,
        "description": body.description or "",
        "namespace": namespace,
        "storage_state": "AVAILABLE",
    }
    return models.answer(server.experiments.add(row), "V2beta1Experiment")


def get(server: "KfpServer", request: Request, experiment_id: str) -> Any:
    return models.answer(find(server, experiment_id), "V2beta1Experiment")


def delete(server: "KfpServer", request: Request, experiment_id: str) -> Any:
    find(server, experiment_id)
    server.experiments.remove(experiment_id)
    return {}


def archive(server: "KfpServer", request: Request, experiment_id: str) -> Any:
    find(server, experiment_id)["storage_state"] = "ARCHIVED"
    return {}


def unarchive(server: "KfpServer", request: Request, experiment_id: str) -> Any:
    find(server, experiment_id)["storage_state"] = "AVAILABLE"
    return {}


ROUTES = [
    ("GET", "/experiments", list_experiments),
    ("POST", "/experiments", create),
    ("GET", "/experiments/{experiment_id}", get),
    ("DELETE", "/experiments/{experiment_id}", delete),
    ("POST", "/experiments/{experiment_id}:archive", archive),
    ("POST", "/experiments/{experiment_id}:unarchive", unarchive),
]
