"""Where the files of a task's container stand on this machine, and how the task calls them.

On a cluster each container has a file system of its own. What of it is kept lies in a folder of the
task's: ``/tmp/kfp/outputs/sum`` of the container is ``FOLDER/tmp/kfp/outputs/sum``, and what lies where
the run's artifacts do, ``FOLDER/artifacts``. A container of an engine sees the path that it has on a
cluster, a process the real one, as it has no root of its own.
"""

from pathlib import Path
from typing import NamedTuple

from kfp_workbench.local.artifacts import SCHEMES, WORKSPACE

OWN = "artifacts"  # the folder of those that lie where the run's do


class Place(NamedTuple):
    """The files of one attempt at a task."""

    folder: Path
    workspace: Path
    is_rooted: bool  # the task sees the paths of a cluster
    root: str = "/minio/mlpipeline/v2/artifacts"  # of the run's artifacts, on a cluster

    def host(self, path: str) -> Path:
        """Return where a path of a cluster's container is on this machine."""
        return Path(self._text(path))

    def seen(self, path: str) -> str:
        """Return the path by which the task finds what a cluster's container finds at ``path``."""
        return path if self.is_rooted else self._text(path)

    def _text(self, path: str) -> str:
        """Return a path on this machine as it is written, with a slash at its end if there is one."""
        if path == WORKSPACE or path.startswith(f"{WORKSPACE}/"):
            return f"{self.workspace}{path.removeprefix(WORKSPACE)}"
        if path.startswith(f"{self.root}/"):
            return f"{self.folder}/{OWN}{path.removeprefix(self.root)}"
        return f"{self.folder}{path}"

    def seen_text(self, text: str) -> str:
        """Return a value with the workspace's path as the task finds it."""
        if self.is_rooted or WORKSPACE not in text:
            return text
        return text.replace(WORKSPACE, str(self.workspace))

    def seen_address(self, uri: str) -> str:
        """Return an artifact's address as the task sees it: its file's path, for a process."""
        if self.is_rooted:
            return uri
        for scheme, folder in SCHEMES.items():
            if uri.startswith(scheme):
                return self._text(folder + uri.removeprefix(scheme))
        return uri

    def address(self, text: str) -> str:
        """Return the address of a cluster that a task means by what it says."""
        if self.is_rooted:
            return text
        own = f"{self.folder}/{OWN}/"
        if text.startswith(own):
            text = f"{self.folder}{self.root}/{text.removeprefix(own)}"
        for scheme, folder in SCHEMES.items():
            start = f"{self.folder}{folder}"
            if text.startswith(start):
                return scheme + text.removeprefix(start)
        return text

    def has(self, path: str) -> bool:
        """Tell whether what a task writes to a path is on this machine."""
        rooms = (self.root, WORKSPACE, "/tmp/kfp", *SCHEMES.values())  # noqa: S108
        return not self.is_rooted or path.startswith(
            tuple(f"{room.rstrip('/')}/" for room in rooms)
        )

    def written(self, path: str) -> Path:
        """Return where a file is that the task says it has written to ``path``."""
        return self.host(path) if self.is_rooted else Path(path)
