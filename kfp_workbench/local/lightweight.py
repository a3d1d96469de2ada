"""Lightweight Python components: functions that KFP's compiler writes into a container's command.

Such a command first installs packages, where some are wanted, and then runs the function with kfp's
executor. Here the packages are in an environment of their own, and the rest of the command is run.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_EXECUTOR = "kfp.dsl.executor_main"
_INSTALL = r"(?s)-m pip install (?P<words>.*?)(?=&&|\n\s*\n|$)"
# What pip takes with a value, and what says nothing about what is installed.
_WITH_VALUE = ("--index-url", "--extra-index-url", "--trusted-host", "--find-links", "-i")
_QUIET = ("--quiet", "-q", "--no-warn-script-location", "--no-deps", "--user")


class Lightweight(NamedTuple):
    """What a lightweight component needs, and its command without the installation."""

    packages: tuple[str, ...]  # as pip takes them; kfp is not among them
    options: tuple[str, ...]  # of pip: where packages come from
    command: tuple[str, ...]

    @property
    def installed(self) -> tuple[str, ...]:
        """What pip is told to install, and from where: components that say the same share it."""
        return (*self.packages, *self.options)


def read(command: Sequence[str]) -> Lightweight | None:
    """Return what the command of a lightweight component needs; None for any other command."""
    if not any(_EXECUTOR in word for word in command):
        return None
    if list(command[:2]) != ["sh", "-c"] or len(command) < 3 or "pip install" not in command[2]:
        return Lightweight((), (), tuple(command))
    packages: list[str] = []
    options: list[str] = []
    for match in re.finditer(_INSTALL, command[2]):
        _sort(shlex.split(match["words"]), packages, options)
    wanted = [name for name in packages if not _is_kfps_own(name)]
    rest = tuple(command[3:])
    return Lightweight(tuple(dict.fromkeys(wanted)), tuple(options), rest)


def of(container: Mapping[str, Any]) -> Lightweight | None:
    """Return the same of a container's description."""
    return read([str(word) for word in container.get("command", [])])


def _sort(words: Sequence[str], packages: list[str], options: list[str]) -> None:
    rest = iter(words)
    for word in rest:
        if word in _WITH_VALUE:
            pair = [word, next(rest, "")]
            options += pair if pair[1] not in options else []
        elif word.startswith("-"):
            options += [] if word in _QUIET or word in options else [word]
        else:
            packages.append(word)


def _is_kfps_own(package: str) -> bool:
    """Tell whether a package is kfp, or what the compiler adds for it."""
    return re.match(r"kfp([^\w.-]|$)", package) is not None or package.startswith(
        "typing-extensions>=3.7.4,<5"
    )
