"""Virtual environments of the steps, so that they run as processes without an engine.

Steps with the same requirements share one: it is named for them, and for the Python that made it.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local.lightweight import Lightweight
from kfp_workbench.project import steps
from kfp_workbench.project.secrecy import without_sign_in
from kfp_workbench.project.settings import ROOT
from kfp_workbench.project.steps import Step

_READY = "ready"  # there once an environment is complete


class Wanted(NamedTuple):
    """What an environment is to hold."""

    text: str  # stands for all of it
    pip: Sequence[Sequence[str]]  # what pip is called with, one call after the other
    task: str  # whose it is, for people
    source: str  # and where it was asked for
    has_kfp: bool = False


def python_folder(step: Step, root: Path = ROOT) -> Path:
    """Return the ``bin`` folder of a step's environment, made if need be.

    It is made once, and another one when ``requirements.txt`` or the Python that runs this
    changes; those that no step needs any more are removed then. Raises WorkbenchError (1) when pip
    cannot install the requirements.
    """
    return _provided(_of_step(step), root, lambda line: None)


def lightweight_folder(
    found: Lightweight, step: Step | None, task: str, root: Path, say: Callable[[str], None]
) -> Path:
    """Return the same for a lightweight component, on top of what a step's image has.

    kfp in it is the project's own; ``say`` is told what was installed.
    """
    below = _of_step(step) if step else Wanted("", [], "", "")
    calls = [*below.pip]
    if found.packages:
        calls.append([*found.options, *found.packages])
    text = "\n".join([below.text, *found.options, *found.packages, "kfp"])
    return _provided(Wanted(text, calls, task, "its packages", has_kfp=True), root, say)


def _of_step(step: Step) -> Wanted:
    text = _requirements(step)
    name = f"steps/{step.name}/requirements.txt"
    pip = [["--requirement", str(step.folder / "requirements.txt")]] if text else []
    return Wanted(text, pip, step.name, name)


def _provided(wanted: Wanted, root: Path, say: Callable[[str], None]) -> Path:
    folder = root / "build" / "venvs" / _name(wanted.text)
    with files.locked(folder.with_name(f".{folder.name}.lock")):  # another run may be making it
        if not ((folder / _READY).exists() and _works(folder)):
            if not wanted.has_kfp:
                _remove_unused(folder.parent, root)
            _make(folder, wanted, say)
            (folder / _READY).write_text("kfp" if wanted.has_kfp else "", encoding="utf-8")
    return folder / "bin"


def _requirements(step: Step) -> str:
    """Return the requirements of a step; "" where the file is not there, or names none."""
    path = step.folder / "requirements.txt"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return text if _has_requirements(text) else ""


def _name(text: str) -> str:
    return hashlib.sha256(f"{sys.version}\n{text}".encode()).hexdigest()[:16]


def _remove_unused(folder: Path, root: Path) -> None:
    needed = {_name(_requirements(step)) for step in steps.find_steps(root)}
    for path in folder.iterdir():
        if path.is_dir() and path.name not in needed and not _is_lightweight(path):
            shutil.rmtree(path, ignore_errors=True)


def _is_lightweight(folder: Path) -> bool:
    ready = folder / _READY
    return ready.is_file() and ready.read_text(encoding="utf-8") == "kfp"


def _works(folder: Path) -> bool:
    """Tell whether the interpreter is still there (it is a link to the one that made it)."""
    return (folder / "bin" / "python").exists()


def _has_requirements(text: str) -> bool:
    return any(line.strip() and not line.strip().startswith("#") for line in text.splitlines())


def _make(folder: Path, wanted: Wanted, say: Callable[[str], None]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # pip costs seconds: only a step that installs something gets one.
    try:
        venv.create(folder, symlinks=True, with_pip=bool(wanted.pip))
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise WorkbenchError(
            f"{wanted.source}: its environment cannot be made ({error}): make doctor, or RUNNER=docker"
        ) from None
    if wanted.has_kfp:
        _lend_kfp(folder)
    for arguments in wanted.pip:
        print(f"{wanted.task}: installing {wanted.source}", file=sys.stderr)
        _install(folder, arguments, wanted.source)
    if wanted.pip and wanted.has_kfp:
        say(f"{wanted.task}: installed {_installed(folder)}")


def _lend_kfp(folder: Path) -> None:
    """Let an environment see the kfp that this one has, and nothing else of it."""
    found = importlib.util.find_spec("kfp")
    if found is None or found.origin is None:
        raise WorkbenchError(
            "kfp is not installed here, and lightweight components need it: make setup"
        )
    (target,) = (folder / "lib").glob("python*/site-packages")
    package = Path(found.origin).parent
    (target / "kfp").symlink_to(package)
    for metadata in package.parent.glob("kfp-[0-9]*.dist-info"):
        (target / metadata.name).symlink_to(metadata)


def _pip(folder: Path) -> list[str]:
    return [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]


def _install(folder: Path, arguments: Sequence[str], source: str) -> None:
    result = subprocess.run(
        [*_pip(folder), "install", "--quiet", *arguments],
        env=without_sign_in(os.environ),  # a package's build may run anything
        capture_output=True,
        text=True,
        errors="replace",
    )
    if result.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        lines = (result.stderr or result.stdout).strip().splitlines() or ["pip failed"]
        reason = next((line for line in lines if line.startswith("ERROR")), lines[-1])
        raise WorkbenchError(f"{source}: {reason}")


def _installed(folder: Path) -> str:
    """Return what pip has put into an environment, for people."""
    listed = [
        *_pip(folder),
        "list",
        "--format=freeze",
        "--exclude",
        "pip",
        "--exclude",
        "setuptools",
    ]
    result = subprocess.run(listed, capture_output=True, text=True, errors="replace")
    return ", ".join(line for line in result.stdout.split() if not line.startswith("kfp=="))
