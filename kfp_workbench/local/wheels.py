"""A folder of packages, from which a room full of people sets up without a network."""

import sys
import tempfile
from pathlib import Path

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import venvs
from kfp_workbench.project import steps
from kfp_workbench.project.settings import ROOT
from kfp_workbench.project.steps import Step
from kfp_workbench.setup import installers, locks, sources
from kfp_workbench.setup.locks import Line
from kfp_workbench.setup.tools import LOCK


def fill(folder: Path, root: Path = ROOT) -> None:
    """Download what the project and its steps require, for machines and Pythons like these here.

    Raises WorkbenchError (1) with pip's reason when something cannot be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = [line for line in locks.read([root / LOCK]) if " @ file:" not in line.text]
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "requirements.txt")
        file.write_text("".join(f"{line.text}\n" for line in lines), encoding="utf-8")
        place = _with_pip(Path(scratch, "project"), Path(sys.executable), lines)
        _download(place, file, folder, LOCK.name, *installers.LOCKED)
        for (python, _), step in _distinct(root).items():
            place = _with_pip(Path(scratch, step.name), python, lines)
            name = f"steps/{step.name}/requirements.txt"
            _download(place, root / name, folder, name)
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    print(f"{folder} has {size:.0f} MB: make setup WHEELS={folder.resolve()}", file=sys.stderr)


def _distinct(root: Path) -> dict[tuple[Path, str], Step]:
    """Return the first step with each set of requirements, by its Python and what they are."""
    found: dict[tuple[Path, str], Step] = {}
    for step in steps.find_steps(root):
        if python := venvs.interpreter(step, root):
            found.setdefault((python, venvs.requirements_of(step)), step)
    return found


def _with_pip(place: Path, python: Path, lines: list[Line]) -> Path:
    """Make an environment with a pip, and what builds archives of sources."""
    pip = installers.Pip()
    pip.make(place, python)
    builders = [line for line in lines if line.name in locks.BUILDERS]
    installers.install_locked(pip, place, builders)
    return place


def _download(place: Path, requirements: Path, folder: Path, name: str, *options: str) -> None:
    pip = [str(place / "bin" / "python"), "-I", "-m", "pip", "download", *installers.OPTIONS]
    words = [*pip, *options, "--dest", str(folder), "--requirement", str(requirements)]
    print(f"fetching what {name} requires", file=sys.stderr)
    try:
        installers.run(words, sources.for_pip(locked=bool(options)), "pip")
    except WorkbenchError as error:
        raise WorkbenchError(f"{name}: {error}") from None
