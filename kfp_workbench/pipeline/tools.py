"""Tells this Python, kfp and package from others, so that nothing is kept that another one made."""

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import kfp_workbench
from kfp_workbench.digests import sha256

OURS = Path(kfp_workbench.__file__).parent


def state() -> str:
    """Return what stands for them: a digest of their files' names, dates and sizes."""
    found = [sys.version, *sorted(_states(str(OURS)))]
    kfp = find_spec("kfp")
    if kfp and kfp.origin:
        found.append(_state(kfp.origin, Path(kfp.origin).stat()))
    return sha256("\n".join(found).encode("utf-8", "surrogateescape")).hexdigest()


def packages() -> str:
    """Return what stands for all that is installed: a digest of the names, which have the versions."""
    folders = [Path(name) for name in sys.path if name]
    names = [path.name for folder in folders if folder.is_dir() for path in folder.iterdir()]
    found = sorted(name for name in names if name.endswith(".dist-info"))
    return sha256("\n".join(found).encode("utf-8", "surrogateescape")).hexdigest()


def _states(folder: str) -> Iterator[str]:
    """Yield the state of each module below a folder; `Path.rglob` would take five times as long."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                yield _state(entry.path.removeprefix(str(OURS)), entry.stat())
            elif entry.is_dir() and entry.name != "__pycache__":
                yield from _states(entry.path)


def _state(path: str, found: os.stat_result) -> str:
    return f"{path} {found.st_mtime_ns} {found.st_size}"
