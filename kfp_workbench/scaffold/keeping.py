"""Keeps what people changed of a template's files, where they generate over a project.

``cookiecutter -f`` writes over all that the template has. The files that are there are set aside
before; afterwards those that were changed stay, in a folder of their own.
"""

import shutil
from pathlib import Path

_ASIDE = ".replacing"


def set_aside(project: Path, template: Path) -> None:
    """Copy what the files in ``template`` are going to replace in ``project``."""
    settle(project)  # a generation that failed half-way
    for source in template.rglob("*"):
        name = source.relative_to(template)
        if source.is_file() and (project / name).is_file():
            target = project / _ASIDE / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(project / name, target)


def settle(project: Path) -> str | None:
    """Return the folder in ``project`` that has what was replaced by something else, if anything was."""
    aside = project / _ASIDE
    if not aside.is_dir():
        return None
    for kept in sorted(aside.rglob("*"), reverse=True):  # a folder after what is in it
        if kept.is_dir():
            if not any(kept.iterdir()):
                kept.rmdir()
        elif _is_same(kept, project / kept.relative_to(aside)):
            kept.unlink()
    if not any(aside.iterdir()):
        aside.rmdir()
        return None
    number = 1
    while (project / f".replaced-{number}").exists():
        number += 1
    return aside.rename(project / f".replaced-{number}").name


def _is_same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()
