"""Compiles the pipeline for `make check`, in a process of its own, and keeps what comes of it.

Compiling imports kfp and runs ``pipeline.py``, neither of which belongs into a check that takes a
blink. So it is done beside the check, and only when a file has changed that was read for it: the
process notes which files those are, and which folders it looked into.
"""

import contextlib
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from kfp_workbench import files
from kfp_workbench.pipeline import tools
from kfp_workbench.pipeline.view import View, of_json
from kfp_workbench.project.findings import Finding

SECONDS = 60  # that compiling may take; what waits for a network or a pipe takes for ever
KEPT = Path("build") / "check.json"  # below the project's folder
Look = Callable[[], View]


@contextlib.contextmanager
def looking(root: Path) -> Iterator[Look]:
    """Yield what returns the view of the project in ``root``, and waits for it if it must."""
    if kept := _kept(root):
        yield lambda: kept
        return
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        target = Path(folder) / "view.json"
        words = [sys.executable, "-m", "kfp_workbench.pipeline.looking", str(target)]
        process = subprocess.Popen(
            words, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield lambda: _result(process, target, root)
        finally:
            process.kill()
            process.wait()


def _result(process: "subprocess.Popen[bytes]", target: Path, root: Path) -> View:
    try:
        status = process.wait(SECONDS)
        text = target.read_text(encoding="utf-8")
        view = of_json(json.loads(text)["view"])
    except subprocess.TimeoutExpired:
        return View(hindered=f"is not compiled after {SECONDS} s")
    except (OSError, ValueError, KeyError, TypeError):
        what = f"cannot be compiled (the process ended with status {status})"
        found = Finding("pipeline.py", 1, what, "make compile tells more")
        return View(wrong=[found], is_lasting=False)
    if not view.hindered:
        with contextlib.suppress(OSError):  # of a project that nobody may write to
            keep(root, text)
    return view


def keep(root: Path, text: str) -> None:
    """Keep a view, as the process wrote it."""
    (root / KEPT).parent.mkdir(exist_ok=True)
    files.write(root / KEPT, text)


def _kept(root: Path) -> View | None:
    """Return the view that was kept, if nothing has changed that it was made of."""
    try:
        data = json.loads((root / KEPT).read_text(encoding="utf-8"))
        if data["tools"] == tools.state() and all(
            digest == before for digest, before in _compared(root, data["read"])
        ):
            return of_json(data["view"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def _compared(root: Path, read: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((digest_of(root / name), before) for name, before in read.items())


def digest_of(path: Path) -> str:
    """Return a digest of a file's content, or of the names in a folder; empty if there is neither."""
    try:
        if path.is_dir():
            names = sorted(entry.name for entry in path.iterdir() if counts(entry.name))
            return hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def counts(name: str) -> bool:
    """Tell whether something of this name may have to do with what is compiled."""
    return not name.startswith(".") and name not in ("build", "__pycache__")
