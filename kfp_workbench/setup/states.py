"""What an environment of ours is: the Python that it is of, the files that it was made from, to the end."""

import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

FILE = "made-by-make.json"  # in environments that are ours: what a whole one was made from


def this_python() -> str:
    """Return the version of this interpreter, as in ``3.12``."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def python_of(folder: Path) -> Path:
    """Return an environment's interpreter."""
    return folder.absolute() / "bin" / "python"


def base_of(folder: Path) -> Path:
    """Return the interpreter that an environment was made of."""
    return (folder / "bin" / "python").resolve()


def is_whole(folder: Path, digests: Mapping[str, str]) -> bool:
    """Tell whether an environment was made from just these files, to the end."""
    return bool(digests) and read(folder) == digests and works(folder)


def works(folder: Path) -> bool:
    """Tell whether an environment's interpreter is there, which is a link to the one that made it."""
    return os.access(python_of(folder), os.X_OK)


def read(folder: Path) -> dict[str, str]:
    """Return the lock files that a whole environment was made from; of another one, none."""
    try:
        found: dict[str, str] = json.loads((folder / FILE).read_text(encoding="utf-8"))["locks"]
        return dict(found)
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write(folder: Path, digests: Mapping[str, str]) -> None:
    """Note what an environment was made from; nothing, while it is not whole."""
    (folder / FILE).write_text(f"{json.dumps({'locks': dict(digests)})}\n", encoding="utf-8")


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other runs from an environment as long as the block takes."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
