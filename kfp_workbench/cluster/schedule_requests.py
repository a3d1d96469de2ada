"""The requests that change one key's schedules on a server, each followed by a look.

An answer may be lost, or be a page of something in between that says nothing. So what a
request has done is known only by looking, and none is sent twice.
"""

import contextlib
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from kfp_workbench.cluster import schedules
from kfp_workbench.cluster.faults import NotFoundError
from kfp_workbench.cluster.schedules import Live, Wanted
from kfp_workbench.cluster.server import Server, call, identifier
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.signals import Interrupts


class Requests:
    """The requests about the schedules of one key."""

    def __init__(self, server: Server, owner: str, key: str, interrupts: Interrupts) -> None:
        self._server, self._owner, self._key = server, owner, key
        self._api, self._interrupts = schedules.api(server), interrupts

    def look(self) -> dict[str, Live]:
        """Return the schedules that are there, by their ids."""
        return {row.id: row for row in schedules.listed(self._server, self._owner, self._key)}

    def create(self, wanted: Wanted, experiment: str, old: Sequence[Live]) -> str:
        """Make the schedule, disabled, and return its id; whether it is there is to be seen."""
        body = arguments(wanted, again=bool(old))
        body |= {"experiment_id": experiment, "enabled": False}
        body |= {"description": schedules.describe(self._owner, wanted)}
        create = self._server.client.create_recurring_run
        try:
            answer = call(self._server, "make a schedule on", lambda: create(**body))
            return identifier(self._server, answer.recurring_run_id, "schedule")
        except WorkbenchError as error:
            problem = str(error)
        try:
            rows = self.look()
        except WorkbenchError:
            left = "it is not known whether another one is there, disabled: make schedule again"
            raise WorkbenchError(
                f"{problem}; nothing else is in force than before; {left}"
            ) from None
        known = {row.id for row in old}
        new = [row for row in rows.values() if row.id not in known]
        digest = schedules.digest(wanted)
        ours = [row.id for row in new if row.digest == digest and not row.enabled]
        if len(ours) != 1:
            raise WorkbenchError(f"{problem}; nothing is changed")
        return ours[0]

    def switch(self, identifier: str, on: bool) -> None:
        """Enable or disable a schedule, and see that it is."""
        verb = "enable" if on else "disable"
        switch = getattr(self._api, f"recurring_run_service_{verb}_recurring_run")
        problem = WorkbenchError(
            f"{self._server.host} did not {verb} the schedule, and said that it did"
        )
        try:
            with self._interrupts.held():
                call(self._server, f"{verb} a schedule on", lambda: switch(identifier))
        except WorkbenchError as error:
            problem = error
        row = self.look().get(identifier)
        if (row is not None and row.enabled) != on:  # one that is gone is as good as disabled
            raise problem

    def delete(self, identifier: str) -> None:
        """Delete a schedule, and leave its runs alone."""
        delete = self._api.recurring_run_service_delete_recurring_run
        with contextlib.suppress(NotFoundError):  # somebody else did it
            call(
                self._server,
                "delete a schedule on",
                lambda: delete(identifier, propagation_policy="ORPHAN"),
            )


def arguments(wanted: Wanted, *, again: bool) -> dict[str, Any]:
    """Return a schedule as `kfp.Client.create_recurring_run` takes it.

    A beginning that is past counts only for a new schedule that is to catch up: else the
    controller would start the last run that was due before the schedule was there, and of one
    that takes another's place, all that the other has had already.
    """
    start = wanted.start
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    if start and start <= now and (again or not wanted.catch_up):
        start = None
    return {
        "job_name": wanted.title,
        "cron_expression": wanted.cron,
        "interval_second": wanted.every,
        "start_time": start,
        "end_time": wanted.end,
        "max_concurrency": wanted.max_concurrency,
        "no_catchup": not wanted.catch_up,
        "params": dict(wanted.parameters),
        "pipeline_package_path": str(wanted.package),
        "service_account": wanted.service_account,
    }
