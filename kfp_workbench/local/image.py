"""What stands for an image where a step is a process: the files that the image has, and no others.

They are read once, when a run begins, and laid out for each attempt at a task where its container
would find them: what is at ``/app`` of the image is at ``app`` of the task's folder. So a file that no
image has is missing here, too, and what a step writes beside its script is its own.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from kfp_workbench import files
from kfp_workbench.images.layout import Layout
from kfp_workbench.local.store import LARGE, copied
from kfp_workbench.project import steps

HELD = 2**20  # bytes of a file that is kept in memory; a larger one is copied when it is laid out


class _File(NamedTuple):
    source: Path
    content: bytes | None  # None for a link and for a large file
    mode: int


class Image(NamedTuple):
    """The project's files in an image; the default is an image that has none of them."""

    folder: str = "/"  # where its commands are run
    search: Sequence[str] = ()  # of Python modules
    is_writable: bool = True
    files: Mapping[str, _File] = MappingProxyType({})

    @classmethod
    def of(cls, found: Layout) -> "Image":
        """Return an image with the present content of its files."""
        files = {name: _read(path) for name, path in found.files.items()}
        return cls(found.folder, tuple(found.search), found.is_writable, files)

    @contextmanager
    def laid_out(self, root: Path) -> Iterator[Path]:
        """Lay the files out below ``root``, and yield the folder that commands are run in.

        Only the superuser can write to it where the image's user cannot. They are removed in the
        end.
        """
        folder = Path(_host(root, self.folder))
        tops = {root / name.split("/")[1] for name in (*self.files, self.folder)}
        ours = [path for path in sorted(tops - {root}) if not os.path.lexists(path)]
        try:
            self._write(root)
            folder.mkdir(parents=True, exist_ok=True)
            if self.files and not self.is_writable and os.geteuid() != 0:
                _protect(ours)
            yield folder
        finally:
            for path in ours:
                _remove(path)

    def words(self, command: Sequence[str], root: Path) -> list[str]:
        """Return a command line with the real paths of the image's files that it names."""
        return [_host(root, word) if word in self.files else word for word in command]

    def python_path(self, root: Path) -> str:
        """Return the image's ``PYTHONPATH`` as the process needs it."""
        return os.pathsep.join(_host(root, part) for part in self.search)

    def told(self, root: Path) -> Callable[[str], str]:
        """Return what puts the project's own files in the place of those laid out, in a line."""
        pattern = re.compile(re.escape(f"{root}/") + r"""[^\s"':,()]+""")

        def known(match: re.Match[str]) -> str:
            found = self.files.get(match[0].removeprefix(str(root)))
            return str(found.source) if found else match[0]

        return lambda line: pattern.sub(known, line)

    def _write(self, root: Path) -> None:
        for name, file in self.files.items():
            path = Path(_host(root, name))
            path.parent.mkdir(parents=True, exist_ok=True)
            if file.content is not None:
                path.write_bytes(file.content)
            elif file.source.is_symlink():
                path.symlink_to(file.source.readlink())
                continue
            elif not copied(file.source, path, LARGE):
                path.symlink_to(file.source)
                continue
            path.chmod(file.mode)


EMPTY = Image()


def _read(path: Path) -> _File:
    if path.is_symlink():
        return _File(path, None, 0)
    mode = 0o755 if steps.is_executable(path) else 0o644
    content = path.read_bytes() if path.stat().st_size <= HELD else None
    return _File(path, content, mode)


def _host(root: Path, path: str) -> str:
    return f"{root}{path}".rstrip("/")


def _protect(paths: Sequence[Path]) -> None:
    for path in paths:
        for parent, _, _ in os.walk(path):
            os.chmod(parent, 0o555)  # noqa: S103  # as anybody finds it in an image


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    for parent, _, _ in os.walk(path):
        os.chmod(parent, 0o700)
    files.remove(path)
