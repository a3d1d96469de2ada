"""A tool that a verb finds out to need: it is added to the environment that runs it."""

import importlib
import sys
from pathlib import Path

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.setup import environments, locks, states

LOCK = Path("requirements-dev.txt")  # as make names it


def fetch(tool: str, why: str) -> bool:
    """Add a tool of the lock file to this environment, where that is ours; tell whether it could.

    Where it could not, a line says so, with ``why`` it is needed.
    """
    place = Path(sys.prefix)
    try:
        lines = [line for line in locks.read([LOCK]) if line.name == tool]
        digests = locks.digests([LOCK])
        if not states.is_whole(place, digests):
            raise WorkbenchError(f"{place} is not make's own")
        environments.provide(place, lines, digests)
    except (WorkbenchError, OSError) as error:
        print(f"note: {why} needs {tool}, which is not there: {error}", file=sys.stderr)
        return False
    importlib.invalidate_caches()
    return bool(lines)
