"""Which commands an interpreter can be started ahead for, and how: `kfp_workbench.local.ahead`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from kfp_workbench.local import interpreters, step_imports, thin_venvs
from kfp_workbench.local.interpreters import Start

PYTHONS = ("python", "python3")


def of(
    command: Sequence[str], folder: Path, binaries: Path, variables: Mapping[str, str]
) -> Start | None:
    """Return how the interpreter of a command line is started, which is run in ``folder``.

    None for another command than a script, and for variables that another step would not have.
    """
    script = _script(command, folder)
    if script is None or thin_venvs.state(binaries) is None:
        return None
    start = Start(command[0], str(script), str(binaries), variables["PYTHONPATH"])
    usual = interpreters.are_usual(variables, start)
    return start._replace(modules=_modules(script)) if usual else None


def _script(command: Sequence[str], folder: Path) -> Path | None:
    """Return the script that a command line runs, by the path that Python has for it."""
    if len(command) < 2 or command[0] not in PYTHONS or not command[1].endswith(".py"):
        return None
    script = command[1] if command[1].startswith("/") else f"{folder}/{command[1]}"
    path = Path(script)
    is_plain = script == os.path.normpath(script) and path.parent == path.parent.resolve()
    return path if is_plain and path.is_file() else None


def _modules(script: Path) -> list[str]:
    def find(name: str) -> bytes | None:
        path = script.parent / name
        return path.read_bytes() if path.is_file() else None

    return step_imports.of(script.read_bytes(), find)
