"""Recurring runs, with the traps that the backend has laid."""

import calendar
import re
from typing import TYPE_CHECKING, Any

from servers.kfp_server import experiments, models, runs
from servers.kfp_server.refusals import RefusalError, internal, invalid, missing, too_long
from servers.kfp_server.requests import Request
from servers.kfp_server.tables import Row, listing

if TYPE_CHECKING:
    from servers.kfp_server import KfpServer

MAX_NAME = 255
MAX_DESCRIPTION = 255
ORPHANS = (2, 16)  # the first version that takes a propagation policy
NAMES = frozenset(name.lower() for name in (*calendar.month_abbr[1:], *calendar.day_abbr))
POLICIES = ("", "DELETE_PROPAGATION_POLICY_UNSPECIFIED", "FOREGROUND", "BACKGROUND", "ORPHAN")


def find(server: "KfpServer", identifier: str) -> Row:
    """Return a recurring run that the caller may see."""
    row = server.schedules.get(identifier)
    if row is None:
        raise missing("Job", identifier)
    experiments.find(server, row["experiment_id"])
    return row


def list_schedules(server: "KfpServer", request: Request) -> Any:
    experiment_id = request.value("experiment_id")
    namespace = server.namespace_of(request)
    if experiment_id:
        experiments.find(server, experiment_id)
    else:
        server.check_namespace(namespace)
    rows, total, token = listing(
        server.schedules,
        request.query,
        "Job",
        ("name", "description", "status"),
        lambda row: (
            row["experiment_id"] == experiment_id
            if experiment_id
            else not server.multi_user or row["namespace"] == namespace
        ),
    )
    return models.page("recurringRuns", "V2beta1RecurringRun", rows, total, token)


def create(server: "KfpServer", request: Request) -> Any:
    body = models.parse(request.body, "V2beta1RecurringRun")
    given = request.body
    try:
        _check(body, given)
    except RefusalError as refusal:
        conversion = "Failed to create a recurring run due to conversion error"
        raise refusal.within(conversion) from None
    try:
        return models.answer(_created(server, body, given), "V2beta1RecurringRun")
    except RefusalError as refusal:
        raise refusal.within("Failed to create a recurring run") from None


def _check(body: Any, given: Row) -> None:
    """Refuse what is wrong whatever else is there; no trigger is not, nor is a cron of minutes."""
    represent = "Failed to convert a API recurring run to its internal representation"
    if not body.display_name:
        raise internal(represent, str(invalid("Recurring run's name cannot be empty")))
    if body.mode not in ("ENABLE", "DISABLE"):
        raise internal(represent, str(invalid(f"Recurring run's mode is invalid: {body.mode}")))
    concurrency = int(body.max_concurrency or 0)
    if not 1 <= concurrency <= 10:
        allowed = "must be at least 1 and at most 10"
        raise invalid(f"Max concurrency of a recurring run {allowed}. Received {concurrency}")
    trigger = given.get("trigger") or {}
    if problem := _cron_problem(trigger.get("cron_schedule", {}).get("cron")):
        supported = "a supported format(https://godoc.org/github.com/robfig/cron)"
        raise invalid(f"Schedule cron is not {supported}. Error: {problem}")
    seconds = trigger.get("periodic_schedule", {}).get("interval_second")
    if seconds is not None and int(seconds) < 1:
        least = "Set at interval to least 1 second"
        raise invalid(f"Found invalid period schedule interval {seconds}. {least}")


def _cron_problem(cron: str | None) -> str:
    """Return what robfig/cron says of a text that is none, or nothing."""
    if cron is None:
        return ""
    fields = cron.split()
    if not 5 <= len(fields) <= 6:
        return f"Expected 5 to 6 fields, found {len(fields)}: {cron}"
    for field in fields:
        for part in re.split("[,/-]", field):
            if part not in ("*", "?") and not part.isdecimal() and part.lower() not in NAMES:
                number = f'strconv.Atoi: parsing "{part}": invalid syntax'
                return f"Failed to parse int from {part}: {number}"
    return ""


def _created(server: "KfpServer", body: Any, given: Row) -> Row:
    experiment = experiments.of_new(server, body.experiment_id, "recurring run")
    config = given.get("runtime_config") or {}
    spec = runs.source(server, given, "recurring run")
    models.check_inputs(spec, config.get("parameters"))
    trigger = dict(given.get("trigger") or {})
    if periodic := trigger.get("periodic_schedule"):  # 64 bits are text in JSON
        seconds = str(periodic["interval_second"])
        trigger["periodic_schedule"] = {**periodic, "interval_second": seconds}
    row = {
        "display_name": body.display_name,
        "description": body.description or "",
        "experiment_id": experiment["experiment_id"],
        # Without namespaces, the backend tells its own.
        "namespace": experiment["namespace"] or "kubeflow",
        "pipeline_spec": given.get("pipeline_spec"),
        "pipeline_version_reference": given.get("pipeline_version_reference"),
        "runtime_config": config or None,
        "service_account": body.service_account or "pipeline-runner",
        "max_concurrency": str(int(body.max_concurrency)),
        "no_catchup": bool(body.no_catchup),
        "trigger": trigger,
    }
    _set_mode(row, body.mode == "ENABLE")
    if len(body.display_name) > MAX_NAME or len(body.description or "") > MAX_DESCRIPTION:
        # Kubernetes has it by now; the database has no room for it.
        server.ghosts.append(row)
        raise too_long("Description")
    added = server.schedules.add(row)
    added["updated_at"] = added["created_at"]
    return added


def _set_mode(row: Row, enabled: bool) -> None:
    row["mode"] = "ENABLE" if enabled else "DISABLE"
    row["status"] = "ENABLED" if enabled else "DISABLED"


def get(server: "KfpServer", request: Request, recurring_run_id: str) -> Any:
    try:
        row = find(server, recurring_run_id)
    except RefusalError as refusal:
        raise refusal.within("Failed to fetch a recurring run") from None
    return models.answer(row, "V2beta1RecurringRun")


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
    version = re.match(r"([0-9]+)\.([0-9]+)", server.version)
    can_orphan = version is not None and (int(version[1]), int(version[2])) >= ORPHANS
    if policy != "ORPHAN" or not can_orphan:
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
