"""Follows a run until it ends, whatever happens to the connection meanwhile."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from typing import Any, NamedTuple

from kfp_workbench.cluster import limits
from kfp_workbench.cluster.faults import (
    BusyError,
    LostAnswerError,
    NotFoundError,
    StrangeAnswerError,
    UnreachableError,
    printable,
)
from kfp_workbench.cluster.server import Server, call
from kfp_workbench.cluster.tasks import Tasks
from kfp_workbench.cluster.transport import LOOK_SECONDS, timeouts
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.names import shown

FINAL = ("SUCCEEDED", "FAILED", "CANCELED")
UNKNOWN = "RUNTIME_STATE_UNSPECIFIED"  # which the server leaves out
# What may have passed by when it is asked again; all else is an answer.
PASSING = (BusyError, LostAnswerError, UnreachableError, StrangeAnswerError)
_SHOWN = 40  # characters of a state
_SHORTEST = 1.0  # seconds that a server gets to answer, however little time is left
TIMED_OUT = 124  # as timeout(1) has it


class GoneError(WorkbenchError):
    """The run is not there any more."""


class Pace(NamedTuple):
    """How often a run is looked at, and for how long a server may fail; in seconds."""

    shortest: float = 1.0  # between two looks, after something has changed
    factor: float = 1.3  # by which it grows while nothing changes
    longest: float = 10.0
    retry_after: float = 60.0  # at most, whatever the server asks for
    patience: float = 300.0


class Clock(NamedTuple):
    """Seconds that pass, and waiting for them."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep


class Follower:
    """A run that is followed; ``state`` is the last that was seen of it."""

    def __init__(
        self,
        server: Server,
        run_id: str,
        tasks: Tasks,
        say: Callable[[str], object],
        pace: Pace = Pace(),  # noqa: B008  # it cannot change
        clock: Clock = Clock(),  # noqa: B008  # it cannot change
    ) -> None:
        self.state = UNKNOWN
        self.was_terminated = False
        self._server, self._run_id = server, run_id
        self._tasks, self._say = tasks, say
        self._pace, self._clock = pace, clock
        self._delay = pace.shortest
        self._failing_since: float | None = None

    @property
    def has_ended(self) -> bool:
        """Tell whether the run was seen to have ended."""
        return self.state in FINAL

    def follow(self, timeout: float | None = None) -> None:
        """Return when the run has ended.

        Raises WorkbenchError: 124 when that took more than ``timeout`` seconds, 1 when the run
        is gone (GoneError), the server refuses, or has failed for too long.
        """
        deadline = math.inf if timeout is None else self._clock.now() + timeout
        while True:
            before = self.state
            try:
                left = deadline - self._clock.now()
                details = self.look(max(_SHORTEST, left)).get("run_details")
            except PASSING as fault:
                wait = self._bear(fault)
            else:
                if self.state != before and not self.has_ended:
                    word = "being terminated" if self.state == "CANCELING" else self.state.lower()
                    self._say(f"the run is {printable(word)[:_SHOWN]}")
                rows = details.get("task_details") if isinstance(details, Mapping) else None
                changed = self._tasks.update(rows, terminated=self.was_terminated)
                wait = self._next(changed=changed or self.state != before)
            if self.has_ended:
                return
            left = deadline - self._clock.now()
            if left <= 0:
                raise WorkbenchError(
                    f"the run has not ended within {spoken(timeout or 0)}", TIMED_OUT
                )
            self._clock.sleep(min(wait, left))

    def look(self, seconds: float | None = None) -> Mapping[str, Any]:
        """Look at the run once, note its state, and return it as the server has it.

        The server may be silent for ``seconds``, if they are fewer than usual.
        """
        times = timeouts(seconds)
        try:
            run: Mapping[str, Any] = call(
                self._server, "look at the run on", partial(self._run, times), times[1]
            )
        except NotFoundError:
            raise GoneError("the run is not there any more: somebody deleted it") from None
        if (state := run.get("state")) and state != UNKNOWN:  # one that has none keeps its last
            self.state = str(state)
        # A run that is terminated ends as FAILED; the API has a word for it that no server uses.
        if {"CANCELING", "CANCELED"} & {self.state, *_earlier(run)}:
            self.was_terminated = True
        return run

    def terminate(self) -> None:
        """Ask for the run's end; raises WorkbenchError (1) when the server does not take it."""
        times = timeouts(LOOK_SECONDS)
        for attempt in range(3):
            try:
                call(
                    self._server,
                    "terminate the run on",
                    lambda: self._service.run_service_terminate_run(
                        self._run_id, _request_timeout=times
                    ),
                    times[1],
                )
                return
            except PASSING:
                if attempt == 2:
                    raise
                self._clock.sleep(self._pace.shortest)

    @cached_property
    def _service(self) -> Any:
        import kfp_server_api

        return kfp_server_api.RunServiceApi(self._server.api)

    def _run(self, times: tuple[float, float]) -> Mapping[str, Any]:
        """Return the run as the server has it; raises ValueError for what is none.

        The SDK's models would refuse a whole run for one time that they cannot read.
        """
        answer = self._service.run_service_get_run(
            self._run_id, _preload_content=False, _request_timeout=times
        )
        content = limits.content(answer)
        try:
            run = json.loads(content)
        except RecursionError:
            run = None
        if not isinstance(run, dict) or run.get("run_id") != self._run_id:
            raise ValueError(f"no run, but {shown(content[:60].decode(errors='replace'))}")
        return run

    def _next(self, *, changed: bool) -> float:
        """Return how long to wait after a look that went well."""
        if self._failing_since is not None:
            self._failing_since = None
            self._say("the server answers again")
            changed = True
        self._delay = self._pace.shortest if changed else self._grown()
        return self._delay

    def _bear(self, fault: WorkbenchError) -> float:
        """Return how long to wait after a fault; raises WorkbenchError (1) when there were too many."""
        now = self._clock.now()
        patience = spoken(self._pace.patience)
        if self._failing_since is None:
            self._failing_since, self._delay = now, self._pace.shortest
            self._say(f"note: {fault}; trying again for {patience}")
            if isinstance(fault, StrangeAnswerError) and self._signed_in_anew():
                return 0.0
        elif now - self._failing_since >= self._pace.patience:
            raise WorkbenchError(f"{fault}; it has gone on so for {patience}")
        else:
            self._delay = self._grown()
        asked = getattr(fault, "retry_after", None) or 0.0
        return max(self._delay, min(asked, self._pace.retry_after))

    def _grown(self) -> float:
        return min(self._delay * self._pace.factor, self._pace.longest)

    def _signed_in_anew(self) -> bool:
        """Tell whether there are other credentials to try, as after a login page."""
        credentials = self._server.endpoint.credentials
        try:
            return credentials is not None and credentials.refresh()
        except WorkbenchError:
            return False


def _earlier(run: Mapping[str, Any]) -> Iterator[str]:
    """Return the states that a run has had."""
    history = run.get("state_history")
    for item in history if isinstance(history, list) else []:
        if isinstance(item, Mapping):
            yield str(item.get("state"))


def spoken(seconds: float) -> str:
    """Return a time as people say it, such as "90 s", "5 min" or "2 h"."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds:.4g} s"
