"""Counts how often a task is tried, as its settings allow, and lets nothing wait in vain.

The attempts are those of kfp's local orchestrator, which tells its task handler nothing about them,
and sleeps in between, whatever happens meanwhile.
"""

import contextlib
import threading
import types
from collections.abc import Iterator
from typing import Any

from kfp.local.orchestrator import task_executor

from kfp_workbench.pipeline.kubernetes import units


class Attempts:
    """How often a task was tried, and what is left; ``policy`` is its retryPolicy."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy
        self._number = 0

    def begin(self) -> None:
        """Count one more attempt."""
        self._number += 1

    @property
    def is_last(self) -> bool:
        """Tell whether a failure of this attempt is the task's."""
        return self._number > int(self._policy.max_retry_count)

    @property
    def what_follows(self) -> str:
        """Return what follows on a failure, for people."""
        wait = self._policy.backoff_duration.seconds
        wait *= self._policy.backoff_factor ** (self._number - 1)
        seconds = int(min(wait, self._policy.backoff_max_duration.seconds))
        when = f"in {units.duration_text(seconds)}" if seconds else "now"
        return f"attempt {self._number + 1} of {self._policy.max_retry_count + 1} follows {when}"


@contextlib.contextmanager
def ended_by(stop: threading.Event) -> Iterator[None]:
    """Let no wait between attempts go on once ``stop`` is set, in every run within.

    kfp looks the clock up by attribute (kfp.local.orchestrator.task_executor); a test tells when
    a release moves it.
    """
    clock = task_executor.time
    task_executor.time = types.SimpleNamespace(sleep=stop.wait)
    try:
        yield
    finally:
        task_executor.time = clock
