"""A virtual environment per step, so that steps run as processes without an engine."""

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from ops import files
from ops.errors import OpsError
from ops.settings import ROOT
from ops.steps import Step

_MARKER = "requirements.sha256"


def python_folder(step: Step, root: Path = ROOT) -> Path:
    """Return the ``bin`` folder of a step's environment, made if need be.

    It is made once, and made anew when ``requirements.txt`` or the Python that runs
    this changes. Raises OpsError (1) when pip cannot install the requirements.
    """
    requirements = step.folder / "requirements.txt"
    text = requirements.read_text(encoding="utf-8") if requirements.exists() else ""
    wanted = hashlib.sha256(f"{sys.version}\n{text}".encode()).hexdigest()
    folder = root / "build" / "venvs" / step.name
    marker = folder / _MARKER
    with files.locked(folder.with_name(f".{step.name}.lock")):  # another run may be making it
        if not (marker.exists() and marker.read_text() == wanted and _works(folder)):
            _make(folder, requirements if _has_requirements(text) else None, step.name)
            marker.write_text(wanted)
    return folder / "bin"


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
        raise OpsError(
            f"build/venvs/{name}: cannot be made ({error}): make doctor, or RUNNER=docker"
        ) from None
    if requirements is None:
        return
    print(f"{name}: installing steps/{name}/requirements.txt", file=sys.stderr)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    result = subprocess.run(
        [*pip, "install", "--quiet", "--requirement", str(requirements)],
        capture_output=True,
        text=True,
        errors="replace",
    )
    if result.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        lines = (result.stderr or result.stdout).strip().splitlines() or ["pip failed"]
        reason = next((line for line in lines if line.startswith("ERROR")), lines[-1])
        raise OpsError(f"steps/{name}/requirements.txt: {reason}")
