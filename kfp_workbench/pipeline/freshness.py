"""Tells whether ``build/pipeline.yaml`` is what compiling again would give, so that nobody needs to.

What compiling reads is noted while it does: files, folders and the project's modules. Python can look at
more than that. So only modules that are `plain` count: all others are compiled each time, as are
those that start a program or open a connection.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kfp_workbench import files
from kfp_workbench.digests import sha256
from kfp_workbench.pipeline import tools
from kfp_workbench.project.settings import PACKAGE, Settings

RECORD = Path("build") / "compiled-from.json"
# Those that kfp looks at when it compiles; others may be secret.
_VARIABLES = ("KFP_DISABLE_EXECUTION_CACHING_BY_DEFAULT", "_KFP_RUNTIME")
_LEAVING = (
    "subprocess.",
    "socket.",
    "os.system",
    "os.exec",
    "os.fork",
    "os.spawn",
    "os.posix_spawn",
)


class Noted:
    """What a process reads in a project from now on."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._starts = (f"{root}{os.sep}", f"{self._root}{os.sep}")
        here = {sys.prefix, sys.base_prefix, str(tools.OURS), *sys.path} - {""}
        self._others = {_real(name) for name in here} - {self._root, *self._root.parents}
        self._paths: set[str] = set()
        self._leaves = False
        self._is_on = True
        self._began = time.time_ns()
        sys.addaudithook(self._hear)

    def keep(self, settings: Settings, images: Mapping[str, str]) -> None:
        """Write down what the compiled pipeline is made of; without one that is known, nothing."""
        self._is_on = False
        from kfp_workbench.pipeline import plain  # no parser for who only asks

        record = self._root / RECORD
        modules = self._modules()
        paths = {self._root, *modules, *self._counting(self._paths)}
        if self._leaves or any(map(self._is_new, paths)) or not all(map(plain.is_plain, modules)):
            record.unlink(missing_ok=True)
            return
        found = {str(path): _digest(path) for path in sorted(paths)}
        basis = {"read": found, "rest": _rest(settings, images, self._root)}
        files.write(record, json.dumps(basis))

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_on:
            return
        if event in ("open", "os.listdir", "os.scandir"):
            if isinstance(arguments[0], (str, bytes, os.PathLike)):
                self._paths.add(os.fsdecode(arguments[0]))
        elif event.startswith(_LEAVING):
            self._leaves = True

    def _is_new(self, path: Path) -> bool:
        """Tell whether a file has been changed since, perhaps after it was read."""
        return path.is_file() and path.stat().st_mtime_ns >= self._began

    def _modules(self) -> list[Path]:
        """Return the sources of the project's modules that are loaded."""
        # Not getattr: that would load what `light_kfp` spares.
        names = [vars(module).get("__file__") for module in [*sys.modules.values()]]
        return [*self._counting(name for name in names if name and name.startswith(self._starts))]

    def _counting(self, paths: Iterable[str]) -> Iterator[Path]:
        """Yield the paths that count; most of them do not, for the folder that they are in."""
        by_folder: dict[str, list[str]] = {}
        for name in paths:
            folder, slash, _ = name.rpartition("/")
            by_folder.setdefault(folder or slash, []).append(name)
        for folder, names in by_folder.items():
            if self._counts(_real(folder)):
                yield from filter(self._counts, map(_real, names))

    def _counts(self, path: Path) -> bool:
        """Tell whether something that was read is none of Python's own, nor made by compiling."""
        if path.suffix in (".pyc", ".so") or self._root / "build" in (path, *path.parents):
            return False
        return self._others.isdisjoint((path, *path.parents))


def is_current(settings: Settings, images: Mapping[str, str], root: Path) -> bool:
    """Tell whether the compiled pipeline is that of the present sources.

    ``images`` are the steps' images, as a compiled pipeline would name them.
    """
    try:
        kept = json.loads((root / RECORD).read_text(encoding="utf-8"))
        read: dict[str, str] = kept["read"]
        return bool(kept["rest"] == _rest(settings, images, root)) and all(
            _digest(Path(path)) == digest for path, digest in read.items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _rest(settings: Settings, images: Mapping[str, str], root: Path) -> dict[str, Any]:
    """Return all else that a compiled pipeline depends on, and what it is."""
    return {
        "settings": str(settings),
        "images": dict(images),
        "variables": {name: os.environ.get(name) for name in _VARIABLES},
        "tools": tools.state(),
        "compiled": _digest(root / PACKAGE),
    }


def _digest(path: Path) -> str:
    """Return what stands for a file's content, or for the names in a folder; "" for neither."""
    if path.is_dir():
        names = {inner.name for inner in path.iterdir()} - {"build", "__pycache__"}
        return sha256("\0".join(sorted(names)).encode()).hexdigest()
    return sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _real(name: str) -> Path:
    return Path(os.path.realpath(name))
