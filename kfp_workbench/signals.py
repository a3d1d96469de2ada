"""What ends this process from outside: Ctrl-C, SIGTERM, and SIGHUP of a terminal that closes."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

INTERRUPTED = 130  # the exit status, as a shell has it after a Ctrl-C
_ENDING = (signal.SIGTERM, signal.SIGHUP)


class EndedError(KeyboardInterrupt):
    """Somebody, or a terminal that closes, ends this process: there is nobody to ask."""


class Signals:
    """Raises KeyboardInterrupt at a Ctrl-C, and EndedError at the other signals, in its block.

    Those others count once, as make hands on to its child what the whole group was sent.
    Signals that are ignored, as with nohup, stay so.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._pending: KeyboardInterrupt | None = None
        self._is_held = self._has_ended = False

    def __enter__(self) -> "Signals":
        for number in (signal.SIGINT, *_ENDING):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def is_pending(self) -> bool:
        """Tell whether there was a signal that is held back."""
        return self._pending is not None

    def hold(self) -> None:
        """Hold back what comes from now on."""
        self._is_held = True

    def release(self) -> None:
        """Hold nothing back any more; raises what came meanwhile."""
        self._is_held = False
        pending, self._pending = self._pending, None
        if pending is not None:
            raise pending

    def heed_ctrl_c_alone(self) -> None:
        """Take no more notice of the other signals: what they are to bring about is on its way."""
        self._has_ended = True

    def _take(self, number: int, frame: FrameType | None) -> None:
        interrupt = KeyboardInterrupt()
        if number != signal.SIGINT:
            if self._has_ended:
                return
            self._has_ended, interrupt = True, EndedError()
        if not self._is_held:
            raise interrupt
        if not isinstance(self._pending, EndedError):
            self._pending = interrupt


class Interrupts:
    """The signals that would end this process: one KeyboardInterrupt for all of them.

    It is raised at once, or, where they are held, at the next `heed`. No further one is,
    so that nothing breaks off what is done about it. ``note`` is printed with the first;
    ``came`` tells whether there was one.
    """

    def __init__(self, note: str) -> None:
        self._note = f"{note}\n".encode()
        self.came = False
        self._raised = False
        self._held = 0

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let signals wait until the end of what is done within, which has to be near.

        Should that fail, they wait on for the next `heed`.
        """
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if not self._held:
            self.heed()

    def heed(self) -> None:
        """Raise KeyboardInterrupt if a signal came and none was raised."""
        if self.came and not self._raised:
            self._raised = True
            raise KeyboardInterrupt

    def come(self, number: int, frame: FrameType | None) -> None:
        """Take note of a signal: this is its handler."""
        if not self.came:
            self.came = True
            with contextlib.suppress(OSError):  # the terminal may be gone
                os.write(2, self._note)  # stderr itself may be in the middle of a line
        if not self._held:
            self.heed()


@contextlib.contextmanager
def taken(note: str) -> Iterator[Interrupts]:
    """Take the signals that end a process, but for those that it ignores, while this lasts.

    Only the main thread gets any.
    """
    interrupts = Interrupts(note)
    is_main = threading.current_thread() is threading.main_thread()
    numbers = [
        n
        for n in (signal.SIGINT, *_ENDING)
        if is_main and signal.getsignal(n) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, interrupts.come) for number in numbers}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
