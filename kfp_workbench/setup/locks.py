"""A lock file, line by line: what is to be installed; `markers` tells for which machines.

The format is https://pip.pypa.io/en/stable/reference/requirements-file-format/.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from kfp_workbench.digests import sha256
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.setup.requirements import logical

# What a pipeline runs without: make fetches each when it is first needed.
TOOLS = ("mypy", "pytest", "ruff", "uv", "vl-convert-python")
# What builds an archive of sources: installed before everything else.
BUILDERS = ("setuptools", "wheel")

_PIN = re.compile(
    r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^]]*\])?\s*==\s*([^\s;]+)\s*(?:;\s*(.*?))?\s*(?=--hash|$)"
)
# A name, with extras and a pinned version or other conditions, and a marker.
_REQUIREMENT = re.compile(
    r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^]]*\])?\s*(?:==\s*([^\s;,*]+)(?=\s|;|$)|[(<>=!~@][^;]*)?"
    r"\s*(?:;\s*(.*?))?\s*(?=--hash|$)"
)
_WHEEL = re.compile(r"(\S*?([^/\s]+?)-([^/\s-]+)-[^/\s]+\.whl)")  # a file; its name and version


class Line(NamedTuple):
    """One requirement of a lock file."""

    name: str  # as indexes compare it
    version: str  # "" where any does
    marker: str  # "" where it holds everywhere
    text: str  # as installers take it, on one line


def read(paths: Sequence[Path]) -> list[Line]:
    """Return the requirements of lock files, each once; raises WorkbenchError (2) for another line."""
    return list(dict.fromkeys(line for path in paths for line in _read(path)))


def wanted(text: str) -> list[Line]:
    """Return what requirements name, locked or not; not what only an address or a path says."""
    found = (_REQUIREMENT.match(line) for line in logical(text))
    return [
        Line(normal(each[1]), each[2] or "", each[3] or "", each.string) for each in found if each
    ]


def digests(paths: Sequence[Path]) -> dict[str, str]:
    """Return what stands for the content of each of the lock files, by its name."""
    return {str(path): sha256(path.read_bytes()).hexdigest()[:16] for path in paths}


def without_tools(lines: Sequence[Line], keep: Collection[str] = ()) -> list[Line]:
    """Return the lines but those of tools that are not in ``keep``."""
    left_out = {*TOOLS} - {*keep}
    return [line for line in lines if line.name not in left_out]


def normal(name: str) -> str:
    """Return a distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def same_version(one: str, other: str) -> bool:
    """Tell whether two versions are the same, as in 2024.02.0 and 2024.2."""
    return _plain(one) == _plain(other)


def _read(path: Path) -> Iterator[Line]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise WorkbenchError(f"{path}: cannot be read ({error}): put it back", 2) from None
    for said in logical(text):
        pin, wheel = _PIN.match(said), _WHEEL.match(said)
        if "--hash=" not in said:
            raise WorkbenchError(f"{path}: {said[:60]!r} has no hash: make lock", 2)
        if pin:
            yield Line(normal(pin[1]), pin[2], pin[3] or "", said)
        elif wheel:
            name, version = normal(wheel[2]), wheel[3]
            file = (path.parent / wheel[1]).resolve()
            yield Line(name, version, "", f"{name} @ {file.as_uri()}{said[wheel.end() :]}")
        else:
            raise WorkbenchError(f"{path}: {said[:60]!r} names no version: make lock", 2)


def _plain(version: str) -> str:
    text = re.sub(r"\d+", lambda found: str(int(found[0])), version.lower())
    text = text.replace("-", ".").replace("_", ".")
    release, plus, local = text.partition("+")
    return re.sub(r"(\.0)+$", "", release) + plus + local
