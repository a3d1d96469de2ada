"""Versions of KFP: a server's, the SDK's, and the one that a project is compiled for."""

import re
import sys
from typing import NamedTuple

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.names import shown

_SAID = r"v?([0-9]{1,4})\.([0-9]{1,4})(?:[.+-].*)?"
_SET = r"2\.(?:0|[1-9][0-9]{0,3})(?:\.(?:0|[1-9][0-9]{0,3}))?"


class Version(NamedTuple):
    """A version as far as it matters: what a server can do does not change with a patch."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def parse(text: str) -> Version | None:
    """Return the version in what a server or a package says, such as "v2.16.0-rc.1", or None."""
    match = re.fullmatch(_SAID, text)
    return Version(int(match[1]), int(match[2])) if match else None


def setting(value: object) -> Version | None:
    """Return the version that ``server`` in pyproject.toml names; raises WorkbenchError (2)."""
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(_SET, value):
        return parse(value)
    what = f"pyproject.toml: server: {shown(value)} is no version of KFP v2"
    if isinstance(value, float):
        what = f"pyproject.toml: server: {value} is a number, and versions are none"
    raise WorkbenchError(f'{what}: write one in quotes, such as server = "2.17"', 2)


def sdk() -> Version:
    """Return the version of the kfp that is installed."""
    text = getattr(sys.modules.get("kfp"), "__version__", None)
    if text is None:
        import importlib.metadata  # a tenth of a second; compiling has kfp loaded

        text = importlib.metadata.version("kfp")
    found = parse(text)
    if found is None:
        raise WorkbenchError(
            f"kfp {shown(text)} has no version: take the one of requirements-dev.txt"
        )
    return found


def target(server: Version | None) -> Version:
    """Return the version that a project is compiled for: its setting, or else the SDK's."""
    return server or sdk()


def said(server: Version | None) -> str:
    """Return who says so, as in "... needs KFP 2.16, and"."""
    if server:
        return f'and pyproject.toml has server = "{server}"'
    return f"and kfp in requirements-dev.txt is {sdk()}"
