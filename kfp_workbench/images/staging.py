"""Lays out what one step's image may hold, for the engine to build from.

The engine gets nothing else, whatever its builder makes of ``.dockerignore`` (that of
Docker 20.10 does not find ``!steps/*/*.py``). Modes are always the same, so that what
is in the layers does not depend on the checkout.
"""

import os
from pathlib import Path

from kfp_workbench import files
from kfp_workbench.images import dockerignore
from kfp_workbench.project import steps
from kfp_workbench.project.settings import ROOT
from kfp_workbench.project.steps import Step


def stage(step: Step, folder: Path, root: Path = ROOT) -> None:
    """Copy a step's Dockerfile, and those of its content files that are admitted, to ``folder``.

    ``.dockerignore`` admits them; paths below ``folder`` are those below ``root``.
    """
    for path in staged(step, root):
        _copy(path, folder / path.relative_to(root))
    for parent, _, _ in os.walk(folder):
        os.chmod(parent, 0o755)  # noqa: S103  # as a checkout with the usual umask has it


def staged(step: Step, root: Path = ROOT) -> list[Path]:
    """Return the files and links that the engine gets to build a step's image from."""
    patterns = dockerignore.read(root / ".dockerignore")
    dockerfile = step.folder / "Dockerfile"
    return [
        path
        for path in steps.content_files(step, root)
        if path == dockerfile or dockerignore.admits(patterns, path.relative_to(root).as_posix())
    ]


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    files.copy(path, target, follow_symlinks=False)
    if not target.is_symlink():
        os.chmod(target, 0o755 if steps.is_executable(path) else 0o644)
