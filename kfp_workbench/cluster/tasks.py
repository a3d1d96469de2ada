"""Tells of a run's steps what is new, by what the server says of its tasks.

The backend gives a row for every node of the workflow: `root`, boxes, loops' items, a
driver and an executor for each step, next to the steps themselves. A row has the task's
name in the compiled pipeline, and neither an id that stays nor where it belongs: what
was told before is known by counting. Times that are not yet read 1970, or the year 1.
https://github.com/kubeflow/pipelines/blob/master/backend/src/apiserver/server/api_converter.go
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from kfp_workbench.local.progress import Place, Progress

DRIVER = "-driver"  # of the row of what prepares a step
_NOT_STEPS = {"root", "executor"}
_ENDED = {
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "CANCELED": "interrupted",
    "SKIPPED": "skipped",
}
_BEGUN = {*_ENDED, "RUNNING", "PAUSED", "CANCELING"} - {"SKIPPED"}


class Execution(NamedTuple):
    """One execution of a task; times are seconds since 1970, or None."""

    name: str
    state: str
    start: float | None
    end: float | None

    @property
    def seconds(self) -> float:
        """Return how long it took, as far as that is known."""
        return max(0.0, self.end - self.start) if self.start and self.end else 0.0


class _News(NamedTuple):
    when: float
    tell: Callable[[], None]


class Tasks:
    """The steps of a run, and what was told of them."""

    def __init__(self, places: Iterable[Place], progress: Progress) -> None:
        self._places: dict[str, Place] = {}
        for place in places:
            if not place.is_box and place.path[-1] not in _NOT_STEPS:
                # A pipeline within may have a step of the same name: they are told as one.
                self._places.setdefault(place.path[-1], place)
        self._progress = progress
        self._told: Counter[tuple[str, str]] = Counter()
        self.failed = ""  # the label of the step that failed first

    def label(self, name: str) -> str:
        """Return what people call the step of that name, or ``""`` when it is none."""
        name = name if name in self._places else name.removesuffix(DRIVER)
        return self._places[name].label if name in self._places else ""

    def update(self, rows: object) -> bool:
        """Tell what is new in ``task_details``; return whether there was anything."""
        executions: dict[str, list[Execution]] = {}
        for execution in self._executions(rows):
            executions.setdefault(execution.name, []).append(execution)
        news = [item for name in executions for item in self._news(name, executions[name])]
        for item in sorted(news, key=lambda item: item.when):
            item.tell()
        return bool(news)

    def _executions(self, rows: object) -> Iterator[Execution]:
        """Return the executions of steps; a driver that failed is its step's failure."""
        for row in rows if isinstance(rows, list) else []:
            if not isinstance(row, Mapping):
                continue
            name, state = str(row.get("display_name")), str(row.get("state"))
            if name not in self._places and name.endswith(DRIVER) and state == "FAILED":
                name = name.removesuffix(DRIVER)
            if name in self._places:
                yield Execution(name, state, _time(row, "start_time"), _time(row, "end_time"))

    def _news(self, name: str, executions: Sequence[Execution]) -> Iterator[_News]:
        place = self._places[name]
        begun = [execution for execution in executions if execution.state in _BEGUN]
        for execution in self._new(name, "begun", begun, lambda item: item.start):
            yield _News(execution.start or 0.0, partial(self._begin, place))
        for state in _ENDED:
            ended = [execution for execution in executions if execution.state == state]
            for execution in self._new(name, state, ended, lambda item: item.end):
                when = max(execution.start or 0.0, execution.end or 0.0)
                yield _News(when, partial(self._end, place, execution))

    def _begin(self, place: Place) -> None:
        self._progress.begun(place.path, place.label)

    def _end(self, place: Place, execution: Execution) -> None:
        state = _ENDED[execution.state]
        if state == "failed":
            self.failed = self.failed or place.label
        if state == "skipped":  # it never began
            self._progress.say(f"{place.label}: skipped")
        else:
            self._progress.ended(place.path, place.label, state, execution.seconds)

    def _new(
        self,
        name: str,
        what: str,
        executions: Sequence[Execution],
        time: Callable[[Execution], float | None],
    ) -> Sequence[Execution]:
        """Return the latest executions, as many as were not told yet."""
        told = self._told[name, what]
        self._told[name, what] = max(told, len(executions))
        return sorted(executions, key=lambda item: time(item) or 0.0)[told:]


def _time(row: Mapping[str, Any], field: str) -> float | None:
    try:
        time = datetime.fromisoformat(row[field].replace("Z", "+00:00"))
        return time.timestamp() if time.year > 1970 else None
    except (KeyError, AttributeError, ValueError, OverflowError):
        return None
