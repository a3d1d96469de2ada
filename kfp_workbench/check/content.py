"""What the engine gets to build a step's image from, against what the step needs of it."""

import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.images import dockerignore, staging
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown
from kfp_workbench.project.steps import Step, content_files


class Content(NamedTuple):
    """The paths below ``root`` of the files and links that the engine gets, and their folders."""

    step: Step
    root: Path
    files: frozenset[str]
    folders: frozenset[str]

    def has(self, name: str) -> bool:
        """Tell whether the engine gets a file or a folder."""
        return name in self.files or name in self.folders

    def copy_problem(self, source: str) -> str | None:
        """Return why COPY cannot or should not take a source, with the cure, or None."""
        if "$" in source or "\0" in source:
            return None
        name = posixpath.normpath(f"/{source}").lstrip("/")
        if (
            not name
            or dockerignore.stands_for(name, "steps")
            or dockerignore.stands_for(name, "steps/any other")
        ):
            return f"{shown(source)} takes all there is: name the files that the image needs"
        if any(dockerignore.stands_for(name, path) for path in self.files | self.folders):
            return None
        if os.path.lexists(self.root / name) or self._any_there(name):
            return (
                f"takes {shown(source)}, which the engine does not get: put it below "
                f"steps/{self.step.name}/ or common/, and admit it in .dockerignore"
            )
        if re.search(r"[*?\[]", name):
            return None  # of what may be there
        return f"takes {shown(source)}, which is not there: give a path below the project's folder"

    def _any_there(self, pattern: str) -> bool:
        try:
            return any(True for _ in self.root.glob(pattern.replace("**", "*")))
        except (OSError, ValueError):  # of what no path can be
            return False


def read_content(step: Step, root: Path) -> Content:
    """Return what the engine gets for a step."""
    try:
        paths = staging.staged(step, root)
    except WorkbenchError:  # in .dockerignore, where it is found
        paths = content_files(step, root)
    files = frozenset(path.relative_to(root).as_posix() for path in paths)
    folders = frozenset(folder for name in files for folder in dockerignore.folders(name))
    return Content(step, root, files, folders)


def check_links(content: Content) -> Iterator[Finding]:
    """Find links that lead to what the engine does not get."""
    root = os.path.realpath(content.root)
    for name in sorted(content.files):
        path = content.root / name
        if path.is_symlink():
            target = os.path.relpath(os.path.realpath(path), root)
            if not content.has(target) or not os.access(path, os.F_OK):
                what = f"is a link to {shown(str(path.readlink()))}, which the engine does not get"
                yield Finding(name, 1, what, "put the file itself there")
