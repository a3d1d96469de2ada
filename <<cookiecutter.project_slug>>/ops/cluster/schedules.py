"""What a project has scheduled on a server, and what has to happen there.

KFP calls a schedule a recurring run. Nothing of one can be changed but whether it is
enabled, and nothing but its description can say whose it is: ``owner=...;key=...;env=...;h=...``,
where ``h`` stands for all that it was made from. What has no such description, or another
owner's, is never touched.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ops import versions
from ops.cluster import server as servers
from ops.cluster.server import Server, identifier, predicates
from ops.errors import OpsError
from ops.names import shown
from ops.versions import Version

MAX_DESCRIPTION = 255  # bytes; of a longer one the server makes a schedule that nothing shows
ORPHANS = Version(2, 16)  # the first version that can delete a schedule and leave its runs alone
_DESCRIPTION = re.compile(r"owner=([^;]*);key=([^;]*);env=([^;]*);h=([0-9a-f]{32})")


class Wanted(NamedTuple):
    """A schedule as it should be; either ``cron`` or ``every`` is not None."""

    key: str
    title: str  # as the user interface shows it
    env: str
    cron: str | None  # six fields
    every: int | None  # seconds
    start: str | None  # RFC 3339, as ``end``
    end: str | None
    enabled: bool
    max_concurrency: int
    catch_up: bool
    package: Path  # the compiled pipeline
    parameters: Mapping[str, Any]
    experiment: str
    service_account: str | None = None


class Live(NamedTuple):
    """A schedule of ours on the server."""

    id: str
    key: str
    env: str
    digest: str  # ``h`` of its description
    enabled: bool
    created: str  # sorts as the times do
    row: Any  # the server's answer


class Action(NamedTuple):
    """What has to happen to the schedules of one key.

    ``verb`` is create, replace, enable, disable, tidy (remove what an interrupted one left
    behind), delete, or keep. ``kept`` is what stays of ``rows``, which are all there are.
    """

    verb: str
    key: str
    wanted: Wanted | None = None
    kept: Live | None = None
    rows: Sequence[Live] = ()

    @property
    def others(self) -> list[Live]:
        """Return what goes."""
        return [row for row in self.rows if row != self.kept]


def api(server: Server) -> Any:
    """Return KFP's API for recurring runs."""
    import kfp_server_api

    return kfp_server_api.RecurringRunServiceApi(server.api)


def owner(project: str, namespace: str | None) -> str:
    """Return whose the schedules of a project in a namespace are."""
    return f"{project}/{namespace}" if namespace else project


def digest(wanted: Wanted) -> str:
    """Return 32 hex digits that stand for all of a schedule but whether it is enabled.

    Secret parameters are in it with all the rest. Whoever can read it can read the
    schedule, and in that the parameters themselves; still, it is not printed.
    """
    basis = {
        **wanted._asdict(),
        "package": hashlib.sha256(wanted.package.read_bytes()).hexdigest(),
        "enabled": None,
    }
    return hashlib.sha256(json.dumps(basis, sort_keys=True).encode()).hexdigest()[:32]


def describe(owner: str, wanted: Wanted) -> str:
    """Return a schedule's description; raises OpsError (2) where the server has no room for it."""
    text = f"{_prefix(owner, wanted.key)}env={wanted.env};h={digest(wanted)}"
    if len(text.encode()) > MAX_DESCRIPTION:
        raise OpsError(
            f"schedule {shown(wanted.key)}: its description would have {len(text.encode())} bytes, "
            f"and KFP has room for {MAX_DESCRIPTION}: shorten its name, or the environment's",
            2,
        )
    return text


def _prefix(owner: str, key: str | None = None) -> str:
    return f"owner={owner};" if key is None else f"owner={owner};key={key};"


def listed(server: Server, owner: str, key: str | None = None) -> list[Live]:
    """Return our schedules on the server, or those of one key; raises OpsError (1)."""
    rows = servers.pages(
        server,
        "list schedules on",
        api(server).recurring_run_service_list_recurring_runs,
        "recurring_runs",
        namespace=server.namespace or "",
        filter=predicates([("IS_SUBSTRING", "description", _prefix(owner, key))]),
    )
    ours = [live for row in rows if (live := _live(server, owner, row))]
    return [live for live in ours if key in (None, live.key)]


def _live(server: Server, owner: str, row: Any) -> Live | None:
    match = _DESCRIPTION.fullmatch(row.description or "")
    if match is None or match[1] != owner:
        return None  # the filter takes any part of a description, in any case
    state = (row.mode, row.status)
    return Live(
        id=identifier(server, row.recurring_run_id, "schedule"),
        key=match[2],
        env=match[3],
        digest=match[4],
        # The mode is what was asked for; the status follows when the controller has seen it.
        enabled="ENABLE" in state or (row.mode != "DISABLE" and "ENABLED" in state),
        created=row.created_at.isoformat() if row.created_at else "",
        row=row,
    )


def can_orphan(version: str) -> bool:
    """Tell whether a server can delete a schedule without killing its runs.

    Of one that does not tell its version we take the worst.
    """
    told = versions.parse(version)
    return told is not None and told >= ORPHANS


def plan(
    wanted: Iterable[Wanted], live: Iterable[Live], *, removes: bool, only: str | None = None
) -> list[Action]:
    """Return what has to happen, in the order of the file; then what is no longer in that.

    ``removes`` tells whether the server can remove a schedule without harm: elsewhere,
    one that is disabled counts as gone. With ``only``, nothing of other environments is
    deleted.
    """
    there: dict[str, list[Live]] = {}
    for row in live:
        there.setdefault(row.key, []).append(row)
    actions = [_planned(schedule, there.pop(schedule.key, []), removes) for schedule in wanted]
    for key, rows in sorted(there.items()):
        going = [row for row in rows if only in (None, row.env)]
        if _is_any_to_go(going, removes):
            actions.append(Action("delete", key, rows=going))
    return actions


def _planned(wanted: Wanted, rows: Sequence[Live], removes: bool) -> Action:
    ours = digest(wanted)
    same = [row for row in rows if row.digest == ours]
    on = [row for row in rows if row.enabled]
    # One that another has taken the place of would make up for the time in between.
    fitting = [row for row in same if row.enabled or not (on and wanted.enabled)]
    kept = max(fitting, key=lambda row: (row.enabled, row.created, row.id), default=None)
    goes = _is_any_to_go([row for row in rows if row != kept], removes)
    if kept is None:
        verb = "replace" if goes else "create"
    elif kept.enabled != wanted.enabled:
        verb = "enable" if wanted.enabled else "disable"
    else:
        verb = "tidy" if goes else "keep"
    return Action(verb, wanted.key, wanted, kept, rows)


def _is_any_to_go(rows: Iterable[Live], removes: bool) -> bool:
    return any(row.enabled or removes for row in rows)


def changes(wanted: Wanted, live: Live) -> Iterator[str]:
    """Yield what differs, in words, between a schedule and one on the server, parameters aside."""
    trigger = getattr(live.row, "trigger", None)
    was = getattr(getattr(trigger, "cron_schedule", None), "cron", None)
    if was is None:
        seconds = getattr(getattr(trigger, "periodic_schedule", None), "interval_second", None)
        was = f"every {seconds} s"
    now = wanted.cron or f"every {wanted.every} s"
    if was != now:
        yield f"{shown(was)} becomes {shown(now)}"
    concurrency = str(live.row.max_concurrency)
    if concurrency != str(wanted.max_concurrency):
        before = concurrency if concurrency.isdecimal() else shown(concurrency)
        yield f"max_concurrency: {before} becomes {wanted.max_concurrency}"
    if bool(live.row.no_catchup) == wanted.catch_up:
        yield f"catch_up becomes {str(wanted.catch_up).lower()}"


def changed_parameters(wanted: Wanted, live: Live) -> list[str]:
    """Return the names of parameters that differ; their values may be secret."""
    before = getattr(live.row.runtime_config, "parameters", None) or {}
    absent = object()
    names = sorted({*before, *wanted.parameters})
    return [n for n in names if before.get(n, absent) != wanted.parameters.get(n, absent)]
