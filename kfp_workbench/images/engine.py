"""Calls the container engine's command line: docker, podman, buildah."""

import os
import re
import shlex
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from kfp_workbench import git
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.names import uncoloured
from kfp_workbench.project.settings import Settings
from kfp_workbench.project.steps import Step

_running: set["subprocess.Popen[str]"] = set()
_stopped = threading.Event()
_starting = threading.Lock()  # so that what starts is either stopped or never starts
_lock = threading.Lock()


def call(
    step: Step, settings: Settings, words: Sequence[str], folder: Path, doing: str, login: str = ""
) -> None:
    """Call the engine; with ``V=1``, or when it failed, what it said goes to stderr."""
    command = [*shlex.split(settings.docker), *words]
    try:
        process = _start(command, folder)
    except OSError as error:
        raise WorkbenchError(
            f"{doing} {step.name}: cannot call {command[0]!r} ({error.strerror}): "
            "install an engine, or set DOCKER="
        ) from None
    lines: deque[str] = deque(maxlen=30)
    live = os.environ.get("V") == "1"
    assert process.stdout is not None
    with process:
        for line in process.stdout:
            lines.append(uncoloured(line).rstrip())
            if live:
                say(f"  {step.name} | {lines[-1]}")
    _running.discard(process)
    if process.returncode:
        if not live:
            say("\n".join(f"  {step.name} | {line}" for line in lines))
        reason = _reason("\n".join(lines), login) or (
            f"`{shlex.join(command[:2])}` failed with exit status {process.returncode}, see above"
        )
        raise WorkbenchError(f"{doing} {step.name}: {reason}")


def _start(command: Sequence[str], folder: Path) -> "subprocess.Popen[str]":
    with _starting:
        if _stopped.is_set():
            raise WorkbenchError("interrupted")
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        _running.add(process)
        return process


def _reason(output: str, login: str) -> str | None:
    """Return what an engine's last words mean, for the faults that people meet."""
    meanings = {
        "cannot connect to the docker daemon|error during connect|connection reset by peer"
        "|unexpected eof|unable to connect to podman": "the engine does not answer, or went away: "
        "start it, then try again",
        "manifest unknown|repository does not exist|manifest for .* not found|no such manifest": "the "
        "base image is not there: check FROM in its Dockerfile",
        "no space left on device": "no space left on the engine's disk: free some, then try again",
        "no basic auth|authentication required|unauthorized|denied|forbidden": "the registry "
        f"refused: {login}",
        "connection refused|no such host|i/o timeout|EOF": "the registry does not answer, or went "
        "away: check REGISTRY, then try again",
    }
    last = output[-2000:]
    for pattern, meaning in meanings.items():
        about_registry = "registry" in meaning
        if re.search(pattern, last, re.I) and (login or not about_registry):
            return meaning
    return None


def labels(root: Path) -> dict[str, str]:
    """Return the labels that say where an image's sources are; git knows."""
    found = {"revision": git.revision(root, "steps", "common"), "source": git.origin(root)}
    return {f"org.opencontainers.image.{key}": value for key, value in found.items() if value}


def has(image: str, settings: Settings) -> bool:
    """Tell whether what was built once is still in the engine; it may have been pruned."""
    command = [*shlex.split(settings.docker), "inspect", "--type", "image", image]
    try:
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return True  # the push will say what is wrong


def begin() -> None:
    """Let calls start again, after others were stopped."""
    _stopped.clear()


def stop() -> None:
    """End the calls that are under way, and let no other start."""
    with _starting:
        _stopped.set()
        for process in list(_running):
            process.terminate()


def say(text: str) -> None:
    """Print a line to stderr, whole, also from several threads."""
    with _lock:
        print(text, file=sys.stderr, flush=True)
