"""What came of a case, the same for the records of the backend and for runs here."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from conformance import failures, normalising
from conformance.failures import DRIVER, Failure
from kfp_workbench.local.record import small

NOT_COMPILED, REFUSED = "not compiled", "refused"
_KEPT = ("container", "importer")  # the states of DAGs are not compared


class Task(NamedTuple):
    """A container's or importer's task, in what is compared."""

    path: str
    state: str
    said: list[Any]
    outputs: Mapping[str, Any]
    artifacts_in: list[Mapping[str, Any]]
    artifacts_out: list[Mapping[str, Any]]


class Run(NamedTuple):
    """One run of a case."""

    state: str
    tasks: list[Task]
    failures: frozenset[Failure]


def of_record(record: Mapping[str, Any], words: normalising.Words) -> list[Run]:
    """Return the runs of a record; one that was not compiled is a run of that state."""
    if "runs" not in record:
        return [Run(record["state"], [], frozenset())]
    return [_run(words.apply(run)) for run in record["runs"]]


def _run(run: Mapping[str, Any]) -> Run:
    timed_out = any("deadline" in message for message in run.get("messages", ()))
    failed = frozenset(
        failures.of_record(entry["where"], entry.get("why"), timed_out=timed_out)
        for entry in run.get("failed", ())
    )
    return Run(run["state"], tasks(run.get("tasks", ()), failed), failed)


def tasks(entries: Iterable[Mapping[str, Any]], failed: frozenset[Failure]) -> list[Task]:
    """Return the tasks that were executed or reused.

    A task whose driver failed is told by that failure: whether KFP's metadata have an entry of it
    depends on how far its driver came.
    """
    dropped = {failure.path for failure in failed if failure.part == DRIVER}
    kept = [entry for entry in entries if entry["kind"] in _KEPT and entry["path"] not in dropped]
    return [_task(entry) for entry in kept if entry["state"] != "skipped"]


def _task(entry: Mapping[str, Any]) -> Task:
    state = "failed" if entry["state"] == "unfinished" else entry["state"]
    return Task(
        path=entry["path"],
        state=state,
        said=[normalising.said(said) for said in entry.get("said") or ()],
        outputs={name: small(value) for name, value in entry.get("outputs", {}).items()},
        artifacts_in=[_artifact(item) for item in entry.get("artifacts_in", ())],
        artifacts_out=[_artifact(item) for item in entry.get("artifacts_out", ())],
    )


def _artifact(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    kept = {name: entry.get(name) for name in ("key", "type", "uri")}
    return {**kept, "metadata": entry.get("metadata") or {}}
