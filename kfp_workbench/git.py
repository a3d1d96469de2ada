"""What git knows of the project: nothing, where there is no git or no commit."""

import re
import subprocess
from pathlib import Path


def revision(root: Path, *paths: str) -> str:
    """Return the commit that is checked out, with "-dirty" when ``paths`` differ from it."""
    commit = _git(root, "rev-parse", "HEAD")
    if commit and _git(root, "status", "--porcelain", "--", *paths):
        commit += "-dirty"
    return commit


def origin(root: Path) -> str:
    """Return the address of the repository ``origin``, without a login that is in it."""
    return re.sub(r"//[^/@]*@", "//", _git(root, "config", "--get", "remote.origin.url"))


def _git(root: Path, *words: str) -> str:
    try:
        result = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
    except OSError:
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
