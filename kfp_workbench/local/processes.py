"""Runs jobs as child processes: the very command line, in a folder laid out as its image is."""

import json
import math
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import interpreters, lightweight, starts, watching
from kfp_workbench.local.ahead import Ahead
from kfp_workbench.local.image import EMPTY, Image
from kfp_workbench.local.runners import MAX_ARGUMENT, Ended, Job, Write, is_too_long
from kfp_workbench.local.watching import Watch, in_time, lines

_ARGUMENTS = "/tmp/kfp/arguments.json"  # noqa: S108  # in a container
_BOOT = "import json,runpy,sys;sys.argv=json.load(open(sys.argv[1]));" + (
    "runpy.run_path(sys.argv[0],run_name='__main__')"
)


class Home(NamedTuple):
    """What stands for an image on this machine."""

    binaries: Path  # searched first for commands: an environment's bin
    image: Image = EMPTY
    variables: Mapping[str, str] = MappingProxyType({})


class ProcessRunner:
    """Runs jobs as child processes.

    ``homes`` are those of the images, ``components`` those of lightweight components, by image and
    what they install; ``ahead`` has interpreters that may be there already.
    """

    kind = "process"
    is_rooted = False
    held: frozenset[str] = frozenset()
    memory = math.inf

    def __init__(
        self,
        homes: Mapping[str, Home],
        components: Mapping[tuple[str, ...], Home] = MappingProxyType({}),
        ahead: Ahead | None = None,
    ) -> None:
        self._homes, self._components, self._ahead = homes, components, ahead

    def run(self, job: Job, write: Write, stop: threading.Event) -> int:
        """Run a job; raises WorkbenchError for an image that has no home here."""
        job, home = self._at_home(job)
        running = self._ahead.running() if self._ahead else nullcontext()
        with running, home.image.laid_out(job.place.folder) as folder:
            return self._run(job, home, folder, write, stop)

    def _run(self, job: Job, home: Home, folder: Path, write: Write, stop: threading.Event) -> int:
        told = home.image.told(job.place.folder)
        try:
            process = self._started(job, home, folder)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            write(f"cannot start {job.command[0]!r}: {reason}")
            return Ended(127, f"cannot be started: {job.command[0]}: {reason}", "command-not-found")
        threading.Thread(target=_clear_away, args=(process,), daemon=True).start()
        with process, Watch(stop, lambda: _end(process), job.allowance.seconds) as watch:
            for line in lines(_printed(process)):
                write(told(line))
            status = process.wait()
        return in_time(status, watch, write)

    def _started(self, job: Job, home: Home, folder: Path) -> "subprocess.Popen[bytes]":
        command, environment = fitting(job), _environment(job, home)
        if self._ahead:
            start = starts.of(command, folder, home.binaries, environment)
            process = start and self._ahead.take(start, command, folder, environment)
            if process:
                return process
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def attach(self, job: Job, modules: Path) -> int:
        """Run a job with this process's own terminal."""
        job, home = self._at_home(job)
        with home.image.laid_out(job.place.folder) as folder:
            environment = _environment(job, home)
            search = (str(modules), environment["PYTHONPATH"])
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, search))
            try:
                process = subprocess.Popen(fitting(job), cwd=folder, env=environment)
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or error
                raise WorkbenchError(f"cannot start {job.command[0]!r}: {reason}") from None
            return watching.left_alone(process)

    def take_models(self, image: str, folder: Path) -> None:
        """Raise WorkbenchError: without an engine, nobody can look into an image."""
        raise WorkbenchError(
            f"the image {image} can only be opened by an engine: use RUNNER=docker"
        )

    def close(self, folder: Path) -> None:
        """Keep what the next run can begin with: what jobs have left is the caller's own."""
        if self._ahead:
            self._ahead.keep()

    def _at_home(self, job: Job) -> tuple[Job, Home]:
        home = self._homes.get(job.image)
        if found := lightweight.read(job.command):
            home = self._components.get((job.image, *found.installed), home)
            job = job._replace(command=found.command)
        if home is None:
            raise WorkbenchError(f"{job.image} is no image of this project: use RUNNER=docker")
        return job._replace(command=home.image.words(job.command, job.place.folder)), home


def _environment(job: Job, home: Home) -> dict[str, str]:
    own = {**home.variables, **job.environment, **job.allowance.environment()}
    return interpreters.environment(home.binaries, home.image.python_path(job.place.folder), own)


def fitting(job: Job) -> list[str]:
    """Return the command line, with arguments too long for the system passed in a file.

    The script sees the same arguments either way. A cluster has the same limit and no such way
    round: the run says so, and `make run` refuses parameters of that size.
    """
    command = list(job.command)
    if not is_too_long(command):
        return command
    if command[0] not in starts.PYTHONS or not command[1:2] or not command[1].endswith(".py"):
        raise WorkbenchError(
            f"{job.name}: an argument is longer than {MAX_ARGUMENT} bytes: pass a file"
        )
    path = job.place.host(_ARGUMENTS)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(command[1:]), encoding="utf-8")
    return [command[0], "-c", _BOOT, job.place.seen(_ARGUMENTS)]


def _printed(process: "subprocess.Popen[bytes]") -> Iterator[bytes]:
    """Yield what a process prints until it has ended; what it leaves running may hold the pipe."""
    assert process.stdout is not None
    last = math.inf  # when to stop, once it has ended
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < last:
            if ready.select(0.1):
                if not (chunk := os.read(process.stdout.fileno(), 65536)):
                    return
                yield chunk
            if last == math.inf and process.poll() is not None:
                last = time.monotonic() + 0.5


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process with all its children: politely, and after five seconds for good."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        deadline = time.monotonic() + 5
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)


def _clear_away(process: "subprocess.Popen[bytes]") -> None:
    """When a process has ended, end what it started, as a container's end would."""
    process.wait()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
