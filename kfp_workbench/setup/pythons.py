"""Interpreters of a certain version: those of this machine, and those that uv can bring."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kfp_workbench import files
from kfp_workbench.setup import sources, states


def find(version: str, memory: Path) -> Path | None:
    """Return an interpreter of this version; ``memory`` is a file about those sought in vain."""
    if version == states.this_python():
        return Path(sys.executable)
    uv = shutil.which("uv")
    places = [*_places(version), *([uv] if uv else [])]
    tried = json.dumps([version, *places])
    if memory.exists() and tried in memory.read_text(encoding="utf-8").splitlines():
        return None
    for place in places:
        command = _of_uv(uv, version) if place == uv else place
        if command and _version(command) == version:
            return Path(command)
    memory.parent.mkdir(parents=True, exist_ok=True)
    with memory.open("a", encoding="utf-8") as file:
        file.write(f"{tried}\n")
    return None


def bring(version: str) -> Path | None:
    """Let uv fetch an interpreter of this version, where uv is there and can."""
    uv = shutil.which("uv")
    if uv is None or sources.no_index():
        return None
    print(f"fetching Python {version} with uv, once", file=sys.stderr)
    if _output([uv, "python", "install", version, "--quiet"]) is None:
        return None
    command = _of_uv(uv, version)
    return Path(command) if command and _version(command) == version else None


def _places(version: str) -> Iterator[str]:
    """Return where an interpreter of this version may be: on the PATH, or among pyenv's."""
    if command := shutil.which(f"python{version}"):
        yield command
    pyenv = Path(os.environ.get("PYENV_ROOT") or files.expanded("~/.pyenv"))
    yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python")))


def _of_uv(uv: str | None, version: str) -> str:
    if uv is None:
        return ""
    words = ["python", "find", version, "--system", "--no-project", "--no-python-downloads"]
    return _output([uv, *words]) or ""


def _version(command: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return _output([command, "-I", "-c", code]) or ""


def _output(words: list[str]) -> str | None:
    """Return what a command prints; None where it fails."""
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        result = subprocess.run(
            words,
            env=sources.for_uv(),
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
            **quiet,
        )
    except OSError:
        return None
    return None if result.returncode else result.stdout.strip()
