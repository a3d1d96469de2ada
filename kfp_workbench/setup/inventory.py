"""What an environment holds, held against what it should hold."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.setup import locks
from kfp_workbench.setup.locks import Line

_OWN = "kfp-workbench"
# What the interpreter says of itself, by the markers' names, and of what it can import.
_QUESTION = """
import sys
sys.path = [place for place in sys.path if place]  # not where we are: a project may have a json.py
import importlib.metadata, importlib.util, json, os, platform
implementation = sys.implementation
number = "{0.major}.{0.minor}.{0.micro}".format(implementation.version)
markers = {
    "implementation_name": implementation.name, "implementation_version": number,
    "os_name": os.name, "platform_machine": platform.machine(),
    "platform_python_implementation": platform.python_implementation(),
    "platform_release": platform.release(), "platform_system": platform.system(),
    "platform_version": platform.version(), "python_full_version": platform.python_version(),
    "python_version": ".".join(platform.python_version_tuple()[:2]), "sys_platform": sys.platform,
}
found = {}
for each in importlib.metadata.distributions():
    if each.metadata["Name"]:
        found.setdefault(each.metadata["Name"], each.version)
own = importlib.util.find_spec("kfp_workbench") is not None
print(json.dumps({"markers": markers, "found": found, "own": own}))
"""


class Inventory(NamedTuple):
    """What an environment answered."""

    markers: Mapping[str, str]  # the values of markers' variables
    found: Mapping[str, str]  # distributions, as indexes compare their names, and their versions
    has_own: bool  # the package that this module belongs to, from wherever


class Difference(NamedTuple):
    """What an environment has not, or not so."""

    missing: list[Line]
    other: list[tuple[Line, str]]  # with the version that is there

    def __bool__(self) -> bool:
        return bool(self.missing or self.other)

    @property
    def text(self) -> str:
        """Name what is different, the first few by name."""
        texts = [f"{line.name} {line.version}" for line in self.missing]
        texts += [f"{line.name} {line.version} (has {version})" for line, version in self.other]
        more = [f"and {len(texts) - 5} more"] if len(texts) > 5 else []
        return ", ".join([*texts[:5], *more])


def ask(python: Path, path: str | None = None) -> Inventory:
    """Ask an interpreter, as it is with a PYTHONPATH of ``path``; without one, by itself.

    Raises WorkbenchError (1) when it does not answer.
    """
    words = [str(python), *(["-I"] if path is None else []), "-c", _QUESTION]
    environ = {**os.environ, "PYTHONPATH": path or ""}
    try:
        result = subprocess.run(words, capture_output=True, text=True, env=environ)
        answer = json.loads(result.stdout)
    except (OSError, ValueError):
        raise WorkbenchError(f"{python}: does not run, or not as Python does") from None
    found = {locks.normal(name): version for name, version in answer["found"].items()}
    return Inventory(answer["markers"], found, answer["own"])


def difference(lines: Sequence[Line], inventory: Inventory) -> Difference:
    """Return what an environment lacks of the lines that hold for it."""
    from kfp_workbench.setup import markers  # which need Python's own parser

    result = Difference([], [])
    for line in markers.applying(lines, inventory.markers):
        version = inventory.found.get(line.name)
        if version is None:
            result.missing.append(line)
        elif line.version and not locks.same_version(version, line.version):
            result.other.append((line, version))
    return result


def without_own(lines: Sequence[Line], inventory: Inventory) -> list[Line]:
    """Return the lines but that of this package, where a PYTHONPATH brings it along."""
    is_there = inventory.has_own and _OWN not in inventory.found
    return [line for line in lines if not (is_there and line.name == _OWN)]
