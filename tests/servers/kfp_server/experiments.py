"""Experiments."""

from typing import TYPE_CHECKING, Any

from servers.kfp_server import models
from servers.kfp_server.refusals import internal, invalid, missing, taken, too_long
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
    server.check_namespace(row["namespace"])
    return row


def of_new(server: "KfpServer", identifier: str | None, what: str) -> Row:
    """Return the experiment of a new run or schedule: the default one, if none is named."""
    if not identifier and not server.multi_user:
        return next(iter(server.experiments.named("Default")), None) or server.add_experiment(
            "Default"
        )
    row = server.experiments.get(identifier)
    if row is None:
        fetch = f"Failed to fetch namespace from experiment {identifier}"
        problem = missing("Experiment", str(identifier)).within(fetch)
        problem = problem.within(f"Failed to fetch namespace for experiment {identifier}")
        pair = "due to invalid experimentId and namespace combination"
        raise problem.within(f"Failed to create a {what} {pair}")
    server.check_namespace(row["namespace"])
    return row


def list_experiments(server: "KfpServer", request: Request) -> Any:
    namespace = server.namespace_of(request)
    server.check_namespace(namespace)
    rows, total, token = listing(
        server.experiments,
        request.query,
        "Experiment",
        ("name", "description", "storage_state"),
        lambda row: row["namespace"] == namespace,
    )
    return models.page("experiments", "V2beta1Experiment", rows, total, token)


def create(server: "KfpServer", request: Request) -> Any:
    body = models.parse(request.body, "V2beta1Experiment")
    conversion = "[ExperimentServer]: Failed to create a experiment due to conversion error"
    if not body.display_name:
        cause = "Invalid input error: Experiment must have a non-empty name"
        problem = internal("Failed to convert API experiment to model experiment", cause)
        raise problem.within(conversion)
    if len(body.display_name) > MAX_NAME:
        raise invalid(f"Experiment.Name length cannot exceed {MAX_NAME}").within(conversion)
    namespace = (body.namespace or "") if server.multi_user else ""
    server.check_namespace(namespace)
    if len(body.description or "") > MAX_DESCRIPTION:
        raise too_long("Description").within("Failed to create a experiment")
    same = server.experiments.named(body.display_name)
    if any(row["namespace"] == namespace for row in same):
        exists = f"The name {body.display_name} already exists. Please specify a new name"
        problem = taken(f"Failed to create a new experiment. {exists}")
        raise problem.within("Failed to create a experiment")
    row = server.add_experiment(body.display_name, namespace, description=body.description or "")
    return models.answer(row, "V2beta1Experiment")


def get(server: "KfpServer", request: Request, experiment_id: str) -> Any:
    if server.experiments.get(experiment_id) is None:
        raise missing("Experiment", experiment_id).within("Failed to fetch experiment")
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
