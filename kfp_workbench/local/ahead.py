"""The interpreters of a run's next steps, started ahead: to start one takes as long as a small step.

What the last run began with, this one most likely will. A run notes the interpreters of its commands,
in their order, in ``build/venvs/ahead.json``; the next one starts them by that, before it has even
loaded what it is made of itself. Where it turns out otherwise, nothing is lost but what was started.
"""

import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import Popen
from typing import Any

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local.interpreters import Interpreter, Start
from kfp_workbench.local.record import RUNS

FILE = Path("build") / "venvs" / "ahead.json"
MOST = 100  # interpreters that are noted


class Ahead:
    """The interpreters of one run; methods may be called by several threads."""

    def __init__(self, root: Path, jobs: int) -> None:
        """Begin with none; ``root`` is the project's folder, ``jobs`` how many may wait or run."""
        self.name = new_name()  # of the run
        self._root, self._jobs = root, jobs
        self._file, self._folder = root / FILE, root / RUNS / self.name
        self._lock = threading.Lock()
        self._coming: deque[Start] = deque()
        self._waiting: dict[str, Interpreter] = {}  # by their scripts
        self._running = 1  # this process itself, until it has loaded all that it is made of
        self._noted: list[Start] = []
        self._then: Callable[[], None] | None = None

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self) -> None:
        """Start what the last run began with."""
        self._coming.extend(_moved(start, "", f"{self._folder}/") for start in _read(self._file))
        self._start_some()

    def loaded(self, then: Callable[[], None]) -> None:
        """Start more: this process itself has little to do from now on.

        ``then`` is called in a thread when a command begins and no more are to be started ahead.
        """
        with self._lock:
            self._running -= 1
            self._then = then
        self._start_some()

    def end(self) -> None:
        """End all that wait, and start no more."""
        with self._lock:
            self._coming.clear()
            for interpreter in self._waiting.values():
                interpreter.end()
            self._waiting.clear()

    def forget(self) -> None:
        """End all that wait, and have the next run start none."""
        self.end()
        with suppress(OSError):
            self._file.unlink(missing_ok=True)

    def keep(self) -> None:
        """Note for the next run what this one began with."""
        noted = [_moved(start, f"{self._folder}/", "") for start in self._noted]
        with suppress(WorkbenchError):  # it would only be slower
            files.write(self._file, json.dumps(noted))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count a command while it runs."""
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1

    def take(
        self, start: Start, command: Sequence[str], folder: Path, variables: Mapping[str, str]
    ) -> "Popen[bytes] | None":
        """Have an interpreter that waits run a command line; None where there is none for it."""
        with self._lock:
            found = self._waiting.pop(start.script, None)
        process = None
        if found and found.run(start, command, folder, variables):
            process = found.process
        with self._lock:
            if len(self._noted) < MOST and (process or not found):
                self._noted.append(start)
        self._start_some()
        with self._lock:
            if self._then and not self._coming and not self._waiting:
                threading.Thread(target=self._then, daemon=True).start()
                self._then = None
        return process

    def _start_some(self) -> None:
        with self._lock, suppress(OSError):
            while self._coming and len(self._waiting) + self._running < self._jobs:
                start = self._coming.popleft()
                self._waiting[start.script] = Interpreter(start, self._root)


def new_name() -> str:
    """Return a name for a run that begins now."""
    seconds, rest = divmod(time.time_ns(), 10**9)
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(seconds))}-{rest // 1000:06d}"


def _read(path: Path) -> Iterator[Start]:
    with suppress(OSError, ValueError, TypeError):
        for found in json.loads(path.read_text(encoding="utf-8")):
            start = Start(*found)
            if all(map(_is_text, start[:-1])) and all(map(_is_text, start.modules)):
                yield start


def _is_text(found: Any) -> bool:
    return isinstance(found, str) and "\0" not in found


def _moved(start: Start, before: str, after: str) -> Start:
    """Return how an interpreter is started whose script is in another folder."""
    search = [
        f"{after}{part.removeprefix(before)}" for part in start.search.split(os.pathsep) if part
    ]
    script = f"{after}{start.script.removeprefix(before)}"
    return start._replace(script=script, search=os.pathsep.join(search))
