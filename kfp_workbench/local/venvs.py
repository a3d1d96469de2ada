"""Virtual environments of the steps, so that they run as processes without an engine.

Steps with the same requirements share one: it is named for them, and for the Python that made it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import steps
from kfp_workbench.project.secrecy import without_sign_in
from kfp_workbench.project.settings import ROOT
from kfp_workbench.project.steps import Step

_READY = "ready"  # there once an environment is complete


def python_folder(step: Step, root: Path = ROOT) -> Path:
    """Return the ``bin`` folder of a step's environment, made if need be.

    It is made once, and another one when ``requirements.txt`` or the Python that runs this
    changes; those that no step needs any more are removed then. Raises WorkbenchError (1) when pip
    cannot install the requirements.
    """
    text = _requirements(step)
    folder = root / "build" / "venvs" / _name(text)
    with files.locked(folder.with_name(f".{folder.name}.lock")):  # another run may be making it
        if not ((folder / _READY).exists() and _works(folder)):
            _remove_unused(folder.parent, root)
            _make(folder, step.folder / "requirements.txt" if text else None, step.name)
            (folder / _READY).touch()
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
        if path.is_dir() and path.name not in needed:
            shutil.rmtree(path, ignore_errors=True)


def _works(folder: Path) -> bool:
    """Tell whether the interpreter is still there (it is a link to the one that made it)."""
    return (folder / "bin" / "python").exists()


def _has_requirements(text: str) -> bool:
    return any(line.strip() and not line.strip().startswith("#") for line in text.splitlines())


def _make(folder: Path, requirements: Path | None, name: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # pip costs seconds: only a step that installs something gets one.
    try:
        venv.create(folder, symlinks=True, with_pip=requirements is not None)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise WorkbenchError(
            f"steps/{name}: its environment cannot be made ({error}): make doctor, or RUNNER=docker"
        ) from None
    if requirements is None:
        return
    print(f"{name}: installing steps/{name}/requirements.txt", file=sys.stderr)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    result = subprocess.run(
        [*pip, "install", "--quiet", "--requirement", str(requirements)],
        env=without_sign_in(os.environ),  # a package's build may run anything
        capture_output=True,
        text=True,
        errors="replace",
    )
    if result.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        lines = (result.stderr or result.stdout).strip().splitlines() or ["pip failed"]
        reason = next((line for line in lines if line.startswith("ERROR")), lines[-1])
        raise WorkbenchError(f"steps/{name}/requirements.txt: {reason}")
