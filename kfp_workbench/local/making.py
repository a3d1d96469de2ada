"""Makes the environment that steps with the same requirements share."""

import sys
from collections.abc import Mapping
from pathlib import Path

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.steps import Step
from kfp_workbench.setup import environments, installers, locks


def make(folder: Path, python: Path, step: Step, text: str) -> None:
    """Make it of ``python`` with what ``text`` requires, which are the requirements of ``step``.

    Raises WorkbenchError (1) when they cannot be installed.
    """
    try:
        environments.begin(folder, python)
        installers.add_pip(folder)
    except WorkbenchError as error:
        raise WorkbenchError(f"steps/{step.name}: {error}, or RUNNER=docker") from None
    if text:
        _install(folder, step)


def finish(folder: Path, text: str, digests: Mapping[str, str]) -> None:
    """Call it whole, made from ``digests``; raises WorkbenchError (1) if it lacks what ``text`` names."""
    environments.finish(folder, locks.wanted(text), digests)


def _install(folder: Path, step: Step) -> None:
    print(f"{step.name}: installing steps/{step.name}/requirements.txt", file=sys.stderr)
    try:
        installer = installers.choose()
        installer.install(folder, step.folder / "requirements.txt", locked=False)
    except WorkbenchError as error:
        raise WorkbenchError(f"steps/{step.name}/requirements.txt: {error}") from None
    installers.compile_modules(folder)
