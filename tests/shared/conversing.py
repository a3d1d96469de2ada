"""Talks with a command through a terminal of its own, as a person would."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

SECONDS = 60.0  # that an answer may take
_COLOURS = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[=>])")


class Conversation:
    """A command that believes it has a person before it; it is ended with the block."""

    def __init__(self, command: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**env, "TERM": "dumb"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: _take(theirs),
        )
        os.close(theirs)
        self.said = ""  # since what was last waited for

    def __enter__(self) -> "Conversation":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def wait_for(self, text: str) -> str:
        """Return what it says up to a text, once it has said that."""
        ends = time.monotonic() + SECONDS
        while text not in self.said:
            assert self._read(ends), f"{text!r} was not said, but:\n{self.said}"
        before, _, self.said = self.said.partition(text)
        return before

    def type(self, line: str) -> None:
        """Type a line, and the return key."""
        os.write(self._ours, f"{line}\n".encode())

    def ask(self, line: str, prompt: str) -> str:
        """Type a line at a prompt; returns the answer, up to the next prompt."""
        self.type(line)
        return self.wait_for(prompt).partition(line)[2].strip()

    def end(self) -> tuple[int, str]:
        """Wait for its end; returns its status, and what it has said since the last answer."""
        ends = time.monotonic() + SECONDS
        while self._read(ends):
            pass
        return self.process.wait(SECONDS), self.said

    def _read(self, ends: float) -> bool:
        """Read on; returns whether there was something."""
        if not select.select([self._ours], [], [], max(0, ends - time.monotonic()))[0]:
            return False
        try:
            read = os.read(self._ours, 65536)
        except OSError:  # which is how Linux tells the end
            return False
        self.said += _COLOURS.sub("", read.decode(errors="replace")).replace("\r", "")
        return bool(read)


def _take(terminal: int) -> None:
    """Make a terminal the one that this process's signals come from."""
    import fcntl
    import termios

    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
