"""What ends this process from outside: Ctrl-C, SIGTERM, and SIGHUP of a terminal that closes."""

import signal
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
