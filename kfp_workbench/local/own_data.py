"""Data of one's own: an importer that names a path instead of an address, in local runs alone.

A cluster's importer fails of a path: it takes what lies in a bucket.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench.digests import sha256
from kfp_workbench.local.artifacts import OWN_DATA
from kfp_workbench.local.store import state


class Own(NamedTuple):
    """A file or folder of this machine that an importer takes."""

    uri: str  # which stands for its address in the run
    path: Path


def is_path(address: str) -> bool:
    """Tell whether an importer's address is a path of this machine."""
    return "://" not in address


def find(address: str, root: Path) -> Own:
    """Return what a path names, seen from the project's folder ``root``.

    Raises ValueError, with a cure, where nothing is, or nothing that can be handed to a task.
    """
    path = Path(os.path.normpath(root / address))
    if problem := _problem(path, root):
        raise ValueError(f"{address} {problem}")
    inside = path.is_relative_to(root)
    seen = f"project/{path.relative_to(root).as_posix()}" if inside else f"machine{path}"
    return Own(OWN_DATA + seen, path)


def number(own: Own, kind: str, metadata: Mapping[str, Any]) -> int:
    """Return what an artifact is known by from run to run: another one when the file has changed."""
    text = json.dumps([own.uri, kind, metadata, state(own.path)], sort_keys=True)
    return int(sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12], 16)


def _raise(error: OSError) -> None:
    raise error


def _problem(path: Path, root: Path) -> str | None:
    try:
        if not path.exists():
            return (
                "is not there: put it where the project's folder has it, "
                "or give an address like minio://BUCKET/KEY"
            )
        if root.resolve().is_relative_to(path.resolve()):
            return "holds the project itself: name a file or a folder in it"
        for folder, names, _ in os.walk(path, onerror=_raise) if path.is_dir() else ():
            for name in names:
                if Path(folder, name).is_symlink():
                    link = Path(folder, name).relative_to(path)
                    return f"has a link to another folder, {link}: put a folder in its place"
    except (OSError, ValueError) as error:  # a name that no file system takes
        return f"cannot be read ({error}): name a file or a folder of the project"
    return None
