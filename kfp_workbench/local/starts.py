"""Which commands an interpreter can be started ahead for, and how: `kfp_workbench.local.ahead`."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from kfp_workbench.local import interpreters, step_imports, thin_venvs
from kfp_workbench.local.interpreters import Start

PYTHONS = ("python", "python3")
_CUSTOM = ("sitecustomize", "usercustomize")


def of(
    command: Sequence[str], folder: Path, binaries: Path, variables: Mapping[str, str]
) -> Start | None:
    """Return how the interpreter of a command line is started, which is run in ``folder``.

    None for another command than a script, for variables that another step would not have, and where
    the script's folder has modules that come before Python's own.
    """
    script = _script(command, folder)
    if script is None or thin_venvs.state(binaries) is None:
        return None
    start = Start(command[0], str(script), str(binaries), variables["PYTHONPATH"])
    if not interpreters.are_usual(variables, start) or _has_own_modules(script, start.search):
        return None
    return start._replace(modules=_modules(script))


def _script(command: Sequence[str], folder: Path) -> Path | None:
    """Return the script that a command line runs, by the path that Python has for it."""
    if len(command) < 2 or command[0] not in PYTHONS or not command[1].endswith(".py"):
        return None
    script = command[1] if command[1].startswith("/") else f"{folder}/{command[1]}"
    path = Path(script)
    is_plain = script == os.path.normpath(script) and path.parent == path.parent.resolve()
    return path if is_plain and path.is_file() else None


def _has_own_modules(script: Path, search: str) -> bool:
    folders = [script.parent, *(Path(part) for part in search.split(os.pathsep) if part)]
    paths = (path for folder in folders if folder.is_dir() for path in folder.iterdir())
    found = {path.name.partition(".")[0] for path in paths}
    return not found.isdisjoint((*sys.stdlib_module_names, *_CUSTOM))


def _modules(script: Path) -> list[str]:
    def find(name: str) -> bytes | None:
        path = script.parent / name
        return path.read_bytes() if path.is_file() else None

    return step_imports.of(script.read_bytes(), find)
