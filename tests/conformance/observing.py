"""Reads what a run here did, from its record and its logs."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conformance import failures, normalising, outcomes
from conformance.failures import DRIVER, EXECUTOR, IMPORTER, Failure
from kfp_workbench.local import record
from kfp_workbench.local.places import OWN

SAID = "SEE "  # what see.py begins its line with


def observe(folder: Path, name: str, *, as_process: bool) -> outcomes.Run:
    """Return what the run in a folder did; ``name`` is what the backend's run was called."""
    run = record.read(folder)
    words = normalising.words(
        _texts(run, folder), addresses=not as_process, pipeline=run.pipeline, run=name
    )
    entries: list[dict[str, Any]] = words.apply([_entry(task, folder) for task in run.tasks])
    failed = frozenset(_failures(entries))
    return outcomes.Run(run.state, outcomes.tasks(entries, failed), failed)


def _texts(run: record.Run, folder: Path) -> Mapping[str, str]:
    """Return the literal texts of this run, and the words of the records for them."""
    places = [str(folder / task.folder) for task in run.tasks if task.folder]
    own = {f"{place}/{OWN}/": normalising.ARTIFACTS for place in places}  # of a process
    return {run.run_id: "RUN_ID", str(folder): "", **dict.fromkeys(places, ""), **own}


def _entry(task: record.Task, folder: Path) -> dict[str, Any]:
    said = list(_said(folder / task.log)) if task.log else []
    return {**record.fields(task), "path": _path(task), "said": said}


def _path(task: record.Task) -> str:
    """Return a task's path as KFP's metadata have it: with an importer's label for its name."""
    outer, _, name = task.path.rpartition("/")
    return "/".join(filter(None, [outer, task.label if task.kind == "importer" else name]))


def _said(log: Path) -> Iterator[Any]:
    """Yield the objects that a container printed after ``SEE``."""
    for line in log.read_text(encoding="utf-8", errors="replace").split("\n"):
        _, found, text = line.rpartition(SAID) if line.startswith(SAID) else ("", "", "")
        if found and text.startswith("{"):
            yield json.loads(text)


def _failures(entries: list[dict[str, Any]]) -> Iterator[Failure]:
    for entry in entries:
        if entry["state"] != "failed" or not entry["failed_in"]:
            continue
        part = DRIVER if entry["failed_in"] == "driver" else EXECUTOR
        if entry["kind"] == "importer":
            part = IMPORTER
        kind = failures.numbered(entry["cause"], entry["status"]) or entry["reason"]
        yield Failure(entry["path"], part, kind)
