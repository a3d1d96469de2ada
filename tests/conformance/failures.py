"""Tells where a run failed, and for which kind of reason, without the words for it."""

import re
from collections.abc import Sequence
from typing import NamedTuple

DRIVER, EXECUTOR, IMPORTER = "driver", "executor", "importer"

# What the backend's words say of a reason, by the code that a run here has for it
# (kfp_workbench.local.problems); the first that is found counts.
KINDS: Sequence[tuple[str, re.Pattern[str]]] = tuple(
    (kind, re.compile(words))
    for kind, words in (
        ("command-not-found", "executable file not found"),
        ("signal", "^signal: "),
        ("exit-status", r"^exit status (?P<number>\d+)"),
        ("output-missing", "failed to read output parameter .* no such file"),
        ("output-type", r"^strconv\.|^unexpected type|^proto: syntax error"),
        ("metadata", "unable to produce MLMD artifact"),
        ("address", "no provider scheme found|does not support OCI"),
        ("download", "failed to download input artifact"),
        ("no-value", "not found in executor input"),
        ("placeholder", "failed to resolve condition: non-string item"),
        ("null", "resolved input parameter is null"),
        ("type", "type mismatch|cannot have Inf or NaN"),
        ("condition", "Syntax error|^ERROR: <input>"),
        ("setting", "k8s Resource json|toleration to json|unexpected toleration"),
        ("unresolved", "resolving input (parameter|artifact) with spec"),
    )
)
TIME_LIMIT = "time-limit"
UNSAID = "no reason"  # that could be compared, such as where Argo did not start the driver


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
        kind = TIME_LIMIT if timed_out and part == EXECUTOR else UNSAID
        return Failure(_path(name), part, kind)
    return Failure(_path(name), part, kind_of(why))


def kind_of(reason: str) -> str:
    """Return the kind of a reason of the backend's; of words that nobody knows, none is compared."""
    for kind, pattern in KINDS:
        if match := pattern.search(reason):
            return numbered(kind, match.groupdict().get("number"))
    return UNSAID


def numbered(kind: str, status: object) -> str:
    """Return a kind of reason, with the status that a command ended with where that is the reason."""
    return f"{kind} {status}" if kind == "exit-status" else kind


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
