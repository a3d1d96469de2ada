"""Recurring runs, with the traps that the backend has laid."""

from typing import TYPE_CHECKING, Any

from servers.kfp_server import experiments, models, runs
from servers.kfp_server.refusals import internal, invalid, missing
from servers.kfp_server.requests import Request
from servers.kfp_server.tables import Row, listing

if TYPE_CHECKING:
    from servers.kfp_server import KfpServer

MAX_NAME = 255
MAX_DESCRIPTION = 255
ORPHANS = (2, 16)  # the first version that takes a propagation policy
POLICIES = ("", "DELETE_PROPAGATION_POLICY_UNSPECIFIED", "FOREGROUND", "BACKGROUND", "ORPHAN")


def find(server: "KfpServer", identifier: str) -> Row:
    """Return a recurring run that the caller may see."""
    row = server.schedules.get(identifier)
    if row is None:
        raise missing("Recurring run", identifier)
    experiments.find(server, row["experiment_id"])
    return row


def list_schedules(server: "KfpServer", request: Request) -> Any:
    experiment_id = request.value("experiment_id")
    namespace = request.value("namespace")
    if experiment_id:
        experiments.find(server, experiment_id)
    else:
        server.check_namespace(namespace)
    rows, total, token = listing(
        server.schedules,
        request.query,
        ("name", "description", "status"),
        lambda row: (
            row["experiment_id"] == experiment_id
            if experiment_id
            else not server.multi_user or row["namespace"] == namespace
        ),
    )
    return experiments.models_page("recurringRuns", "V2beta1RecurringRun", rows, total, token)


def create(server: "KfpServer", request: Request) -> Any:
    body = models.parse(request.body, "V2beta1RecurringRun")
    if not body.display_name:
        raise invalid("Recurring run name is empty. Please specify a valid name")
    experiment = experiments.find(server, body.experiment_id)
    given = request.body
    if not given.get("trigger"):
        raise invalid("a trigger is needed")
    trigger = _trigger(given["trigger"])
    concurrency = int(body.max_concurrency or 0)
    if not 1 <= concurrency <= 10:
        raise invalid(f"the max concurrency is {concurrency}, from 1 to 10 are allowed")
    if body.mode not in ("ENABLE", "DISABLE"):
        raise invalid(f"the mode {body.mode} is not known")
    config = given.get("runtime_config") or {}
    models.check_inputs(runs.source(server, given), config.get("parameters") or {})
    row = {
        "display_name": body.display_name,
        "description": body.description or "",
        "experiment_id": body.experiment_id,
        # Without namespaces, the backend tells its own.
        "namespace": experiment["namespace"] or "kubeflow",
        "pipeline_spec": given.get("pipeline_spec"),
        "pipeline_version_reference": given.get("pipeline_version_reference"),
        "runtime_config": config or None,
        "service_account": body.service_account or "pipeline-runner",
        "max_concurrency": str(concurrency),
        "no_catchup": bool(body.no_catchup),
        "trigger": trigger,
    }
    _set_mode(row, body.mode == "ENABLE")
    if len(body.display_name) > MAX_NAME or len(body.description or "") > MAX_DESCRIPTION:
        # Kubernetes has it by now; the database has no room for it.
        server.ghosts.append(row)
        raise internal()
    added = server.schedules.add(row)
    added["updated_at"] = added["created_at"]
    return models.answer(added, "V2beta1RecurringRun")


def _trigger(trigger: Row) -> Row:
    cron, periodic = trigger.get("cron_schedule"), trigger.get("periodic_schedule")
    if bool(cron) == bool(periodic):
        raise invalid("exactly one of cron_schedule and periodic_schedule is needed")
    if cron and len(str(cron.get("cron", "")).split()) not in (5, 6):
        raise invalid(f"Schedule cron is not supported: {cron.get('cron')}")
    if periodic and int(periodic.get("interval_second") or 0) < 1:
        raise invalid("Found invalid period schedule interval")
    if periodic:  # 64 bits are text in JSON
        return {
            "periodic_schedule": {**periodic, "interval_second": str(periodic["interval_second"])}
        }
    return trigger


def _set_mode(row: Row, enabled: bool) -> None:
    row["mode"] = "ENABLE" if enabled else "DISABLE"
    row["status"] = "ENABLED" if enabled else "DISABLED"


def get(server: "KfpServer", request: Request, recurring_run_id: str) -> Any:
    return models.answer(find(server, recurring_run_id), "V2beta1RecurringRun")


def enable(server: "KfpServer", request: Request, recurring_run_id: str) -> Any:
    _set_mode(find(server, recurring_run_id), True)
    return {}


def disable(server: "KfpServer", request: Request, recurring_run_id: str) -> Any:
    _set_mode(find(server, recurring_run_id), False)
    return {}


def delete(server: "KfpServer", request: Request, recurring_run_id: str) -> Any:
    """Delete it; but for ORPHAN, which older servers do not know, its runs die with it."""
    find(server, recurring_run_id)
    policy = request.value("propagation_policy")
    if policy not in POLICIES:
        raise invalid(f"the propagation policy {policy} is not known")
    version = tuple(int(part) for part in server.version.split(".")[:2])
    if policy != "ORPHAN" or version < ORPHANS:
        for row in server.runs:
            if row.get("recurring_run_id") == recurring_run_id and row["state"] not in runs.FINAL:
                server.killed.append(row["run_id"])
                runs.end(row, ["FAILED"])
    server.schedules.remove(recurring_run_id)
    return {}


ROUTES = [
    ("GET", "/recurringruns", list_schedules),
    ("POST", "/recurringruns", create),
    ("GET", "/recurringruns/{recurring_run_id}", get),
    ("DELETE", "/recurringruns/{recurring_run_id}", delete),
    ("POST", "/recurringruns/{recurring_run_id}:enable", enable),
    ("POST", "/recurringruns/{recurring_run_id}:disable", disable),
]
