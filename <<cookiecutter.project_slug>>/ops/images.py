"""Builds and pushes the steps' images with the engine's own command line."""

import shlex
import subprocess
import sys
from pathlib import Path

from ops import steps
from ops.errors import OpsError
from ops.settings import ROOT, Settings
from ops.steps import Step


def build(step: Step, settings: Settings, root: Path = ROOT) -> str:
    """Build a step's image and return its reference; the engine's output goes to stderr.

    Raises OpsError (1) when the engine cannot be called or fails.
    """
    image = steps.reference(step, settings, root)
    dockerfile = step.folder.relative_to(root) / "Dockerfile"
    arguments = ["build", "--platform", settings.platform, "--file", str(dockerfile)]
    _engine(settings, [*arguments, "--tag", image, "."], root, f"building {step.name}")
    print(f"{step.name}: built {image}", file=sys.stderr)
    return image


def push(step: Step, settings: Settings, root: Path = ROOT) -> str:
    """Push a step's image and return its reference; raises OpsError (1) as `build` does."""
    image = steps.reference(step, settings, root)
    _engine(settings, ["push", image], root, f"pushing {step.name}")
    print(f"{step.name}: pushed {image}", file=sys.stderr)
    return image


def _engine(settings: Settings, arguments: list[str], root: Path, doing: str) -> None:
    command = [*shlex.split(settings.docker), *arguments]
    try:
        status = subprocess.run(command, cwd=root, stdout=sys.stderr).returncode
    except OSError as error:
        raise OpsError(
            f"{doing}: cannot call {command[0]!r} ({error.strerror}): install an engine or set DOCKER="
        ) from None
    if status:
        raise OpsError(
            f"{doing}: `{shlex.join(command)}` failed with exit status {status}, see above"
        )
