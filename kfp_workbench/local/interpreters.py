"""A step's interpreter that is started ahead, so that it is ready when its turn comes.

It is that of the step's environment, started as for the step itself, with the variables that it will
have, and it runs nothing of the step's until it is told to (`waiting`). It may differ in nothing that
a step could go by: where anything would, `run` says so, and the step is started as any other.
"""

import os
import selectors
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kfp_workbench.local import thin_venvs, waiting
from kfp_workbench.project.secrecy import without_sign_in

OWN = ("KFP_POD_NAME", "KFP_POD_UID")  # the variables that each attempt at a task has for itself
MOST = 32 * 1024  # bytes of a command line; of a long one, let the system say what it says
PATIENCE = 10.0  # seconds that an interpreter may take to start


class Start(NamedTuple):
    """How an interpreter is started, whatever the script is given."""

    python: str  # as the command line has it
    script: str
    binaries: str  # searched first for commands
    search: str  # PYTHONPATH
    modules: Sequence[str] = ()  # that the script imports first of all, some of the project's own


def environment(binaries: Path | str, search: str, own: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a process, with its own among them."""
    found = {
        **without_sign_in(os.environ),
        **own,
        thin_venvs.AS_IMAGE: "1",
        "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": search,
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    found.pop("PYTHONHOME", None)
    return found


def are_usual(variables: Mapping[str, str], start: Start) -> bool:
    """Tell whether variables are those of any process, in their order, but for those in OWN."""
    usual = environment(start.binaries, start.search, dict.fromkeys(OWN, ""))
    return _shared(variables) == [*usual.items()]


def _shared(variables: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, "" if name in OWN else value) for name, value in variables.items()]


class Interpreter:
    """An interpreter that waits."""

    def __init__(self, start: Start, root: Path) -> None:
        """Start it in the project's folder; raises OSError where that cannot be done."""
        self._start, self._state = start, thin_venvs.state(Path(start.binaries))
        if self._state is None:
            raise FileNotFoundError(start.binaries)
        self._environment = environment(start.binaries, start.search, dict.fromkeys(OWN, ""))
        incoming, telling = os.pipe()
        answer, outgoing = os.pipe()
        self._telling, self._answer = os.fdopen(telling, "wb"), os.fdopen(answer, "rb")
        option = f"{incoming},{outgoing},{'+'.join(start.modules)},{waiting.__file__}"
        try:
            self.process = subprocess.Popen(
                [start.python, "-X", f"{waiting.OPTION}={option}", start.script],
                cwd=root,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(incoming, outgoing),
            )
        except BaseException:
            self._close()
            raise
        finally:
            os.close(incoming)
            os.close(outgoing)

    def run(
        self, start: Start, command: Sequence[str], folder: Path, variables: Mapping[str, str]
    ) -> bool:
        """Have it run a command line, and tell whether it does; it has ended where it does not."""
        try:
            is_fit = (
                start == self._start
                and _shared(variables) == [*self._environment.items()]
                and thin_venvs.state(Path(start.binaries)) == self._state
            )
            if is_fit and self._tell(command, folder, variables):
                self._close()
                return True
        except (OSError, ValueError):
            pass  # it has ended, or what it is to be told can be no word of a command
        self.end()
        return False

    def end(self) -> None:
        """End it, before it has run anything."""
        with self.process:
            self.process.kill()
        self._close()

    def _tell(self, command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> bool:
        own = [f"{name}={variables[name]}" for name in OWN]
        parts = [os.fsencode(part) for part in (str(folder), str(len(own)), *own, *command)]
        said = b"\0".join(parts)
        if len(said) > MOST or said.count(b"\0") != len(parts) - 1:
            return False
        with self._telling:
            self._telling.write(said)
        with selectors.DefaultSelector() as ready:
            ready.register(self._answer, selectors.EVENT_READ)
            return bool(ready.select(PATIENCE)) and self._answer.read() == waiting.BEGUN

    def _close(self) -> None:
        self._telling.close()
        self._answer.close()
