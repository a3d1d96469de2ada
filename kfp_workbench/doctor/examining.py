"""Says what is missing on this machine, and how to get it.

A check is a function that returns conditions. All run side by side, each in a thread of
its own, because a server that stays silent must hold up neither the others nor the end.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kfp_workbench.doctor import endpoint, engine, machine, registry
from kfp_workbench.doctor.condition import Condition
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.settings import ROOT, Settings

SECONDS = 8.0  # for all checks together
VERBS = ("local", "build", "push", "run")
# What cannot work when a check fails.
STOPS: Mapping[str, Sequence[str]] = {
    "python": ("local", "run"),
    "disk": VERBS,
    "engine": ("build", "push"),
    "platform": ("build", "push"),
    "images": ("build", "push"),
    "registry": ("push",),
    "KFP": ("run",),
    "sign-in": ("run",),
}


def examine(settings: Settings, root: Path = ROOT) -> list[Condition]:
    """Return what was found out, after ``SECONDS`` at most."""
    checks: dict[str, Callable[[], list[Condition]]] = {
        "python": machine.check_python,
        "git": lambda: machine.check_git(root),
        "disk": lambda: machine.check_disk(root / "build" if (root / "build").is_dir() else root),
        "engine": lambda: engine.check_engine(settings),
        "local": lambda: engine.check_socket(settings.docker),
        "registry": lambda: registry.check_registry(settings),
        "KFP": lambda: endpoint.examine(settings, os.environ, root),
    }
    found: dict[str, list[Condition]] = {}
    threads = [
        threading.Thread(target=_note, args=(found, what, check), daemon=True)
        for what, check in checks.items()
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    finished = dict(found)
    conditions = [f for what in checks for f in finished.get(what) or [_late(what, settings)]]
    broken = any(f.what == "engine" and f.level == "FAIL" for f in conditions)
    return [f for f in conditions if not (broken and f.what == "local")]


def _late(what: str, settings: Settings) -> Condition:
    cures = {
        "engine": f"restart it, or check DOCKER={settings.docker}",
        "local": "the engine's socket hangs, use RUNNER=process",
        "registry": f"check REGISTRY={settings.registry}, its login helper and this network",
        "KFP": f"check KFP_HOST={settings.kfp_host} and this network",
    }
    cure = cures.get(what, "is the disk in order?")
    level = "FAIL" if what in STOPS else "warn"
    return Condition(level, what, f"no answer within {SECONDS:.0f} s: {cure}")


def report(conditions: Sequence[Condition]) -> None:
    """Print a line for each condition, and last what works now.

    Raises WorkbenchError (1) when `make build`, `push` or `run` could not work.
    """
    for level, what, text in conditions:
        print(f"{level:<4}  {what:<8}  {_line(text)}", file=sys.stderr)
    failed = [condition.what for condition in conditions if condition.level == "FAIL"]
    stopped = {verb for what in failed for verb in STOPS.get(what, ())}
    works = [f"make {verb}" for verb in VERBS if verb not in stopped]
    # Without an engine, it runs the steps as processes.
    works = [f"{verb} RUNNER=process" if verb == "make local" else verb for verb in works]
    if stopped:
        broken = ", ".join(f"make {verb}" for verb in VERBS if verb in stopped)
        now = f"what works now: {', '.join(works)}" if works else "mend what is marked FAIL"
        raise WorkbenchError(f"not working yet: {broken}; {now}")
    print(f"all of it works: {', '.join(works)}", file=sys.stderr)


def _line(text: str) -> str:
    """Return what may come from servers and engines as one printable line."""
    line = " ".join(text.split())
    return line if line.isprintable() else ascii(line)[1:-1]


def _note(
    found: dict[str, list[Condition]], what: str, check: Callable[[], list[Condition]]
) -> None:
    try:
        found[what] = check()
    except WorkbenchError as error:
        found[what] = [Condition("FAIL", what, str(error))]
    except Exception as error:  # what one check did not expect must not hide the others
        level = "FAIL" if what in STOPS else "warn"
        text = f"cannot be checked ({type(error).__name__}): report this"
        found[what] = [Condition(level, what, text)]
