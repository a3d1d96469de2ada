"""How many steps run at once."""

import os
from collections.abc import Mapping

from kfp_workbench.errors import WorkbenchError


def at_once(environ: Mapping[str, str] = os.environ) -> int:
    """Return how many steps run at once: JOBS, or as many as there are cores.

    Raises WorkbenchError (2) for a JOBS that is no such number.
    """
    text = environ.get("JOBS", "")
    if not text:
        available = getattr(os, "sched_getaffinity", None)
        return len(available(0)) if available else os.cpu_count() or 1
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 1000:
        raise WorkbenchError(f"JOBS={text!r}: write the number of steps that may run at once", 2)
    return int(text)
