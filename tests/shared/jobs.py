"""Jobs for runners, as the launcher makes them."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kfp_workbench.local.allowances import UNLIMITED, Allowance
from kfp_workbench.local.places import Place
from kfp_workbench.local.runners import Job


def job(
    image: str,
    command: Sequence[str],
    folder: Path,
    variables: Mapping[str, str] | None = None,
    allowance: Allowance = UNLIMITED,
    *,
    is_rooted: bool = False,
) -> Job:
    """Return a job whose files are in ``folder``."""
    place = Place(folder, folder / "kfp-workspace", is_rooted)
    return Job("load", image, command, variables or {}, place, folder / "log", allowance)


def run(runner: Any, made: Job) -> tuple[int, list[str]]:
    """Run a job; returns its status and what it printed."""
    lines: list[str] = []
    return runner.run(made, lines.append, threading.Event()), lines
