"""Embeds files in components as the same bytes each time, for as long as modules are loaded.

kfp puts the time, owners and modes of files into the archives of ``embedded_artifact_path`` and of
notebooks, and the time into their compression. Two modules that `kfp.dsl.component_factory` looks
up by name are replaced here; a test tells when they move.
"""

import contextlib
import gzip
import io
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any

from kfp.dsl import component_factory

from kfp_workbench.project.steps import IGNORED, IGNORED_FILES


@contextlib.contextmanager
def reproducible() -> Iterator[None]:
    """Let archives depend on nothing but names and contents, and whether a file may be run."""
    before = component_factory.tarfile, component_factory.gzip
    component_factory.tarfile = SimpleNamespace(open=_Archive.open)
    component_factory.gzip = SimpleNamespace(compress=_compressed)
    try:
        yield
    finally:
        component_factory.tarfile, component_factory.gzip = before


class _Archive(tarfile.TarFile):
    """An archive without times and owners, and without what tools leave behind."""

    def add(self, *args: Any, **words: Any) -> None:
        """Add a file, or a folder with all that is in it, by name."""
        words.setdefault("filter", _plain)
        super().add(*args, **words)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Return what stands for a file in an archive, or None to leave it out."""
    name = PurePosixPath(member.name).name
    if name in IGNORED or (member.isfile() and IGNORED_FILES.fullmatch(name)):
        return None
    member.mtime = member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


def _compressed(content: bytes) -> bytes:
    """Return a gzip file with no time and no name in it."""
    target = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=target, mtime=0) as file:
        file.write(content)
    return target.getvalue()
