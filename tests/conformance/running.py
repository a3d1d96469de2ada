"""Runs a case as `make local` does: the same command, in a project of the case's own."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from kfp_workbench.local import record
from shared.baking import environment

SECONDS = 600  # that a run may take
REFUSED = 2  # the exit status of what was not begun


class Ended(NamedTuple):
    """How the command ended; ``folder`` is the run's, if one was begun."""

    status: int
    reason: str
    folder: Path | None


def run_local(project: Path, runner: str, variables: Mapping[str, str], *, cache: bool) -> Ended:
    """Run a project's compiled pipeline once."""
    before = _runs(project)
    command = [sys.executable, "-m", "kfp_workbench", "local", "--runner", runner]
    try:
        result = subprocess.run(
            command,
            cwd=project,
            env=environment({**variables, **({"CACHE": "1"} if cache else {})}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return Ended(-1, f"not ended after {SECONDS} s", None)
    lines = result.stderr.decode(errors="replace").splitlines()
    errors = [line for line in lines if line.startswith("error: ")] or lines[-1:] or [""]
    new = sorted(_runs(project) - before)
    return Ended(result.returncode, errors[-1].removeprefix("error: "), new[-1] if new else None)


def _runs(project: Path) -> set[Path]:
    return {path.parent for path in (project / record.RUNS).glob(f"*/{record.FILE}")}
