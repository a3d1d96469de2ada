"""Files that are there whole or not at all, and that one run at a time may change."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kfp_workbench.errors import WorkbenchError


def is_file(path: Path) -> bool:
    """Tell whether a path is that of a regular file, also one that no file can have."""
    try:
        return path.is_file()
    except OSError:  # too long, for one
        return False


def expanded(path: str | Path) -> Path:
    """Return a path with the home that ``~`` stands for, or as it is where nobody knows that.

    A user without an entry in the system's list may have none, as in a container.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def read(path: Path) -> str:
    """Return a file's text; raises WorkbenchError (2) where it is no UTF-8, and OSError."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise WorkbenchError(f"{path}:{line}: is no UTF-8: save it as that", 2) from None


def write(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` and make its folders; raises WorkbenchError (1) when it cannot.

    A file that was there before stays as it was then.
    """
    scratch = path.with_name(f".{path.name}-{os.urandom(8).hex()}")  # tempfile takes long to load
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("x", encoding="utf-8") as file:
            file.write(text)
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except OSError as error:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise WorkbenchError(f"cannot write {path}: {error.strerror}: then try again") from None


def copy(source: Path, target: Path, *, follow_symlinks: bool = True) -> None:
    """Copy a file's content, or, where they are not followed, a link; raises OSError."""
    import shutil  # which loads the modules of three compressors: not what a verb begins with

    shutil.copyfile(source, target, follow_symlinks=follow_symlinks)


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, as far as that can be done."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock of this machine for as long as the block takes; others wait for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
