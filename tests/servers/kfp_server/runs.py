"""Runs, which progress as they are told to, with their tasks, reasons and logs.

A run follows a script: a list of `Moment`. Each time that a run is asked for, it moves
on to the next moment and stays at the last; or only on `KfpServer.advance`.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from servers.kfp_server import experiments, models, pipelines
from servers.kfp_server.refusals import RefusalError, internal, invalid, missing
from servers.kfp_server.requests import Request
from servers.kfp_server.tables import Row, listing, now

if TYPE_CHECKING:
    from servers.kfp_server import KfpServer

MAX_NAME = 255
NEVER = "1970-01-01T00:00:00Z"  # what the backend has for a time that is not yet
FINAL = {"SUCCEEDED", "SKIPPED", "FAILED", "CANCELED"}
# What Argo calls the phases of a node.
PHASES = {"SUCCEEDED": "Succeeded", "FAILED": "Failed", "RUNNING": "Running", "PENDING": "Pending"}


@dataclass(frozen=True)
class Moment:
    """How a run is at one time: its state, and its tasks' states by name.

    ``reasons`` are the messages of tasks that failed, ``logs`` their pods' output.
    """

    state: str
    tasks: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    logs: Mapping[str, str] = field(default_factory=dict)


def pod(run: Row, task: str) -> str:
    """Return the name of the pod that runs a task."""
    return f"{run['k8s_name']}-system-container-impl-{zlib.crc32(task.encode())}"


def find(server: "KfpServer", identifier: str) -> Row:
    """Return a run that the caller may see."""
    row = server.runs.get(identifier)
    if row is None:
        raise missing("Run", identifier)
    experiments.find(server, row["experiment_id"])
    return row


def list_runs(server: "KfpServer", request: Request) -> Any:
    experiment_id = request.value("experiment_id")
    if experiment_id:
        experiments.find(server, experiment_id)
    namespace = request.value("namespace")
    if not experiment_id:
        server.check_namespace(namespace)
    rows, total, token = listing(
        server.runs,
        request.query,
        ("name", "description", "state", "storage_state", "recurring_run_id", "finished_at"),
        lambda row: (
            row["experiment_id"] == experiment_id
            if experiment_id
            else row["namespace"] == namespace
        ),
    )
    return experiments.models_page("runs", "V2beta1Run", rows, total, token)


def create(server: "KfpServer", request: Request) -> Any:
    body = models.parse(request.body, "V2beta1Run")
    if not body.display_name:
        raise invalid("The run name is empty. Please specify a valid name")
    experiment = experiments.find(server, body.experiment_id)
    if len(body.display_name) > MAX_NAME or len(body.description or "") > MAX_NAME:
        raise internal()
    given = request.body
    config = given.get("runtime_config") or {}
    models.check_inputs(source(server, given), config.get("parameters") or {})
    return models.answer(
        add(
            server,
            {
                "display_name": body.display_name,
                "description": body.description or "",
                "experiment_id": body.experiment_id,
                "namespace": experiment["namespace"],
                "pipeline_spec": given.get("pipeline_spec"),
                "pipeline_version_reference": given.get("pipeline_version_reference"),
                "runtime_config": config or None,
                "service_account": body.service_account or "pipeline-runner",
            },
        ),
        "V2beta1Run",
    )


def source(server: "KfpServer", given: Row) -> Any:
    """Return the compiled pipeline that a run or a recurring run is made from."""
    if given.get("pipeline_spec"):
        return given["pipeline_spec"]
    reference = given.get("pipeline_version_reference") or {}
    pipeline_id, version_id = (reference.get(key) for key in ("pipeline_id", "pipeline_version_id"))
    if not pipeline_id:
        raise invalid("a pipeline spec or a pipeline version is needed")
    if version_id:
        return pipelines.find_version(server, pipeline_id, version_id)["pipeline_spec"]
    return pipelines.latest_version(server, pipeline_id)["pipeline_spec"]


def add(server: "KfpServer", row: Row, script: Sequence[Moment] | None = None) -> Row:
    """Add a run, at the first moment of its script."""
    number = len(server.runs) + 1
    row = {"k8s_name": f"run-{number:05}", "storage_state": "AVAILABLE", **row}
    row["script"] = list(script or server.script)
    row = server.runs.add({**row, "at": 0, "state_history": [], "started": {}, "ended": {}})
    row["scheduled_at"] = row["created_at"]
    enter(row)
    return row


def enter(row: Row) -> None:
    """Bring what is shown of a run to the present moment of its script."""
    moment: Moment = row["script"][row["at"]]
    time = now()
    if not row["state_history"] or row["state_history"][-1]["state"] != moment.state:
        row["state_history"].append({"update_time": time, "state": moment.state})
    row["state"] = moment.state
    for name, state in moment.tasks.items():
        if state != "PENDING":
            row["started"].setdefault(name, time)
        if state in FINAL:
            row["ended"].setdefault(name, time)
    row["finished_at"] = time if moment.state in FINAL else NEVER
    row["run_details"] = {"task_details": _tasks(row, moment)} if moment.tasks else None


def advance(row: Row) -> None:
    """Move on to the next moment of a run's script; at the last, stay."""
    if row["at"] + 1 < len(row["script"]):
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
    if state not in FINAL:
        return tasks
    return {name: was if was in FINAL else state for name, was in tasks.items()}


def _tasks(row: Row, moment: Moment) -> list[Row]:
    """Return the rows that the backend makes of a workflow's nodes.

    Next to each task stand its driver and its executor; errors and pods are not told.
    """
    rows = [_task(row, "root", moment.state, [])]
    for name, state in moment.tasks.items():
        driver = f"{row['k8s_name']}-system-container-driver-{name}"
        rows.append(_task(row, f"{name}-driver", "SUCCEEDED", []))
        rows.append(_task(row, name, state, [driver, pod(row, name)]))
        if state != "PENDING":
            rows.append(_task(row, "executor", state, [], of=name))
    return rows


def _task(row: Row, name: str, state: str, pods: Sequence[str], of: str = "") -> Row:
    times = of or name.removesuffix("-driver")
    created = row["started"].get(times, row["created_at"])
    return {
        "run_id": row["run_id"],
        "task_id": f"{row['run_id']}-{of}-{name}",
        "display_name": name,
        "create_time": created,
        "start_time": created,
        "end_time": row["ended"].get(times, NEVER) if name != "root" else row["finished_at"],
        "state": state,
        "child_tasks": [{"pod_name": name} for name in pods],
    }


def get(server: "KfpServer", request: Request, run_id: str) -> Any:
    row = find(server, run_id)
    if not server.on_demand and row.pop("seen", False):
        advance(row)
    row["seen"] = True
    return models.answer(row, "V2beta1Run")


def terminate(server: "KfpServer", request: Request, run_id: str) -> Any:
    row = find(server, run_id)
    if row["state"] in FINAL:
        raise RefusalError(400, 9, f"Failed to terminate run {run_id}: not in a running state")
    end(row, ["CANCELING", server.terminated])
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
    moment: Moment = row["script"][row["at"]]
    nodes: dict[str, Row] = {}
    for name, state in moment.tasks.items():
        identifier = pod(row, name)
        nodes[identifier] = {
            "id": identifier,
            "name": f"{row['k8s_name']}.{name}",
            "displayName": "executor",
            "type": "Pod",
            "phase": PHASES.get(state, "Error"),
            "templateName": "system-container-impl",
            **({"message": moment.reasons[name]} if name in moment.reasons else {}),
        }
        nodes[f"{identifier}-task"] = {
            "id": f"{identifier}-task",
            "displayName": name,
            "type": "DAG",
            "phase": PHASES.get(state, "Error"),
            "children": [identifier],
        }
    metadata = {"name": row["k8s_name"], "namespace": row["namespace"] or "kubeflow"}
    workflow = {"metadata": metadata, "status": {"nodes": nodes}}
    run = {"id": run_id, "name": row["display_name"], "status": row["state"].capitalize()}
    return {"run": run, "pipeline_runtime": {"workflow_manifest": json.dumps(workflow)}}


def log_v1(server: "KfpServer", request: Request, run_id: str, node_id: str) -> Any:
    """Return a pod's log as text; the status is 200 whatever becomes of it."""
    row = find(server, run_id)
    moment: Moment = row["script"][row["at"]]
    for name, text in moment.logs.items():
        if node_id == pod(row, name):
            return text
    return json.dumps({"error_message": "Failed to read logs", "error_details": "no such pod"})


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
