"""Tells people how a run goes, and keeps what its tasks print."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kfp_workbench.local import record, spec
from kfp_workbench.local.dags import DagRun
from kfp_workbench.local.progress import Progress
from kfp_workbench.local.runners import MAX_ARGUMENT, Write
from kfp_workbench.project.secrecy import Mask

MAX_NAME = 50  # characters of a task that are in its files' names: of four bytes each at most
_ITERATION = re.compile(r"\[[0-9]+\]$")


class Teller:
    """Tells of a run's tasks; methods may be called by several threads.

    ``steps`` has the names of the steps by their images; ``mask`` hides secrets in all that is printed.
    """

    def __init__(
        self, folder: Path, progress: Progress, steps: Mapping[str, str], mask: Mask
    ) -> None:
        self._folder = folder
        self._progress = progress
        self._steps = steps
        self._mask = mask
        self._lock = threading.Lock()
        self._count = 0
        self.failures: list[record.Task] = []  # in the order in which they came

    def step(self, image: str, task: spec.Task) -> str:
        """Return what people call the step that has an image: the task, where it is no step's."""
        return self._steps.get(image, task.label)

    def begun(self, run: DagRun, task: spec.Task, noted: record.Task, attempt: int) -> str:
        """Tell that a command is about to run; returns a name of its own for its files."""
        with self._lock:
            if attempt == 1:
                self._count += 1
                name = f"{self._count:03d}-{_file_name(noted.step)}"
                noted.log = f"logs/{name}.log"
                self._progress.begun((*run.place, task.name), self._name(noted))
            return Path(noted.log).stem

    @contextmanager
    def log(self, noted: record.Task) -> Iterator[tuple[Path, Write]]:
        """Yield the log of a task, and what writes a line to it; another attempt begins it anew."""
        path = self._folder / noted.log
        path.parent.mkdir(exist_ok=True)
        name = self._name(noted)
        with path.open("w", encoding="utf-8", errors="backslashreplace") as file:

            def write(line: str) -> None:
                line = self._mask(line)
                file.write(f"{line}\n")
                self._progress.line(name, line)

            yield path, write

    def given_too_much(self, noted: record.Task) -> None:
        """Tell that a command which runs here would not on a cluster."""
        limit = f"more than {MAX_ARGUMENT // 1024} KiB as one argument"
        self._progress.say(
            self._mask(
                f"{self._name(noted)}: is given {limit}: a cluster would fail it, pass a file"
            )
        )

    def ended(self, run: DagRun, task: spec.Task, noted: record.Task) -> None:
        """Tell that a task has ended."""
        self._progress.ended((*run.place, task.name), self._name(noted), noted.state, noted.seconds)

    def reused(self, run: DagRun, task: spec.Task, noted: record.Task, changed: str) -> None:
        """Tell that a task's results are those of an earlier run; ``changed``, what KFP does not see."""
        self.ended(run, task, noted)
        if changed:
            self._progress.say(
                self._mask(f"{self._name(noted)}: reused, as KFP does, although {changed}")
            )

    def failed(self, run: DagRun, task: spec.Task, noted: record.Task) -> None:
        """Tell that a task has failed, and why, if its log does not."""
        with self._lock:
            self.failures.append(noted)
        if noted.failed_in != "command":
            self._progress.say(self._mask(f"{self._name(noted)}: {noted.reason}"))
        if noted.failed_in == "launcher" and noted.log:
            path = self._folder / noted.log
            path.parent.mkdir(exist_ok=True)
            with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"{self._mask(noted.reason)}\n")
        self.ended(run, task, noted)

    def again(self, noted: record.Task, reason: str, what_follows: str) -> None:
        """Tell that a task is tried again."""
        self._progress.say(self._mask(f"{self._name(noted)}: {reason}, {what_follows}"))

    def _name(self, noted: record.Task) -> str:
        """Return a task for people, with the iterations that it is in."""
        within = ", ".join(part for part in noted.path.split("/") if _ITERATION.search(part))
        name = noted.step or noted.label
        return f"{name} ({within})" if within else name


def _file_name(step: str) -> str:
    return re.sub(r"[^\w.-]+", "-", step.rsplit("/", 1)[-1])[:MAX_NAME] or "task"
