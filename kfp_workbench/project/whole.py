"""What stands for all of a project: every file and folder in it but what is made there, and by tools.

So that what was found in a project holds as long as this is the same, whatever was looked at for it. Dates
do not count. A project with links, or too much in it, has none.
"""

import hashlib
import os
import stat
from pathlib import Path

from kfp_workbench.project.steps import IGNORED

MOST_FILES = 5000
MOST_BYTES = 2**25
_MADE = {*IGNORED, ".git", "build"}


class _UnclearError(Exception):
    """Nothing may stand for this project."""


def _has_modules(folder: str) -> bool:
    return any(name.endswith(".py") for name in os.listdir(folder))  # noqa: PTH208  # names do


class Whole:
    """A project at one moment."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        try:
            self._states = self._look()
            self.digest = self._digest()
        except (OSError, _UnclearError):
            self.digest = ""  # none

    def is_still(self) -> bool:
        """Tell whether nothing has been changed since."""
        try:
            return bool(self.digest) and self._look() == self._states
        except (OSError, _UnclearError):
            return False

    def _look(self) -> dict[str, tuple[int, int, int]]:
        """Return kind and mode, size and date of all that counts, by its path."""
        found: dict[str, tuple[int, int, int]] = {}
        folders = [self._root]
        size = 0
        while folders:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    state = entry.stat(follow_symlinks=False)
                    size += state.st_size
                    if entry.is_symlink() or len(found) > MOST_FILES or size > MOST_BYTES:
                        raise _UnclearError
                    if entry.name == "build" and entry.is_dir() and _has_modules(entry.path):
                        raise _UnclearError
                    is_made = entry.name in _MADE
                    if entry.is_dir() and not is_made:
                        folders.append(entry.path)
                    date = 0 if is_made else state.st_mtime_ns
                    found[entry.path] = (state.st_mode, 0 if is_made else state.st_size, date)
        return found

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for path, (mode, _, _) in sorted(self._states.items()):
            digest.update(f"{path}\0{mode}\0".encode("utf-8", "surrogateescape"))
            if stat.S_ISREG(mode):
                digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
        return digest.hexdigest()
