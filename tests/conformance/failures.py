"""Tells where a run failed, and the kind of reason, whoever worded it."""

import re
from collections.abc import Sequence
from typing import NamedTuple

DRIVER, EXECUTOR, IMPORTER = "driver", "executor", "importer"

# The first that is found in a reason is its kind; both the backend's words and ours are looked for.
KINDS: Sequence[tuple[str, re.Pattern[str]]] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("time limit", r"longer than|time limit|timeout|deadline"),
        ("command not found", r"executable file not found|no such command|cannot start"),
        ("signal", r"signal: |signal \d+"),
        ("exit status", r"exit status (?P<number>\d+)"),
        ("no output", r"failed to read output parameter|output .*(was not|never) written"),
        ("output's type", r"strconv\.|^unexpected type|proto: syntax error"),
        ("metadata", r"unable to produce MLMD artifact"),
        ("no value", r"not found in executor input"),
        ("null", r"resolved input parameter is null"),
        ("type", r"type mismatch"),
        ("condition", r"Syntax error|ERROR: <input>|CEL"),
        ("placeholder", r"failed to resolve condition: non-string item"),
        ("no such value", r"resolving input (parameter|artifact) with spec"),
        ("address", r"no provider scheme found|does not support OCI"),
        ("download", r"failed to download input artifact"),
    )
)
UPSTREAM = "what it waits for gave nothing"  # no words of the driver's: Argo did not start it


class Failure(NamedTuple):
    """One task that failed: where in the pipeline, in which part of KFP, and why."""

    path: str
    part: str
    kind: str

    def __str__(self) -> str:
        return f"{self.part} of {self.path}: {self.kind}"


def of_record(where: str, why: str | None, *, timed_out: bool) -> Failure:
    """Return what an entry of a record's ``failed`` says."""
    is_driver = where.startswith("driver of ")
    name = where.removeprefix("driver of ").removeprefix("root.")
    part = DRIVER
    if not is_driver:
        name, part = (
            (name.removesuffix(".executor"), EXECUTOR)
            if name.endswith(".executor")
            else (name, IMPORTER)
        )
    name = name.removesuffix(".iteration-driver").removesuffix("-driver")
    if why is None:
        kind = "time limit" if timed_out else UPSTREAM
        return Failure(_path(name), part, kind)
    return Failure(_path(name), part, kind_of(why))


def kind_of(reason: str) -> str:
    """Return the kind of a reason; one of no known kind is its own."""
    for kind, pattern in KINDS:
        if match := pattern.search(reason):
            number = match.groupdict().get("number")
            return f"{kind} {number}" if number else kind
    return reason or UPSTREAM


def _path(name: str) -> str:
    """Return a path of tasks for the name that Argo gives a node.

    ``loop.iteration-iterations(1:1).iteration-item.say`` is ``loop/loop[1]/say``; a task that
    takes the failure of another (``make.onExit.show``) is a task like others.
    """
    parts: list[str] = []
    for part in name.split("."):
        if iteration := re.fullmatch(r"iteration-iterations\((\d+):\d+\)", part):
            parts.append(f"{parts[-1]}[{iteration[1]}]")
        elif part == "onExit":
            parts.pop()
        elif part != "iteration-item":
            parts.append(part)
    return "/".join(parts)
