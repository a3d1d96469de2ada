"""Tells what has to happen to schedules, and when they are due."""

import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from kfp_workbench.cluster import cron, schedules
from kfp_workbench.cluster import server as servers
from kfp_workbench.cluster.schedule_file import FILE, Entry
from kfp_workbench.cluster.schedules import Action, Live
from kfp_workbench.cluster.server import Server

SHOWN_TIMES = 3


def say(line: str) -> None:
    """Print a line for people."""
    print(line, file=sys.stderr, flush=True)


class Report:
    """Shows a plan to people and to programs."""

    def __init__(self, entries: Mapping[str, Entry], zone: str, now: datetime) -> None:
        self._entries, self._zone, self._now = entries, zone, now

    def show(self, action: Action) -> None:
        """Print what has to happen to one schedule."""
        if action.wanted is None:
            say(f"{action.verb:8} {action.key}: it is not in {FILE}")
            return
        entry = self._entries[action.key]
        times = [f"{time:%Y-%m-%d %H:%M:%S}" for time in self._next(entry, action.kept)]
        none = "it has ended" if entry.end and entry.end <= self._now else "not due before its end"
        due = f"next {', '.join(times)} {self._zone}" if times else none
        state = due if entry.enabled else "disabled"
        say(f"{action.verb:8} {action.key} ({entry.env}): {entry.when}; {state}")
        for change in self._changes(action):
            say(f"         {change}")
        if action.verb == "enable":
            missed = "all that were" if entry.catch_up else "the last one that was"
            say(f"         {missed} due while it was disabled will start at once")

    def result(self, action: Action, server: Server, identifier: str | None) -> dict[str, Any]:
        """Return what `show` prints, as JSON has it."""
        found: dict[str, Any] = {"name": action.key, "action": action.verb}
        if action.wanted:
            entry = self._entries[action.key]
            times = self._next(entry, action.kept)
            found |= {"env": entry.env, "enabled": entry.enabled, "when": entry.when}
            found |= {"next": [time.isoformat() for time in times], "id": identifier}
            found |= {"changes": self._changes(action)}
        if identifier:
            found["url"] = servers.page_url(server, "recurringrun", "details", identifier)
        return found

    def _changes(self, action: Action) -> list[str]:
        """Return what a replacement changes."""
        if action.verb != "replace" or not action.wanted:
            return []
        old = max(action.rows, key=lambda row: (row.enabled, row.created))
        found = list(schedules.changes(action.wanted, old))
        if names := schedules.changed_parameters(action.wanted, old):
            found.append(f"other parameters: {', '.join(names)}")
        return found or ["another pipeline, or other settings"]

    def _next(self, entry: Entry, kept: Live | None) -> list[datetime]:
        """Return the next times, in the time zone of ``now``; none after the end."""
        start = max(self._now, entry.start) if entry.start else self._now
        start = start.astimezone(self._now.tzinfo)
        if entry.cron:
            times = cron.following(entry.cron, start, SHOWN_TIMES)
        else:
            interval = timedelta(seconds=entry.every or 0)
            first = start
            created = getattr(kept.row, "created_at", None) if kept else None
            if created and start == self._now:  # the server counts from there
                first = created + (self._now - created) // interval * interval
                first = first.astimezone(self._now.tzinfo)
            times = [first + interval * number for number in range(1, SHOWN_TIMES + 1)]
        return [time for time in times if entry.end is None or time <= entry.end]
