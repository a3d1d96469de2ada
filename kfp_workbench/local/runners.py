"""What runs the command of a task once: a job, and what became of it."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import NamedTuple, Protocol

from kfp_workbench.local.allowances import UNLIMITED, Allowance
from kfp_workbench.local.places import Place
from kfp_workbench.local.store import Shared

Write = Callable[[str], None]
# Linux refuses a longer single argument (MAX_ARG_STRLEN, binfmts.h).
MAX_ARGUMENT = 128 * 1024


def is_too_long(command: Iterable[str]) -> bool:
    """Tell whether a command line has a word that is too long for the system."""
    return any(len(os.fsencode(word)) >= MAX_ARGUMENT for word in command)


class Job(NamedTuple):
    """One attempt at a task: what to run, and where."""

    name: str  # the step
    image: str
    command: Sequence[str]  # command and args, as a cluster would execute them
    environment: Mapping[str, str]
    place: Place
    log: Path
    allowance: Allowance = UNLIMITED
    shared: Sequence[Shared] = ()  # input artifacts that are not the task's own


class Runner(Protocol):
    """Runs jobs, as processes or in containers."""

    kind: str  # process or docker
    is_rooted: bool  # a job sees the paths that it would see on a cluster
    held: frozenset[str]  # the parts of an allowance that are kept to: see `allowances`
    memory: float  # bytes that jobs may be allowed together

    def run(self, job: Job, write: Write, stop: Event) -> int:
        """Run a job, hand every line that it prints to a function, return its exit status.

        When the event is set, the job is ended and its status is not 0. What it is allowed is kept
        to, as far as that is held; when that ended it, its status is an `Ended`.
        """

    def take_models(self, image: str, folder: Path) -> None:
        """Put what an image holds in /models into ``models`` below a folder.

        Raises WorkbenchError when it cannot be had, or a cluster could not show it.
        """

    def close(self, folder: Path) -> None:
        """Give the caller what jobs have left below a run's folder."""


class Talker(Runner, Protocol):
    """A runner of jobs that somebody talks with."""

    def attach(self, job: Job, modules: Path) -> int:
        """Run a job with this process's own terminal, and return its exit status.

        It finds the Python modules in the folder ``modules`` before all others.
        """


class Ended(int):
    """The exit status of a task that was ended, and why, as in "the step ..."."""

    why: str
    code: str

    def __new__(cls, status: int, why: str = "", code: str = "time-limit") -> "Ended":
        """Return ``status`` with its reason."""
        ended = super().__new__(cls, status)
        ended.why, ended.code = why, code
        return ended


def cause(status: int) -> str:
    """Return the code of what became of a failed step."""
    if isinstance(status, Ended):
        return status.code
    return "signal" if status < 0 else "exit-status"


def outcome(status: int) -> str:
    """Return what became of a failed step, as in "the step ..."."""
    if isinstance(status, Ended):
        return status.why
    return f"was killed by signal {-status}" if status < 0 else f"failed with exit status {status}"
