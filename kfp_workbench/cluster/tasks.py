"""Tells of a run's steps what is new, by what the server says of its tasks.

The backend gives a row for every node of the workflow: `root`, boxes, loops' items, a
driver and an executor for each step, next to the steps themselves, and one more for each of
those where nodes may be tried again. A row has no id that stays: what was told before is known
by counting. Times that are not yet read 1970, or the year 1, and none is finer than a second.
https://github.com/kubeflow/pipelines/blob/master/backend/src/apiserver/server/api_converter.go
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from kfp_workbench.cluster.nodes import DRIVER, EXECUTOR, Nodes, Task
from kfp_workbench.local.progress import Place, Progress

# How a row has ended, as the backend and as people call it; what is left out has no state.
_ENDED = {"SUCCEEDED": "succeeded", "FAILED": "failed", "SKIPPED": "skipped"}
_NEVER_BEGAN = ("reused", "skipped")
# Attempts that are told. Argo tries 27 times what Kubernetes refuses, and nothing else so often.
_TOLD = 2


class Execution(NamedTuple):
    """One execution of a step; times are seconds since 1970, or None."""

    place: Place
    iterations: tuple[int, ...] | None  # of the loops around it; None where that is not known
    state: str  # running, or how it ended
    start: float | None
    end: float | None
    label: str = ""
    attempt: int = 1

    @property
    def seconds(self) -> float:
        """Return how long it took, as far as that is known."""
        return max(0.0, self.end - self.start) if self.start and self.end else 0.0


class _News(NamedTuple):
    when: tuple[float, float, int]  # sorts it
    tell: Callable[[], None]


class Tasks:
    """The steps of a run, and what was told of them."""

    def __init__(self, places: Iterable[Place], progress: Progress) -> None:
        self._places = {place.path: place for place in places}
        steps = [place for place in self._places.values() if not place.is_box]
        # Where it cannot be told which is meant, all steps of a name are told as the first.
        self._named = {place.path[-1]: place for place in reversed(steps)}
        self._progress = progress
        self._told: Counter[tuple[object, str]] = Counter()
        self.failed = ""  # the label of the step that failed first

    def label(self, task: Task) -> str:
        """Return what people call a step, or ``""`` for what is none."""
        place = self._places.get(task.path)
        return _label(place, task.iterations) if place and not place.is_box else ""

    def update(self, rows: object, *, terminated: bool = False) -> bool:
        """Tell what is new in ``task_details``; return whether there was anything.

        What the server calls failed, of a run that was terminated, was interrupted.
        """
        listed = rows if isinstance(rows, list) else []
        executions: dict[object, list[Execution]] = {}
        for execution in self._executions([row for row in listed if isinstance(row, Mapping)]):
            key = execution.place.path, execution.iterations
            executions.setdefault(key, []).append(execution)
            if terminated and execution.state == "failed":
                executions[key][-1] = execution._replace(state="interrupted")
        news = [item for key in executions for item in self._news(key, executions[key])]
        for item in sorted(news, key=lambda item: item.when):
            item.tell()
        return bool(news)

    def _executions(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[Execution]:
        """Return the executions of steps; a driver that failed is its step's failure."""
        nodes = Nodes(rows, self._places)
        passed_over = {_time(row, "start_time") for row in rows if _is_passed_over(row)}
        for row in rows:
            task, state = nodes.task(row), row.get("state")
            place = self._step(row, task)
            if place is None:
                continue
            start, end = _time(row, "start_time"), _time(row, "end_time")
            found = Execution(place, task.iterations if task else None, "running", start, end)
            if state == "SUCCEEDED" and _is_reused(found, passed_over):
                yield found._replace(state="reused")
            elif state in _ENDED:
                yield found._replace(state=_ENDED[str(state)])
            elif state == "RUNNING" and task:  # else it may soon be known which one it is
                yield found

    def _step(self, row: Mapping[str, Any], task: Task | None) -> Place | None:
        """Return the step that a row is about; a driver's is so when that has failed."""
        name = str(row.get("display_name"))
        if task is None:
            is_driver = name not in self._named and name.endswith(DRIVER)
            place = self._named.get(name.removesuffix(DRIVER) if is_driver else name)
        else:
            is_driver, place = task.is_driver, self._places[task.path]
        told = place and not place.is_box and (not is_driver or row.get("state") == "FAILED")
        return place if told else None

    def _news(self, key: object, executions: Iterable[Execution]) -> Iterator[_News]:
        """Return what is new of executions that are attempts, or iterations of which none knows."""
        ordered = _numbered(sorted(executions, key=lambda item: item.start or 0.0))
        begun = [execution for execution in ordered if execution.state not in _NEVER_BEGAN]
        for execution in self._new(key, "begun", begun):
            start = execution.start or 0.0
            if execution.attempt <= _TOLD:
                yield _News((start, start, 0), partial(self._begin, execution))
        ended = [execution for execution in ordered if execution.state != "running"]
        for execution in self._new(key, "ended", sorted(ended, key=lambda item: item.end or 0.0)):
            start = execution.start or 0.0
            when = max(start, execution.end or 0.0), start
            order = -1 if execution.state in _NEVER_BEGAN else 1
            if execution.attempt <= _TOLD or execution.state == "succeeded":
                yield _News((*when, order), partial(self._end, execution))

    def _begin(self, execution: Execution) -> None:
        self._progress.begun(execution.place.path, execution.label)

    def _end(self, execution: Execution) -> None:
        path, label, state = execution.place.path, execution.label, execution.state
        if state == "failed":
            self.failed = self.failed or label
        if state == "skipped":
            self._progress.say(f"{label}: skipped")
        else:
            self._progress.ended(path, label, state, execution.seconds)

    def _new(self, key: object, what: str, executions: Sequence[Execution]) -> Sequence[Execution]:
        """Return the latest executions, as many as were not told yet."""
        told = self._told[key, what]
        self._told[key, what] = max(told, len(executions))
        return executions[told:]


def _label(place: Place, iterations: Iterable[int]) -> str:
    """Return what people call a step, such as ``train [2]`` in the third iteration of a loop."""
    return f"{place.label} {''.join(f'[{number}]' for number in iterations)}".rstrip()


def _numbered(executions: Iterable[Execution]) -> list[Execution]:
    """Return executions with their labels, and numbers where it is known that they are attempts."""
    found = []
    for number, execution in enumerate(executions, 1):
        label = _label(execution.place, execution.iterations or ())
        attempt = 1 if execution.iterations is None else number
        again = f" (attempt {attempt})" if attempt > 1 else ""
        found.append(execution._replace(label=label + again, attempt=attempt))
    return found


def _is_passed_over(row: Mapping[str, Any]) -> bool:
    """Tell whether a row is the executor of a step that has its outputs from an earlier run."""
    return row.get("display_name") == EXECUTOR and row.get("state") == "SKIPPED"


def _is_reused(execution: Execution, passed_over: set[float | None]) -> bool:
    """Tell whether a step ended as it began, when an executor was passed over.

    That row does not say whose executor it is; no step whose container ran is so fast.
    """
    start, end = execution.start, execution.end
    if start is None or end is None or end - start > 1:
        return False
    return not passed_over.isdisjoint((start - 1, start, start + 1))


def _time(row: Mapping[str, Any], field: str) -> float | None:
    try:
        time = datetime.fromisoformat(row[field].replace("Z", "+00:00"))
        return time.timestamp() if time.year > 1970 else None
    except (KeyError, AttributeError, ValueError, OverflowError):
        return None
