"""Runs a pipeline's tasks: each as soon as what it waits for has ended, as many at once as may be.

One thread decides everything, in the order in which things end; workers only run commands. What waits
for nothing begins in the order of its name, as on a cluster.
"""

import heapq
import itertools
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple, Protocol

from kfp_workbench.local import driver, spec
from kfp_workbench.local.dags import DagRun, Phase, takes_hook
from kfp_workbench.local.driver import Begun, DriverError
from kfp_workbench.local.inputs import Options

Ended = Callable[[Phase], None]


class Share(NamedTuple):
    """What a command takes of the machine while it runs, or what there is of that."""

    jobs: float = 1.0
    memory: float = 0.0  # bytes

    def within(self, other: "Share") -> "Share":
        """Return as much of it as there is in another."""
        return Share(min(self.jobs, other.jobs), min(self.memory, other.memory))

    def fits(self, other: "Share") -> bool:
        """Tell whether another has room for all of it."""
        return self.within(other) == self


class Work(Protocol):
    """What a scheduler has done, and tells what it sees; all of it in the scheduler's thread."""

    def options(self, run: DagRun, task: spec.Task, index: int | None) -> Options:
        """Return what the driver of a task is told."""

    def dag_begun(self, run: DagRun, task: spec.Task, begun: Begun, path: tuple[str, ...]) -> None:
        """Take note of a DAG, a loop or an iteration that has begun, or is skipped."""

    def refused(
        self, run: DagRun, task: spec.Task, path: tuple[str, ...], error: DriverError
    ) -> None:
        """Take note of a task that its driver did not begin."""

    def execute(self, run: DagRun, task: spec.Task, ended: Ended) -> None:
        """Begin a container's task, or an importer's, and call ``ended`` once it has ended."""


class Scheduler:
    """Decides what begins when."""

    def __init__(self, pipeline: spec.Pipeline, whole: Share, stop: threading.Event) -> None:
        """``whole`` is what the commands may take together."""
        self.work: Work
        self._pipeline = pipeline
        self._stop = stop
        self._free = self._whole = whole
        self._steps: deque[Callable[[], None]] = deque()  # to be done at once
        # From workers: the room that a command has had, and what is to be done about its end.
        self._done: queue.SimpleQueue[tuple[Share, Callable[[], None]]] = queue.SimpleQueue()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._queued: deque[tuple[Share, Callable[[], Callable[[], None]]]] = deque()
        self._busy = 0
        self.is_late = False  # ended by its deadline

    def run(self, root: DagRun, deadline: float = math.inf) -> None:
        """Run a pipeline until all has ended, or its ``deadline`` (`time.monotonic`), or a stop."""
        try:
            self._run(root, deadline)
        except BaseException:  # a mistake of ours: no command may outlive it
            self._stop.set()
            while self._busy:
                self._take(self._done.get())
            raise

    def _run(self, root: DagRun, deadline: float) -> None:
        self._begin_all(root)
        while True:
            while self._steps:
                self._steps.popleft()()
            if not root.open:
                return
            if time.monotonic() >= deadline:
                self.is_late = True
                self._stop.set()
            if self._stop.is_set():
                self._drain()
                return
            self._start_queued()
            self._wait(deadline)

    def later(self, seconds: float, step: Callable[[], None]) -> None:
        """Do something after a pause."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._numbers), step))

    def submit(self, share: Share, work: Callable[[], Callable[[], None]]) -> None:
        """Do work in a thread when there is room; then what it returns, in this one."""
        self._queued.append((share.within(self._whole), work))

    def _start_queued(self) -> None:
        while self._queued and not self._stop.is_set():
            share, work = self._queued[0]
            if self._busy and not share.fits(self._free):
                return
            self._queued.popleft()
            self._free = Share(self._free.jobs - share.jobs, self._free.memory - share.memory)
            self._busy += 1
            threading.Thread(target=self._worker, args=(share, work), daemon=True).start()

    def _worker(self, share: Share, work: Callable[[], Callable[[], None]]) -> None:
        try:
            then = work()
        except BaseException as error:
            then = partial(_raise, error)
        self._done.put((share, then))

    def _take(self, done: tuple[Share, Callable[[], None]]) -> Callable[[], None]:
        """Make room for the next command; return what is to be done about the last one's end."""
        share, then = done
        self._free = Share(self._free.jobs + share.jobs, self._free.memory + share.memory)
        self._busy -= 1
        return then

    def _wait(self, deadline: float) -> None:
        """Wait for the next thing to do."""
        if self._timers and self._timers[0][0] <= time.monotonic():
            self._steps.append(heapq.heappop(self._timers)[2])
            return
        until = min(deadline, self._timers[0][0] if self._timers else math.inf)
        # Not for ever: the main thread has to see signals, and a stop that comes meanwhile.
        pause = max(0.0, min(until - time.monotonic(), 0.2))
        with suppress(queue.Empty):
            self._steps.append(self._take(self._done.get(timeout=pause)))

    def _drain(self) -> None:
        """Wait for the commands that are being ended."""
        while self._busy:
            self._take(self._done.get())()
            self._steps.clear()

    def _begin_all(self, run: DagRun) -> None:
        self._steps.extend(partial(self._begin, run, run.tasks[name]) for name in run.ready())
        if not run.open:
            self._steps.append(lambda: run.ended(True))

    def _begin(self, run: DagRun, task: spec.Task) -> None:
        self._task(run, task, lambda phase: self._task_ended(run, task, phase))

    def _task_ended(self, run: DagRun, task: spec.Task, phase: Phase) -> None:
        hook = run.hook(task.name, phase) if takes_hook(self._pipeline, task) else None
        if hook is None:
            self._over(run, task, phase)
        else:  # what it comes to has no bearing on the DAG
            self._task(run, run.tasks[hook], lambda _: self._over(run, task, phase))

    def _over(self, run: DagRun, task: spec.Task, phase: Phase) -> None:
        ready = sorted(run.end(task.name, phase))
        self._steps.extend(partial(self._begin, run, run.tasks[name]) for name in ready)
        if not run.open:
            run.ended(run.is_well)

    def _task(self, run: DagRun, task: spec.Task, ended: Ended) -> None:
        """Begin a task of any kind."""
        if self._stop.is_set():
            return
        component = self._pipeline.component_of(task)
        if task.loop is not None:
            self._loop(run, task, component, ended)
        elif component.dag is not None:
            self._dag(run, task, component, None, (*run.path, task.name), ended)
        else:
            self.work.execute(run, task, ended)

    def _dag(
        self,
        run: DagRun,
        task: spec.Task,
        component: spec.Component,
        index: int | None,
        path: tuple[str, ...],
        ended: Ended,
    ) -> None:
        """Begin a DAG, or with ``index`` an iteration of a loop, whose run ``run`` is then."""
        begun = self._driven(run, task, index, path)
        if begun is None:
            ended(Phase.UNBEGUN)
            return
        if not begun.triggers:
            ended(Phase.SKIPPED)
            return
        place = run.place if index is not None else (*run.place, task.name)
        self._begin_all(DagRun(component, begun.execution, path, place, _by_result(ended)))

    def _driven(
        self, run: DagRun, task: spec.Task, index: int | None, path: tuple[str, ...]
    ) -> Begun | None:
        try:
            begun = driver.dag(self.work.options(run, task, index))
        except DriverError as error:
            self.work.refused(run, task, path, error)
            return None
        self.work.dag_begun(run, task, begun, path)
        return begun

    def _loop(self, run: DagRun, task: spec.Task, component: spec.Component, ended: Ended) -> None:
        path = (*run.path, task.name)
        begun = self._driven(run, task, None, path)
        if begun is None:
            ended(Phase.FAILED)
            return
        count = len(begun.items or ())
        if not count:
            ended(Phase.SUCCEEDED)
            return
        inner = DagRun(component, begun.execution, path, (*run.place, task.name), lambda _: None)
        numbers = iter(range(count))
        phases: list[Phase] = []

        def begin_next() -> None:
            if (index := next(numbers, None)) is not None:
                within = (*path, f"{task.name}[{index}]")
                self._dag(inner, task, component, index, within, iteration_ended)

        def iteration_ended(phase: Phase) -> None:
            phases.append(phase)
            if len(phases) == count:
                well = not any(one in (Phase.FAILED, Phase.UNBEGUN) for one in phases)
                ended(Phase.SUCCEEDED if well else Phase.FAILED)
            elif task.parallelism:
                self._steps.append(begin_next)

        for _ in range(min(count, task.parallelism or count)):
            self._steps.append(begin_next)


def _raise(error: BaseException) -> None:
    raise error


def _by_result(ended: Ended) -> Callable[[bool], None]:
    return lambda well: ended(Phase.SUCCEEDED if well else Phase.FAILED)
