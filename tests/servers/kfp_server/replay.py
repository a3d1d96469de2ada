"""Lets a run go as one that was recorded went: what the server said of it, time after time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from servers.kfp_server.nodes import NEVER
from servers.kfp_server.runs import FINAL, Moment
from servers.kfp_server.tables import Row


def script(recorded: Row, tasks: Mapping[str, str], **more: Mapping[str, str]) -> list[Moment]:
    """Return the moments of a run that the API told of when it had ended.

    ``tasks`` are how its tasks had ended, as `Workflow` takes them: the API does not tell why,
    so that reasons and logs are of these.
    """
    rows = recorded["run_details"]["task_details"]
    seen = [each["update_time"] for row in (recorded, *rows) for each in _history(row)]
    return [_moment(recorded, rows, time, tasks, more) for time in sorted(set(seen))]


def _moment(
    recorded: Row,
    rows: Sequence[Row],
    time: str,
    tasks: Mapping[str, str],
    more: Mapping[str, Mapping[str, str]],
) -> Moment:
    state = _state(recorded, time) or ""
    found = list(_rows(rows, time))
    if state in FINAL:
        return Moment(state, tasks, **more, rows=found)
    return Moment(state, rows=found)


def _rows(rows: Sequence[Row], time: str) -> Iterator[Row]:
    """Yield the rows that were there by a time, as they were then."""
    for row in rows:
        before = [each for each in _history(row) if each["update_time"] <= time]
        if not before and (_history(row) or row["end_time"] > time):
            continue
        state = _state(row, time)
        end = row["end_time"] if row["end_time"] <= time else NEVER
        yield {
            **{key: value for key, value in row.items() if key != "state"},
            **({"state": state} if state else {}),
            **({"state_history": before} if before else {}),
            "end_time": end,
        }


def _history(row: Mapping[str, Any]) -> Sequence[Row]:
    history: Sequence[Row] = row.get("state_history", ())
    return history


def _state(row: Mapping[str, Any], time: str) -> str | None:
    """Return the state that something had at a time; there is none for what is omitted."""
    states = [each.get("state") for each in _history(row) if each["update_time"] <= time]
    return states[-1] if states else None
