"""Keeps what is taken of a container within the folders that it was given.

On a cluster a link leads to something of the container's own. Here it would be followed on this
machine, to whatever is there: such a file is neither read nor handed on, nor is anything written to it.
"""

import os
from pathlib import Path

from kfp_workbench.local.places import Place
from kfp_workbench.local.problems import ProblemError


class OutsideError(ProblemError):
    """Something that leads out of the folders of a task."""

    code = "output"


def within(place: Place, path: Path) -> Path:
    """Return a path at which a container may have left something; raises OutsideError.

    A process has no folders that are its own alone, so that its links are its own business.
    """
    hold(place, path)
    for folder, folders, files in os.walk(path) if place.is_rooted else ():
        for name in (*folders, *files):
            if (found := Path(folder, name)).is_symlink():
                hold(place, found)
    return path


def hold(place: Place, path: Path) -> None:
    """Raise OutsideError where a path of a container's leads out of its folders, itself a link or not."""
    real = os.path.realpath(path)
    rooms = [os.path.realpath(room) for room in (place.folder, place.workspace)]
    if place.is_rooted and not any(Path(real).is_relative_to(room) for room in rooms):
        raise OutsideError(
            f"{path.name} of its container leads to {real}, which is not taken from this machine: "
            "write a file there, no link"
        )
