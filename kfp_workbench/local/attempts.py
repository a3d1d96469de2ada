"""When a failed container is tried again, as Argo Workflows does.

https://github.com/argoproj/argo-workflows/blob/v4.0.8/workflow/controller/operator.go
(``processNodeRetries``): the longest duration is that of all attempts together, pauses included.
"""

import math

from kfp_workbench.local.spec import Retry
from kfp_workbench.pipeline.kubernetes import units


class Attempts:
    """The attempts at one task; times are of a clock that only goes forward, in seconds."""

    def __init__(self, policy: Retry | None) -> None:
        self._policy = policy
        self._first = math.nan
        self.number = 0

    def begin(self, now: float) -> None:
        """Count one more attempt."""
        if not self.number:
            self._first = now
        self.number += 1

    def pause(self, now: float) -> float | None:
        """Return the seconds until the next attempt, after one that has failed; None for none."""
        policy = self._policy
        if policy is None or self.number > policy.times or not float(policy.factor).is_integer():
            return None
        last = self._first + policy.most
        wait = policy.duration * (policy.factor ** (self.number - 1) if policy.factor > 0 else 1)
        return None if now > last or now + wait > last else wait

    def what_follows(self, pause: float) -> str:
        """Return what follows after a pause, for people."""
        assert self._policy is not None
        seconds = int(min(pause, self._policy.most))
        when = f"in {units.duration_text(seconds)}" if seconds else "now"
        return f"attempt {self.number + 1} of {self._policy.times + 1} follows {when}"
