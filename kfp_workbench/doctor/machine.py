"""Looks at the machine itself: Python, git, and the disk."""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from kfp_workbench.doctor.condition import Condition

CALL_SECONDS = 5.0  # for one call of the engine, or of git
OLDEST = (3, 10)
MB = 1024**2
BUILD_DISK = (100 * MB, 1024 * MB)  # the compiled pipeline and logs; numpy and the like need more


def check_python() -> list[Condition]:
    """Check the version, and what environments of steps are made with."""
    version = platform.python_version()
    if sys.version_info[:2] < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        text = f"{version} is older than {oldest}: make clean ALL=1, then make setup PYTHON="
        return [Condition("FAIL", "python", text)]
    missing = [name for name in ("venv", "ensurepip") if not importlib.util.find_spec(name)]
    if missing:
        text = f"{version} has no {missing[0]}, so steps with requirements cannot run as processes"
        cure = f"apt-get install python{version.rpartition('.')[0]}-venv"
        return [Condition("warn", "python", f"{text}: {cure}, or what your system calls it")]
    return [Condition("ok", "python", f"{version}, with venv and pip")]


def check_git(root: Path) -> list[Condition]:
    """Check what `kfp_workbench.images.engine.labels` needs."""
    if not shutil.which("git"):
        return [
            Condition("warn", "git", "not found, so images do not say their revision: install it")
        ]
    head = call(["git", "-C", str(root), "rev-parse", "--short", "HEAD"])
    if head.returncode:
        text = "no commit here, so images do not say their revision: git init, then git commit"
        return [Condition("warn", "git", text)]
    return [Condition("ok", "git", f"at {head.stdout.strip()}")]


def check_disk(folder: Path) -> list[Condition]:
    """Check that the folder can be written, and has room."""
    if not os.access(folder, os.W_OK):
        return [
            Condition("FAIL", "disk", f"{folder} cannot be written: chown it, or remount its disk")
        ]
    return [space("disk", folder, "build/", BUILD_DISK)]


def space(what: str, folder: Path, label: str, limits: tuple[int, int]) -> Condition:
    """Check the disk that ``folder`` is on: below the limits it fails, or warns."""
    free = shutil.disk_usage(folder).free
    text = f"{free / 1024 / MB:.1f} GB free for {label}"
    cure = "make clean" if what == "disk" else "remove old images, or move them to another disk"
    enough, ample = limits
    if free < enough:
        return Condition("FAIL", what, f"{text}, {enough // MB} MB is the least: {cure}")
    if free < ample:
        return Condition("warn", what, f"{text}, little for large libraries: {cure}")
    return Condition("ok", what, text)


def call(words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run a command for ``CALL_SECONDS`` at most."""
    return subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=CALL_SECONDS,
    )
