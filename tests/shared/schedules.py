"""Schedules on a server: a project that applies them, and looking at what became of them."""

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from kfp_workbench.cluster import rescheduling, schedules, scheduling
from kfp_workbench.cluster import server as servers
from kfp_workbench.cluster.schedules import Wanted
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import settings as project_settings
from servers.kfp_server import KfpServer
from servers.kfp_server.tables import Row, Table
from shared.baking import make

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)  # a Thursday
NIGHTLY = 'nightly: {cron: "0 0 3 * * *"}\n'
OLD, NEW = "0 0 3 * * *", "0 0 4 * * *"
CHANGES: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None]] = {
    "create": (None, {}),
    "create-disabled": (None, {"enabled": False}),
    "enable": ({"enabled": False}, {}),
    "disable": ({}, {"enabled": False}),
    "delete": ({}, None),
}


def request_of(
    folder: Path,
    package: Path,
    settings: project_settings.Settings,
    text: str,
    only: str | None = None,
) -> scheduling.Request:
    (folder / "schedules.yaml").write_text(text)
    return scheduling.read_request(package, only, lambda env: settings, root=folder)


def clear(server: KfpServer) -> None:
    server.mend()
    server.before = None
    server.schedules, server.runs = Table("recurring_run_id"), Table("run_id")
    server.experiments = Table("experiment_id")
    for rows in (server.requests, server.ghosts, server.killed):
        rows.clear()


def make_schedule(project: Path, url: str, *words: str, **env: str) -> Any:
    return make(project, "schedule", *words, env={"KFP_HOST": url, "ALLOW_UNPINNED": "1", **env})


class Project:
    """A project whose schedules are brought to a server, again and again."""

    def __init__(self, url: str, namespace: str | None = None, name: str = "p") -> None:
        self.server = servers.connect(url, namespace)
        self.owner = schedules.owner(name, self.server.namespace)
        self.removes = schedules.can_orphan(self.server.version)
        self.said: list[str] = []

    def plan(self, *wanted: Wanted, only: str | None = None) -> list[schedules.Action]:
        servers.look(self.server.host, self.server.namespace)  # what each `connect` does
        live = schedules.listed(self.server, self.owner)
        return schedules.plan(wanted, live, removes=self.removes, only=only)

    def apply(self, *wanted: Wanted, only: str | None = None) -> list[str]:
        """Plan and do it; return the verbs."""
        actions = self.plan(*wanted, only=only)
        rescheduling.carry_out(self.server, self.owner, actions, self.said.append)
        return [action.verb for action in actions]


def rows_of(server: KfpServer, key: str = "nightly", *, on: bool | None = None) -> list[Row]:
    """Return the server's rows of one key of the project p, those that are enabled, or not."""
    rows = [row for row in server.schedules if row["description"].startswith(f"owner=p;key={key};")]
    return [row for row in rows if on is None or (row["mode"] == "ENABLE") is on]


def crons(rows: Sequence[Row]) -> list[str]:
    return [row["trigger"]["cron_schedule"]["cron"] for row in rows]


def add_foreign(server: KfpServer, count: int = 4, kinds: int = 4) -> list[Row]:
    """Add schedules of others: by hand, of a project with a longer name, that speaks of ours."""
    experiment = server.add_experiment("theirs")["experiment_id"]
    rest = f";key=nightly;env=dev;h={'0' * 32}"
    texts = ["", f"owner=p2{rest}", f"see owner=p{rest}", f"owner=x owner=p{rest}"]
    common = {
        **{"display_name": "p nightly", "experiment_id": experiment, "mode": "ENABLE"},
        **{"status": "ENABLED", "namespace": "kubeflow", "max_concurrency": "1"},
        "trigger": {"cron_schedule": {"cron": "0 0 9 * * *"}},
    }
    return [
        dict(server.schedules.add({**common, "description": texts[number % kinds]}))
        for number in range(count)
    ]


def broken_off(action: Callable[[], object]) -> str:
    """Return the line that a failure ends with, or nothing for a success."""
    try:
        action()
    except WorkbenchError as error:
        message = str(error)
        assert "\n" not in message and error.status == 1
        return message
    return ""
