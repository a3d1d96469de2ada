"""Lets what must not be left half done come to an end before a Ctrl-C counts."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # a closed terminal is a Ctrl-C, too
STATUS = 130  # the exit status after any of them


class Interrupts:
    """The signals that would end this process: one KeyboardInterrupt for all of them.

    It is raised at once, or, where they are held, at the next `heed`. No further one is,
    so that nothing breaks off what is done about it. ``note`` is printed with the first; ``came`` tells whether there was one.
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
    numbers = [n for n in NUMBERS if is_main and signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupts.come) for number in numbers}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
