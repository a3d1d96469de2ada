"""An environment of ours is made whole, or made anew; one that is not ours is left alone."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.setup import installers, inventory, states
from kfp_workbench.setup.locks import Line

_PROJECT = "project.pth"


def provide(folder: Path, lines: Sequence[Line], digests: Mapping[str, str]) -> None:
    """Make ``folder`` an environment that holds what ``lines`` say; ``digests`` are their files'.

    One of ours that was interrupted, changed, made from other files, or whose Python is gone is
    made anew; what it merely lacks is added. Raises WorkbenchError: 2 where the folder is
    somebody else's, 1 when packages cannot be installed.
    """
    _refuse_foreign(folder)
    with states.held(folder):
        made_from = states.read(folder)
        if (
            made_from
            and {**made_from, **digests}.items() >= made_from.items()
            and states.works(folder)
        ):
            found = inventory.difference(lines, inventory.ask(states.python_of(folder)))
            if not found:
                return
            if not found.other:
                digests = {**made_from, **digests}
                _fill(
                    folder, found.missing, digests, f"adding to {folder}: {_names(found.missing)}"
                )
                return
        begin(folder, Path(sys.executable))
        news = f"setting up {folder} with {installers.choose().name}, once"
        _fill(folder, lines, digests, news)


def begin(folder: Path, python: Path) -> None:
    """Make an environment that holds nothing, in the place of what is there."""
    states.write(folder, {})  # and it stays there: interrupted, it is ours still
    _clear(folder)
    installers.choose().make(folder, python)


def finish(folder: Path, lines: Sequence[Line], digests: Mapping[str, str]) -> None:
    """Ask an environment what it holds, and call it whole; raises WorkbenchError (1) if it is not."""
    if found := inventory.difference(lines, inventory.ask(states.python_of(folder))):
        what = f"{folder} lacks {found.text}, though it was installed without an error"
        raise WorkbenchError(f"{what}: see where pip's or uv's configuration sends packages")
    states.write(folder, digests)


def check(folder: Path, lines: Sequence[Line], files: Sequence[Path], path: str) -> None:
    """Check an environment that somebody brought along, and uses with a PYTHONPATH of ``path``.

    Raises WorkbenchError (2) when it lacks something; other versions are told.
    """
    python = states.python_of(folder)
    if not python.exists():
        raise WorkbenchError(f"USE_VENV={folder}: there is no bin/python in it", 2)
    answer = inventory.ask(python, path)
    found = inventory.difference(inventory.without_own(lines, answer), answer)
    if found.missing:
        lacking = inventory.Difference(found.missing, []).text
        given = " ".join(f"-r {file}" for file in files)
        cure = f"{python} -m pip install {given}"
        raise WorkbenchError(f"USE_VENV={folder} lacks {lacking}: {cure}", 2)
    if found:
        print(f"note: USE_VENV={folder} differs from the lock file: {found.text}", file=sys.stderr)


def find_project(folder: Path, root: Path) -> None:
    """Have an environment's Python find a project's modules, wherever its scripts are run from.

    They come after all that is installed. The path is a relative one, so that both can be moved.
    A folder without ``pipeline.py``, such as the template's, is no project: another template's
    modules must not be mistaken for those of this one.
    """
    if not (root / "pipeline.py").is_file():
        return
    for packages in folder.glob("lib/python*/site-packages"):
        line = f"{os.path.relpath(root.resolve(), packages.resolve())}\n"
        path = packages / _PROJECT
        if not path.exists() or path.read_text(encoding="utf-8") != line:
            path.write_text(line, encoding="utf-8")


def _refuse_foreign(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not (folder / states.FILE).exists():
        cure = f"VENV={folder}-kfp makes one beside it, USE_VENV={folder} takes it as it is"
        raise WorkbenchError(f"{folder} is there, and not made by make: {cure}", 2)
    if folder.exists() and not folder.is_dir():
        raise WorkbenchError(f"{folder} is no folder: VENV={folder}-kfp makes one beside it", 2)


def _fill(folder: Path, lines: Sequence[Line], digests: Mapping[str, str], news: str) -> None:
    print(news, file=sys.stderr)
    states.write(folder, {})
    installers.install_locked(installers.choose(), folder, lines)
    finish(folder, lines, digests)


def _names(lines: Sequence[Line]) -> str:
    more = f" and {len(lines) - 5} more" if len(lines) > 5 else ""
    return ", ".join(line.name for line in lines[:5]) + more


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name == states.FILE:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
