"""Follows what a job prints, and ends it where it has to end."""

import math
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import FrameType

from kfp_workbench.local.runners import Ended, Write
from kfp_workbench.pipeline.kubernetes import units

MAX_LINE = 2**20  # bytes; a longer line of a step's is cut up, so that memory stays flat


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Cut a stream of bytes into lines without their ends; what is no UTF-8 is replaced."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_LINE:
            lines, rest = [*lines, rest], b""
        yield from (line.decode(errors="replace").rstrip("\r") for line in lines)
    if rest:
        yield rest.decode(errors="replace")


class Watch:
    """Calls a function once, in a thread of its own, if an event is set or time is up meanwhile.

    ``late`` tells whether it was the time.
    """

    def __init__(
        self, stop: threading.Event, action: Callable[[], None], seconds: int | None
    ) -> None:
        self.seconds, self.late = seconds, False
        self._stop, self._action, self._done = stop, action, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        deadline = math.inf if self.seconds is None else time.monotonic() + self.seconds
        while not self._done.wait(0.1):
            self.late = time.monotonic() >= deadline
            if self.late or self._stop.is_set():
                self._action()
                return


def left_alone(process: "subprocess.Popen[bytes]") -> int:
    """Wait for a process that has the terminal, and return its status; a Ctrl-C is for it alone.

    It is ended where something else ends this process.
    """

    def nothing(number: int, frame: FrameType | None) -> None:
        """Take a Ctrl-C; one that is ignored would be so for the process, too."""

    before = signal.signal(signal.SIGINT, nothing)
    try:
        return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def in_time(status: int, watch: Watch, write: Write) -> int:
    """Return a status; that of a job whose time was up says so."""
    if not watch.late or watch.seconds is None:
        return status
    why = f"was ended: it took longer than its timeout of {units.duration_text(watch.seconds)}"
    write(f"the step {why}")
    return Ended(124, why)
