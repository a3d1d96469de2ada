"""Runs, which progress as they are told to, with their tasks, reasons and logs.

A run follows a script: a list of `Moment`. Each time that a run is asked for, it moves
on to the next moment and stays at the last; or only on `KfpServer.advance`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from servers.kfp_server import experiments, models, nodes, pipelines
from servers.kfp_server.refusals import RefusalError, internal, invalid, missing, too_long
from servers.kfp_server.requests import Request
from servers.kfp_server.tables import Row, listing, now
from servers.kfp_server.workflows import Workflow

if TYPE_CHECKING:
    from servers.kfp_server import KfpServer

MAX_NAME = 255
NEVER = "1970-01-01T00:00:00Z"  # what the backend has for the end of a run that is not yet
FINAL = {"SUCCEEDED", "FAILED"}
# A default install has a plug-in that finds nothing to talk to, and says so in every run.
PLUGINS = {
    "mlflow": {
        "entries": {"experiment_name": {"value": "KFP-Default"}},
        "state": "PLUGIN_FAILED",
        "state_message": "failed to build MLflow request context: no such file or directory",
    }
}


@dataclass(frozen=True)
class Moment:
    """How a run is at one time: its state, and its tasks' states, as `Workflow` takes them.

    A state of "" is one that the server does not tell. ``reasons`` are Argo's messages of tasks
    that failed, ``logs`` their pods' output. ``rows`` are the API's rows, where they are not
    what comes of the tasks.
    """

    state: str
    tasks: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    logs: Mapping[str, str] = field(default_factory=dict)
    rows: Sequence[Row] | None = None


def find(server: "KfpServer", identifier: str) -> Row:
    """Return a run that the caller may see."""
    row = server.runs.get(identifier)
    if row is None:
        raise missing("Run", identifier).within(f"Failed to fetch run {identifier}")
    experiments.find(server, row["experiment_id"])
    return row


def list_runs(server: "KfpServer", request: Request) -> Any:
    experiment_id = request.value("experiment_id")
    if experiment_id:
        experiments.find(server, experiment_id)
    namespace = server.namespace_of(request)
    if not experiment_id:
        server.check_namespace(namespace)
    rows, total, token = listing(
        server.runs,
        request.query,
        "Run",
        ("name", "description", "state", "storage_state", "recurring_run_id", "finished_at"),
        lambda row: (
            row["experiment_id"] == experiment_id
            if experiment_id
            else row["namespace"] == namespace
        ),
    )
    return models.page("runs", "V2beta1Run", rows, total, token)


def create(server: "KfpServer", request: Request) -> Any:
    body = models.parse(request.body, "V2beta1Run")
    if not body.display_name:
        failed = "Failed to convert a API run detail to its internal representation"
        problem = internal(failed, "Invalid input error: Run name cannot be empty")
        raise problem.within("CreateJob(job.ToV2())Failed to create a run due to conversion error")
    try:
        return models.answer(_created(server, body, request.body), "V2beta1Run")
    except RefusalError as refusal:
        raise refusal.within("Failed to create a new run") from None


def _created(server: "KfpServer", body: Any, given: Row) -> Row:
    experiment = experiments.of_new(server, body.experiment_id, "run")
    spec = source(server, given, "run")
    config = given.get("runtime_config") or {}
    try:
        models.check_inputs(spec, config.get("parameters"))
    except RefusalError as refusal:
        generate = "Failed to generate the ExecutionSpec"
        raise refusal.within("invalid pipeline job inputs").within(generate) from None
    if len(body.display_name) > MAX_NAME or len(body.description or "") > MAX_NAME:
        raise too_long("DisplayName")
    row = {
        "display_name": body.display_name,
        "description": body.description or "",
        "experiment_id": experiment["experiment_id"],
        "namespace": experiment["namespace"],
        "pipeline_spec": given.get("pipeline_spec"),
        "pipeline_version_reference": given.get("pipeline_version_reference"),
        "runtime_config": config or None,
        "service_account": body.service_account or "pipeline-runner",
    }
    return add(server, row)


def source(server: "KfpServer", given: Row, what: str) -> Any:
    """Return the compiled pipeline that a run or a recurring run is made from."""
    reference = given.get("pipeline_version_reference") or {}
    pipeline_id, version_id = (reference.get(key) for key in ("pipeline_id", "pipeline_version_id"))
    if pipeline_id and version_id:
        return pipelines.find_version(server, pipeline_id, version_id)["pipeline_spec"]
    if pipeline_id:
        return pipelines.latest_version(server, pipeline_id)["pipeline_spec"]
    failed = f"Failed to create a {what} due to error fetching manifest"
    spec = given.get("pipeline_spec")
    if not spec:
        template = "Failed to fetch a template with an empty pipeline spec manifest"
        raise internal(failed, str(invalid(template)))
    try:
        return models.spec([spec.get("pipeline_spec", spec)])
    except RefusalError as refusal:
        template = "Failed to fetch a template with an invalid pipeline spec manifest"
        cause = f"{template}: InvalidInputError: {refusal.told}: {refusal}"
        raise internal(failed, cause) from None


def add(server: "KfpServer", row: Row, script: Sequence[Moment] | None = None) -> Row:
    """Add a run, at the first moment of its script."""
    name = server.workflow or f"run-{len(server.runs) + 1:05}"
    row = {"k8s_name": name, "storage_state": "AVAILABLE", "plugins_output": PLUGINS, **row}
    row |= {"script": list(script or server.script), "retries": server.retries}
    row |= {"at": 0, "state_history": [], "started": {}, "ended": {}, "histories": {}}
    row = server.runs.add(row)
    row["scheduled_at"] = row["created_at"]
    if experiment := server.experiments.get(row["experiment_id"]):
        experiment["last_run_created_at"] = row["created_at"]
    enter(row)
    return row


def enter(row: Row) -> None:
    """Bring what is shown of a run to the present moment of its script."""
    moment: Moment = row["script"][row["at"]]
    time = now()
    _note(row["state_history"], moment.state, time)
    row["state"] = moment.state
    for way, state in moment.tasks.items():
        row["started"].setdefault(way, time)
        if state not in ("PENDING", "RUNNING"):
            row["ended"].setdefault(way, row["started"][way] if state == "REUSED" else time)
    row["finished_at"] = time if moment.state in FINAL else NEVER
    workflow = Workflow(
        row["k8s_name"],
        moment.tasks,
        lambda way: (row["started"][way], row["ended"].get(way, nodes.NEVER)),
        moment.reasons,
        retries=row["retries"],
    )
    found = nodes.rows(row, workflow.nodes.values()) if moment.rows is None else moment.rows
    for each in found if moment.rows is None else ():
        if "display_name" in each:
            history = row["histories"].setdefault(each["task_id"], [])
            _note(history, each.get("state", ""), time)
            each["state_history"] = history
    row["workflow"] = workflow
    row["run_details"] = {"task_details": found} if found else None


def _note(history: list[Row], state: str, time: str) -> None:
    """Note a state that is new."""
    if not history or history[-1].get("state", "") != state:
        history.append({"update_time": time, **({"state": state} if state else {})})


def advance(row: Row) -> None:
    """Move on to the next moment of a run's script; at the last, stay."""
    if row["at"] + 1 < len(row["script"]):
        if row["state"] == "CANCELING":
            _note(row["state_history"], "CANCELING", now())
        row["at"] += 1
        enter(row)


def end(row: Row, states: Sequence[str]) -> None:
    """Let a run go through these states from now on, its tasks as they are."""
    present: Moment = row["script"][row["at"]]
    script = [
        Moment(state, _ended(present.tasks, state), present.reasons, present.logs)
        for state in states
    ]
    row["script"], row["at"] = script, 0
    enter(row)


def _ended(tasks: Mapping[str, str], state: str) -> Mapping[str, str]:
    """Return how tasks are when their run is at an end that is not theirs."""
    if state not in FINAL:
        return tasks
    ends = {"RUNNING": state, "PENDING": "DRIVER"}
    return {way: ends.get(was, was) for way, was in (tasks or {"": "PENDING"}).items()}


def get(server: "KfpServer", request: Request, run_id: str) -> Any:
    try:
        row = find(server, run_id)
    except RefusalError as refusal:
        raise refusal.within("Failed to get a run") from None
    if not server.on_demand and row.pop("seen", False):
        advance(row)
    row["seen"] = True
    return models.answer(row, "V2beta1Run")


def terminate(server: "KfpServer", request: Request, run_id: str) -> Any:
    """End a run, which ends as FAILED; that it is to end stands in its history only then."""
    row = find(server, run_id)
    if row["state"] in (*FINAL, "CANCELING"):
        problem = invalid(f"Failed to terminate a run {run_id}. Row not found")
        raise problem.within(f"Failed to terminate run {run_id}").within(
            "Failed to terminate a run"
        )
    history = list(row["state_history"])
    end(row, ["CANCELING", "FAILED"])
    row["state_history"], row["seen"] = history, False
    return {}


def archive(server: "KfpServer", request: Request, run_id: str) -> Any:
    find(server, run_id)["storage_state"] = "ARCHIVED"
    return {}


def unarchive(server: "KfpServer", request: Request, run_id: str) -> Any:
    find(server, run_id)["storage_state"] = "AVAILABLE"
    return {}


def delete(server: "KfpServer", request: Request, run_id: str) -> Any:
    find(server, run_id)
    server.runs.remove(run_id)
    return {}


def get_v1(server: "KfpServer", request: Request, run_id: str) -> Any:
    """Return a run as the old API does, with its workflow as Argo has it."""
    row = find(server, run_id)
    workflow = row["workflow"].manifest(row["namespace"] or "kubeflow")
    run = {"id": run_id, "name": row["display_name"], "status": row["state"].capitalize()}
    return {"run": run, "pipeline_runtime": {"workflow_manifest": json.dumps(workflow)}}


def log_v1(server: "KfpServer", request: Request, run_id: str, node_id: str) -> Any:
    """Return a pod's log as text; the status is 200 whatever becomes of it."""
    row = find(server, run_id)
    moment: Moment = row["script"][row["at"]]
    for way, text in moment.logs.items():
        if node_id in row["workflow"].pods.get(way, ()):
            return text
    missing = f'InternalServerError: Failed to read logs from pod {node_id}: pods "{node_id}"'
    said = f"BadRequestError: Failed to read logs for run {run_id}: {missing} not found"
    # Go's way to show where an error comes from, on many lines.
    trace = "\n".join(f"github.com/kubeflow/pipelines/{n}.go:{n}" for n in range(50))
    return json.dumps({"error_message": said, "error_details": f"{said}\n{trace}"})


def log_page(server: "KfpServer", request: Request) -> Any:
    """Return a pod's log as KFP's page does, which does not pass the API's address on."""
    if server.multi_user and not request.value("podnamespace"):
        raise RefusalError(422, 3, "podnamespace argument is required")
    return log_v1(server, request, request.value("runid"), request.value("podname"))


ROUTES = [
    ("GET", "/runs", list_runs),
    ("POST", "/runs", create),
    ("GET", "/runs/{run_id}", get),
    ("DELETE", "/runs/{run_id}", delete),
    ("POST", "/runs/{run_id}:terminate", terminate),
    ("POST", "/runs/{run_id}:archive", archive),
    ("POST", "/runs/{run_id}:unarchive", unarchive),
]
V1_ROUTES = [("GET", "/runs/{run_id}", get_v1)]
LOG_ROUTES = [("GET", "/runs/{run_id}/nodes/{node_id}/log", log_v1)]
