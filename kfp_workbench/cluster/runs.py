"""Submits a compiled pipeline as a run of an experiment."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench.cluster import server as servers
from kfp_workbench.cluster.faults import UNSURE, ConflictError
from kfp_workbench.cluster.server import PAGE_SIZE, Server, call, check_length, identifier, matching
from kfp_workbench.errors import WorkbenchError, refuse
from kfp_workbench.project import texts
from kfp_workbench.project.documents import written
from kfp_workbench.project.names import MAX_DESCRIPTION, MAX_EXPERIMENT, shown

MAX_RUN = 255  # the server's column; it answers longer names with an internal error


class Submission(NamedTuple):
    """A run that the server has taken; ``url`` is its page in KFP's user interface."""

    experiment_id: str
    run_id: str
    url: str


def check_names(experiment: str, run_name: str, experiment_description: str = "") -> None:
    """Raise WorkbenchError (2) for what the server has no room for, or refuses for a text in it."""
    check_length("experiment", experiment, MAX_EXPERIMENT)
    check_length("run name", run_name, MAX_RUN)
    if experiment_description:
        check_length("experiment description", experiment_description, MAX_DESCRIPTION)
    named = {"experiment": experiment, "experiment description": experiment_description}
    found = [*texts.find(named, for_argo=False), *texts.find({"run name": run_name})]
    refuse([f"{written(place)} {trouble.text()}" for place, trouble in found if trouble.refused])


def submit(
    server: Server,
    package: Path,
    parameters: Mapping[str, object],
    *,
    experiment: str,
    run_name: str,
    experiment_description: str = "",
    service_account: str | None = None,
    name_is_new: bool = True,
    hold: Callable[[], object] = lambda: None,
) -> Submission:
    """Submit ``package`` as the run ``run_name`` of ``experiment``, made if need be.

    Should the answer get lost, the run is looked up by its name. Where other runs may
    have that (``name_is_new=False``), those are asked for before. ``hold`` is called
    right before the run is started: from then on nothing may break this off, which would lose
    its id. Raises WorkbenchError: 2 for a name that is too long, 1 when the server cannot be
    reached, refuses or fails.
    """
    check_names(experiment, run_name, experiment_description)
    experiment_id = find_experiment(server, experiment, experiment_description)
    others = [] if name_is_new else _named(server, experiment_id, run_name)
    start = partial(
        server.client.run_pipeline,
        experiment_id,
        run_name,
        str(package),
        dict(parameters),
        service_account=service_account,
    )
    hold()
    run_id = _run_id(server, start, experiment_id, run_name, others)
    return Submission(experiment_id, run_id, servers.run_url(server, run_id))


def find_experiment(server: Server, name: str, description: str = "") -> str:
    """Return the id of the experiment called ``name``, made if there is none.

    Raises WorkbenchError (1), also for one that is archived.
    """
    import kfp_server_api

    def find() -> Any:
        listed = call(
            server,
            "list experiments on",
            lambda: server.client.list_experiments(
                page_size=2, namespace=server.namespace, filter=matching(display_name=name)
            ),
        )
        return (listed.experiments or [None])[0]

    def create() -> Any:
        body = kfp_server_api.V2beta1Experiment(
            display_name=name, description=description or None, namespace=server.namespace
        )
        return server.client._experiment_api.experiment_service_create_experiment(experiment=body)

    experiment = find()
    if experiment is None:
        try:
            experiment = call(server, "create an experiment on", create)
        except ConflictError:
            experiment = find()  # somebody else was faster
    if getattr(experiment, "storage_state", None) == "ARCHIVED":
        raise WorkbenchError(
            f"experiment {shown(name)} is archived: restore it, or use another name"
        )
    return identifier(server, getattr(experiment, "experiment_id", None), "experiment")


def _run_id(
    server: Server,
    start: Callable[[], Any],
    experiment_id: str,
    name: str,
    others: Sequence[str],
) -> str:
    """Start the run, once, and return its id; ``others`` are runs of the same name."""
    try:
        return identifier(server, call(server, "start a run on", start).run_id, "run")
    except UNSURE as error:
        # The run may exist: sending again could start it twice.
        found = [run for run in _named(server, experiment_id, name) if run not in others]
        if len(found) == 1:
            return found[0]
        problem = "no run {} is there: try again" if not found else "several runs {} are there"
        raise WorkbenchError(f"{error}; {problem.format(shown(name))}") from None


def _named(server: Server, experiment_id: str, name: str) -> list[str]:
    """Return the ids of an experiment's runs of that name, at most a page of the newest."""
    listed = call(
        server,
        "look for the run on",
        lambda: server.client.list_runs(
            page_size=PAGE_SIZE,
            sort_by="created_at desc",
            experiment_id=experiment_id,
            namespace=server.namespace,
            filter=matching(display_name=name),
        ),
    )
    return [identifier(server, run.run_id, "run") for run in listed.runs or []]
