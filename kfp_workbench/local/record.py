"""What happened in a local run: ``run.json`` in the run's folder; all that looks back reads it.

The format (version 2), times in seconds and UTC::

    {"format": 2, "pipeline": "calculate-average", "title": "Calculate Average",
     "runner": "process", "run_id": "...", "workflow": "...", "name": "...",
     "started": "2026-01-31T12:00:00+00:00", "seconds": 1.2,
     "state": "succeeded", "error": "", "parameters": {...}, "outputs": {...},
     "tasks": [{"path": "for-loop-1/for-loop-1[0]/add", "kind": "container", "label": "Add",
                "step": "add", "state": "succeeded", "failed_in": "", "reason": "", "cause": "",
                "started": 0.1, "seconds": 0.2, "status": 0, "attempts": 1,
                "log": "logs/001-add.log", "folder": "tasks/001-add", "iterations": null,
                "inputs": {...}, "outputs": {...}, "artifacts_in": [...],
                "artifacts_out": [{"key", "id", "type", "uri", "metadata", "file"}]}]}

States of a run are running, succeeded, failed and interrupted.

``path`` names the tasks from the root, as KFP's metadata do (which have an importer's label for its
name): a loop is its own task, and each of its iterations one below it, with its number. ``kind`` is
``container``, ``importer`` or ``dag`` (a pipeline, a loop, an iteration, a condition, an exit
handler's body).

States of a task: ``running``; ``succeeded``; ``failed``, with where (``failed_in``: ``driver``,
before its container; ``launcher``, before or after its command; ``command``) and why
(``reason``, with a code for it in ``cause``); ``skipped`` by its condition; ``reused`` from an
earlier run; ``unfinished``, begun and neither ended well nor failed, which KFP leaves on DAGs;
``interrupted``. What never began, as what it waits for failed or was skipped, is not there.

Values are as KFP's metadata service has them: numbers are doubles. ``artifacts_in`` and
``artifacts_out`` have an entry an artifact, ``uri`` and ``metadata`` as on a cluster (without
``display_name`` and ``store_session_info``, and without the key ``executor-logs``); ``file`` is
where it lies, relative to the run's folder where it is below that, or "" for an artifact that
nobody wrote. What a task saw below ``/`` lies below its ``folder``: ``/tmp/kfp/outputs/sum`` is
``tasks/001-add/tmp/kfp/outputs/sum``, and where the run's artifacts lie,
``tasks/001-add/artifacts``. A process is given those very paths (absolute, and for an
address too: ``minio://a`` is ``…/tasks/001-add/minio/a``), a container the ones of a cluster.
The workspace is ``kfp-workspace`` in the run's folder; artifacts that are reused are in ``reused``.

A value that takes more than 64 kB as JSON is replaced by a note, a ROC curve by 1,000 points. Where
that is an input, all inputs are in ``inputs.json`` in the task's ``folder``.
"""

import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import Mask

RUNS = Path("build") / "local"  # a folder a run, named for its start
FILE = "run.json"
FORMAT = 2
INPUTS = "inputs.json"  # in a task's folder
PACKAGE = "pipeline.yaml"  # beside it: what was run
MAX_VALUE = 64 * 1024  # bytes of JSON
MOST_POINTS = 1000  # of a ROC curve
POINT = ("falsePositiveRate", "recall", "confidenceThreshold")  # KFP's names for its figures
EVERY = 1.0  # seconds, at least, between two writings of a run that is under way
SHARE = 30  # times as long as it takes to write it


class Task:
    """One execution of a task."""

    path: str
    kind: str
    label: str
    step: str  # or the label, where the image is no step's; "" for what has no container
    state: str = "running"
    failed_in: str = ""
    reason: str = ""
    cause: str = ""  # a code for it: see `kfp_workbench.local.problems`
    started: float = 0.0  # after the run's start
    seconds: float = 0.0
    status: int | None = None  # the exit status; None when nothing was executed
    attempts: int = 0
    log: str = ""  # relative to the run's folder; of the last attempt
    folder: str = ""  # the same
    iterations: int | None = None  # of a loop
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    artifacts_in: list[dict[str, Any]]
    artifacts_out: list[dict[str, Any]]

    def __init__(self, path: str, kind: str, label: str, step: str, **others: Any) -> None:
        self.path, self.kind, self.label, self.step = path, kind, label, step
        self.inputs, self.outputs, self.artifacts_in, self.artifacts_out = {}, {}, [], []
        _take(self, others)


class Run:
    """One local run, up to now."""

    pipeline: str
    title: str
    runner: str
    parameters: dict[str, Any]
    run_id: str = ""
    workflow: str = ""  # the run's name in Kubernetes
    name: str = ""  # and for people
    started: str = ""
    seconds: float = 0.0
    state: str = "running"
    error: str = ""
    outputs: dict[str, Any]
    tasks: list[Task]
    format: int = FORMAT

    def __init__(
        self, pipeline: str, title: str, runner: str, parameters: dict[str, Any], **others: Any
    ) -> None:
        self.pipeline, self.title, self.runner = pipeline, title, runner
        self.parameters, self.outputs, self.tasks = parameters, {}, []
        _take(self, others)


def _take(record: Task | Run, others: Mapping[str, Any]) -> None:
    if unknown := others.keys() - type(record).__annotations__.keys():
        raise TypeError(f"{', '.join(sorted(unknown))} is no part of a record")
    vars(record).update(others)


def fields(record: Task | Run) -> dict[str, Any]:
    """Return what a record says, by name, in the order of the format."""
    return {name: getattr(record, name) for name in type(record).__annotations__}


class Recorder:
    """Keeps the record of a run that is under way, without what ``mask`` hides.

    Its methods may be called by several threads.
    """

    def __init__(self, run: Run, folder: Path, mask: Mask) -> None:
        self.run = run
        self._mask = mask
        self._folder = folder
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._next = -math.inf  # when the record is written again
        self._followed: list[tuple[Task, Callable[[], str]]] = []
        run.started = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        self.save()

    def begin(self, task: Task) -> None:
        """Note that a task has begun."""
        task.started = self._elapsed()
        with self._lock:
            self.run.tasks.append(task)

    def start(self, task: Task) -> None:
        """Note that there is room for a task by now: its time counts from here."""
        task.started = self._elapsed()

    def follow(self, task: Task, state: Callable[[], str]) -> None:
        """Let a task's state be what ``state`` says, until the run has ended."""
        self._followed.append((task, state))

    def end_task(self, task: Task, state: str) -> None:
        """Note that a task has ended, and how."""
        task.state = state
        task.seconds = round(self._elapsed() - task.started, 3)
        if time.monotonic() > self._next:
            self.save()

    def end(self, state: str, error: str = "", outputs: Mapping[str, Any] | None = None) -> None:
        """Note how the run ended, and write the record."""
        self.run.state, self.run.error = state, error
        self.run.outputs = dict(outputs or {})
        self.run.seconds = self._elapsed()
        for task, followed in self._followed:
            task.state = followed()
            task.seconds = round(self.run.seconds - task.started, 3)
        for task in self.run.tasks:
            if task.state == "running":
                task.state = "interrupted"
        self.save()

    def keep_inputs(self, task: Task, folder: Path) -> None:
        """Write a task's inputs to a folder of its own, if some are too large for the record."""
        if _small(task.inputs) != task.inputs:
            files.write(folder / INPUTS, json.dumps(self._mask.result(task.inputs)))

    def save(self) -> None:
        """Write ``run.json``."""
        began = time.monotonic()
        with self._lock:
            text = json.dumps(self._mask.result(_kept(self.run)))
        files.write(self._folder / FILE, text)
        ended = time.monotonic()
        self._next = ended + max(EVERY, SHARE * (ended - began))

    def _elapsed(self) -> float:
        return round(time.monotonic() - self._began, 3)


def _kept(run: Run) -> dict[str, Any]:
    """Return what a record says, without what is too large for it."""
    values = {"parameters": _small(run.parameters), "outputs": _small(run.outputs)}
    return {**fields(run), **values, "tasks": [_kept_task(task) for task in run.tasks]}


def _kept_task(task: Task) -> dict[str, Any]:
    artifacts = {
        "artifacts_in": [_kept_artifact(artifact) for artifact in task.artifacts_in],
        "artifacts_out": [_kept_artifact(artifact) for artifact in task.artifacts_out],
    }
    values = {"inputs": _small(task.inputs), "outputs": _small(task.outputs)}
    return {**fields(task), **values, **artifacts}


def _kept_artifact(artifact: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {
        key: _thinned(item) if key == "confidenceMetrics" else small(item)
        for key, item in artifact["metadata"].items()
    }
    return {**artifact, "metadata": metadata}


def _small(found: dict[str, Any]) -> dict[str, Any]:
    return {name: small(value) for name, value in found.items()}


def read(folder: Path) -> Run:
    """Return the record in a run's folder; raises WorkbenchError (2) when it is none."""
    path = folder / FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']}")
        tasks = [Task(**task) for task in data.pop("tasks")]
        return Run(**data, tasks=tasks)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise WorkbenchError(f"{path}: no record of a run ({reason}): make local", 2) from None


def _thinned(metadata: Any) -> Any:
    """Return the figures of some of a curve's points, its ends among them; ``list`` has them."""
    points = metadata.get("list") if isinstance(metadata, dict) else metadata
    if not isinstance(points, list) or not all(isinstance(point, dict) for point in points):
        return small(points)
    every = -(-len(points) // (MOST_POINTS - 1)) or 1
    kept = [*points[:-1:every], *points[-1:]]
    return {"list": [{key: figure(point.get(key)) for key in POINT} for point in kept]}


def figure(value: Any) -> float | None:
    """Return a finite number, or None for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) else None


def small(value: Any) -> Any:
    """Return a value as JSON carries it, or a note in the place of a large one."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return ascii(value)[:MAX_VALUE]
    return value if len(text) <= MAX_VALUE else f"({len(text):,} bytes, not kept)"


def inputs_of(task: Task, folder: Path) -> dict[str, Any]:
    """Return all inputs of a task of the run in ``folder``, as far as they are not secret."""
    path = folder / task.folder / INPUTS
    if not task.folder or not path.is_file():
        return task.inputs
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def latest(root: Path) -> Path:
    """Return the folder of the last local run; raises WorkbenchError (2) when there is none."""
    folders = sorted(path.parent for path in (root / RUNS).glob(f"*/{FILE}"))
    if not folders:
        raise WorkbenchError("there was no local run yet: make local", 2)
    return folders[-1]


def named(root: Path, name: str | None, variable: str = "") -> Path:
    """Return the folder of a run, the last if none is named; raises WorkbenchError (2)."""
    if not name:
        return latest(root)
    folder = root / RUNS / Path(name).name
    if not (folder / FILE).is_file():
        raise WorkbenchError(f"{variable}{shown(name)} is no run below {RUNS}/", 2)
    return folder
