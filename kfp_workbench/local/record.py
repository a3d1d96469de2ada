"""What happened in a local run: ``run.json`` in the run's folder, from which `kfp_workbench.report` draws.

The format (version 1), times in seconds and UTC::

    {"format": 1, "pipeline": "calculate-average", "title": "Calculate Average",
     "runner": "process", "started": "2026-01-31T12:00:00+00:00", "seconds": 1.2,
     "state": "succeeded", "error": "", "parameters": {...}, "outputs": {...},
     "tasks": [{"path": ["add"], "label": "Add", "step": "add", "state": "succeeded",
                "started": 0.1, "seconds": 0.2, "status": 0, "log": "logs/001-add.log",
                "parameters": {...}, "artifacts": [{"name", "type", "uri", "metadata"}]}]}

States of a run are running, succeeded, failed, interrupted; those of a task cached, too. A value that
takes more than 64 kB as JSON is replaced by a note, a ROC curve by 1,000 of its points.
"""

import json
import math
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.secrecy import Mask

RUNS = Path("build") / "local"  # a folder a run, named for its start
FILE = "run.json"
FORMAT = 1
PACKAGE = "pipeline.yaml"  # beside it: what was run
MAX_VALUE = 64 * 1024  # bytes of JSON
MOST_POINTS = 1000  # of a ROC curve
POINT = ("falsePositiveRate", "recall", "confidenceThreshold")  # KFP's names for its figures


@dataclass
class Task:
    """One execution of a task."""

    path: list[str]  # the loops, conditions and pipelines around it, then its own name
    label: str
    step: str  # or the image, where that is no step's
    state: str = "running"
    started: float = 0.0  # after the run's start
    seconds: float = 0.0
    status: int | None = None  # the exit status; None when nothing was executed
    log: str = ""  # relative to the run's folder; of the last attempt
    parameters: dict[str, Any] = field(default_factory=dict)
    artifacts: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Run:
    """One local run, up to now."""

    pipeline: str
    title: str
    runner: str
    parameters: dict[str, Any]
    started: str = ""
    seconds: float = 0.0
    state: str = "running"
    error: str = ""
    outputs: dict[str, Any] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    format: int = FORMAT


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
        run.started = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self.save()

    @contextmanager
    def task(self, task: Task) -> Iterator[None]:
        """Note a task from its start to its end; one that does not say otherwise has failed."""
        with self._lock:
            self.run.tasks.append(task)
        task.started = self._elapsed()
        try:
            yield
        finally:
            task.seconds = round(self._elapsed() - task.started, 3)
            if task.state == "running":
                task.state = "failed"

    def end(self, state: str, error: str = "", outputs: Mapping[str, Any] | None = None) -> None:
        """Note how the run ended, and write the record."""
        self.run.state, self.run.error = state, error
        self.run.outputs = {name: small(value) for name, value in (outputs or {}).items()}
        self.run.seconds = self._elapsed()
        for task in self.run.tasks:
            if task.state == "running":
                task.state = "interrupted"
        self.save()

    def save(self) -> None:
        """Write ``run.json``."""
        with self._lock:
            text = json.dumps(self._mask.result(asdict(self.run)))
        files.write(self._folder / FILE, text)

    def _elapsed(self) -> float:
        return round(time.monotonic() - self._began, 3)


def read(folder: Path) -> Run:
    """Return the record in a run's folder; raises WorkbenchError (2) when it is none."""
    path = folder / FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']}")
        tasks = [Task(**task) for task in data.pop("tasks")]
        return Run(**data, tasks=tasks)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise WorkbenchError(f"{path}: no record of a run ({reason}): make local", 2) from None


def outputs_of(outputs: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a task's outputs, as kfp has them, as parameters by name and a list of artifacts."""
    parameters, artifacts = {}, []
    for name, value in outputs.items():
        if hasattr(value, "uri"):
            metadata = {
                key: _thinned(item) if key == "confidenceMetrics" else small(item)
                for key, item in value.metadata.items()
            }
            artifacts.append(
                {"name": name, "type": value.schema_title, "uri": value.uri, "metadata": metadata}
            )
        else:
            parameters[name] = small(value)
    return parameters, artifacts


def _thinned(points: Any) -> Any:
    """Return the figures of some of a curve's points, its ends among them."""
    if not isinstance(points, list) or not all(isinstance(point, dict) for point in points):
        return small(points)
    every = -(-len(points) // (MOST_POINTS - 1)) or 1
    kept = [*points[:-1:every], *points[-1:]]
    return [{key: figure(point.get(key)) for key in POINT} for point in kept]


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


def latest(root: Path) -> Path:
    """Return the folder of the last local run; raises WorkbenchError (2) when there is none."""
    folders = sorted(path.parent for path in (root / RUNS).glob(f"*/{FILE}"))
    if not folders:
        raise WorkbenchError("no local run to report on: make local", 2)
    return folders[-1]
