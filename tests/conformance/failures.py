"""Tells where a run failed, and the kind of reason, whoever worded it."""

import re
from collections.abc import Sequence
from typing import NamedTuple

DRIVER, EXECUTOR, IMPORTER = "driver", "executor", "importer"

# The first that is found in a reason is its kind. Of each the backend's words come first, then ours.
KINDS: Sequence[tuple[str, re.Pattern[str]]] = tuple(
    (kind, re.compile("|".join(words), re.IGNORECASE))
    for kind, words in (
        ("time limit", ["longer than", "timeout", "deadline"]),
        ("command not found", ["executable file not found", "command .* (was )?not found"]),
        ("signal", ["signal: ", r"signal \d+"]),
        ("exit status", [r"exit status (?P<number>\d+)"]),
        ("no output", ["failed to read output parameter", "never wrote its output"]),
        (
            "output's type",
            [
                r"^strconv\.",
                "^unexpected type$",
                "^proto: syntax error",
                r"its output \S+, of type",
            ],
        ),
        ("metadata", ["unable to produce MLMD artifact", "unsupported value type"]),
        (
            "address",
            [
                "no provider scheme found",
                "does not support OCI",
                "is in no bucket",
                "an image cannot be imported",
                "address is empty",
                "it has no address",
            ],
        ),
        ("download", ["failed to download input artifact", "cannot get an input"]),
        ("no value", ["not found in executor input", "its command line needs the input"]),
        ("placeholder", ["non-string item in IfPresent", "an IfPresent holds"]),
        ("null", ["resolved input parameter is null", r"the input \S+ is null"]),
        ("type", ["type mismatch", "none of its type"]),
        ("condition", ["Syntax error", "ERROR: <input>", "its condition"]),
        (
            "no such value",
            [
                "resolving input (parameter|artifact) with spec",
                "the DAG around it has no",
                "has no output",
                "has not been run",
                "was not run in each",
                "has not made the artifact",
                "was not made",
                "lacks the output",
                "no branch of",
                "has no value",
            ],
        ),
    )
)
UNSAID = "no reason"  # Argo did not start the driver, or did not keep what it said


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
        kind = "time limit" if timed_out and part == EXECUTOR else UNSAID
        return Failure(_path(name), part, kind)
    return Failure(_path(name), part, kind_of(why))


def kind_of(reason: str) -> str:
    """Return the kind of a reason; one of no known kind is its own."""
    for kind, pattern in KINDS:
        if match := pattern.search(reason):
            number = match.groupdict().get("number")
            return f"{kind} {number}" if number else kind
    return reason or UNSAID


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
