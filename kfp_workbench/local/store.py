"""The object store of local runs: what is at the addresses of artifacts, and how it gets to a task.

Nothing is copied when a task has made an artifact: the store remembers where it lies. A task that takes
one gets a copy of its own, as on a cluster, so that what it does to it stays with it. What is large
is shared instead, and a task that changes it fails.
"""

import fcntl
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from kfp_workbench import files
from kfp_workbench.local.artifacts import BUCKET, SCHEMES
from kfp_workbench.local.places import Place
from kfp_workbench.local.problems import ProblemError

LARGE = 64 * 2**20  # bytes; what is larger is shared, if the file system cannot clone it
_CLONE = 0x40049409  # FICLONE, linux/fs.h


class StoreError(ProblemError):
    """Something that the store cannot hand out, or was not meant to be changed."""

    code = "download"


class AbsentError(StoreError):
    """Something that a cluster may have, and this machine has not."""


class Shared(NamedTuple):
    """A file or folder that a task sees, and that is not its own."""

    path: Path
    seen: str  # where a container finds it
    state: tuple[tuple[str, int, int], ...]


class Store:
    """What is at which address."""

    def __init__(self, objects: Path | None, project: Path | None = None) -> None:
        """Begin with what is in buckets, and the folder that importers' paths start from.

        Where there is none, a path is what it is to a cluster: no address.
        """
        self._objects = objects
        self.models: Callable[[str], Path] | None = None  # what is in the image at an address
        self.project = project
        self._kept: dict[str, Path | None] = {}

    def keep(self, uri: str, path: Path) -> None:
        """Remember what a task left for an address; where it wrote nothing, what is there stays.

        Raises StoreError for what the launcher cannot upload.
        """
        if link := next((file for file in _files(path) if file.is_dir()), None):
            raise StoreError(
                f"its artifact has a link to a folder, {link.name}: put a folder in its place",
                "output",
            )
        key = uri.rstrip("/")
        if path.exists():
            self._kept[key] = path
        else:
            self._kept.setdefault(key, None)

    def put(self, uri: str, path: Path | None) -> None:
        """Remember what lies at an address, as an earlier run has left it."""
        self._kept[uri.rstrip("/")] = path

    def known(self, uri: str) -> Path | None:
        """Return what lies at an address, if it was put or kept there."""
        return self._kept.get(uri.rstrip("/"))

    def imported(self, uri: str) -> Path | None:
        """Return what is in a bucket at an address, if it is there and no task has made it."""
        with suppress(StoreError):
            return None if uri.rstrip("/") in self._kept else self._in_bucket(uri)
        return None

    def file(self, uri: str) -> Path | None:
        """Return what is at an address, or None for nothing; raises StoreError if nobody can know."""
        if uri.rstrip("/") in self._kept:
            kept = self._kept[uri.rstrip("/")]
            if kept is not None and not kept.exists():
                raise StoreError(f"{kept} is not there any more")
            return kept
        if uri.startswith("oci://") and self.models:
            return self.models(uri)
        return self._in_bucket(uri)

    def _in_bucket(self, uri: str) -> Path | None:
        for scheme, folder in SCHEMES.items():
            if uri.startswith(scheme):
                return self._object(uri, folder.strip("/"), uri.removeprefix(scheme))
        return None

    def _object(self, uri: str, kind: str, rest: str) -> Path | None:
        bucket = rest.split("/", 1)[0]
        if not rest.partition("/")[2].strip("/"):
            raise StoreError(f"{uri} is a bucket as a whole, which no task is given")
        if kind == "minio" and not uri.startswith(BUCKET):
            raise StoreError(f"{uri} is in a bucket that a default install of KFP cannot read")
        if self._objects is None or not (self._objects / kind / bucket).is_dir():
            raise AbsentError(f"{uri} is not on this machine: {advice(kind, rest)}")
        path = self._objects / kind / rest
        try:
            inside = path.resolve().is_relative_to((self._objects / kind / bucket).resolve())
            return path if inside and path.exists() else None
        except (OSError, ValueError):  # a name that no file can have
            return None

    def fetch(self, uri: str, path: str, place: Place) -> Shared | None:
        """Put what is at an address at a task's path; return it where it is not the task's own.

        What is shared is linked to for a process; a container has to be handed it.
        """
        source = self.file(uri)
        if source is None:
            return None
        target = place.host(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if copied(source, target, LARGE):
            return None
        if not place.is_rooted:
            target.symlink_to(source.resolve())
        return Shared(source, path, state(source))

    def copy(self, uri: str, target: Path) -> None:
        """Copy what is at an address, however large it is; raises StoreError if nobody can know."""
        source = self.file(uri)
        if source is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            copied(source, target, math.inf)


def advice(kind: str, rest: str) -> str:
    """Return what to do about an object that is elsewhere."""
    return f"put it into objects/{kind}/{rest}, or leave that to a cluster"


def check(shared: Iterable[Shared]) -> None:
    """Raise StoreError if something that was shared with a task has changed."""
    for path, _, before in shared:
        if state(path) != before:
            raise StoreError(f"it has changed an artifact that others share: {path}", "output")


def discard(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there and can be removed."""
    if path.is_dir() and not path.is_symlink():
        files.remove(path)
        return
    with suppress(OSError):
        path.unlink()


def _files(path: Path) -> Iterator[Path]:
    """Yield what the launcher uploads of a file or folder: it ends at a link to nothing.

    By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/objectstore/object_store.go
    (``UploadBlob``).
    """
    for file in _entries(path) if path.is_dir() else [path]:
        if not file.exists():
            return
        yield file


def _entries(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, and the links, in the order of their names."""
    for entry in sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name)):
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(Path(entry.path))
        else:
            yield Path(entry.path)


def state(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what tells whether a file or folder has changed: names, sizes, times; empty without one."""
    found = [(str(file), file.stat()) for file in _files(path)]
    return tuple((name, status.st_size, status.st_mtime_ns) for name, status in found)


def copied(source: Path, target: Path, most: float) -> bool:
    """Copy a file, or the files of a folder, up to ``most`` bytes or cheaply; else nothing.

    Return whether it was copied.
    """
    small = sum(file.stat().st_size for file in _files(source)) <= most
    for file, to in _places(source, target):
        if small:
            files.copy(file, to)
        elif not _cloned(file, to):
            files.remove(target)
            target.unlink(missing_ok=True)
            return False
    return True


def linked(source: Path, target: Path) -> None:
    """Let a file, or the files of a folder, be at another path as well; raises OSError.

    What is removed at the one stays at the other. They are copied where the file system cannot do that.
    """
    if source.is_dir():
        target.mkdir(parents=True)
    for file, to in _places(source, target):
        try:
            os.link(file.resolve(), to)
        except OSError:
            files.copy(file, to)


def _places(source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """Yield a file, or the files of a folder, each with its place at another path; make its folder."""
    for file in _files(source):
        to = target / file.relative_to(source) if source.is_dir() else target
        to.parent.mkdir(parents=True, exist_ok=True)
        yield file, to


def _cloned(source: Path, target: Path) -> bool:
    """Let two files share what neither has changed, if the file system can."""
    try:
        with source.open("rb") as old, target.open("wb") as new:
            fcntl.ioctl(new.fileno(), _CLONE, old.fileno())
    except OSError:
        return False
    return True
