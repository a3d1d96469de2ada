"""Runs one step's command line, as a process or as a container."""

import json
import math
import os
import selectors
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local.allowances import UNLIMITED, Allowance
from kfp_workbench.pipeline.kubernetes import units
from kfp_workbench.project.secrecy import without_sign_in

# Linux refuses a longer single argument (MAX_ARG_STRLEN, binfmts.h).
MAX_ARGUMENT = 128 * 1024
MAX_LINE = 64 * 1024  # bytes; a longer line of a step's is cut up, so that memory stays flat
# The least that Docker takes: https://docs.docker.com/engine/containers/resource_constraints/
MIN_CORES = 0.01
MIN_MEMORY = 6 * 2**20  # bytes
_BOOT = "import json,runpy,sys;sys.argv=json.load(open(sys.argv[1]));" + (
    "runpy.run_path(sys.argv[0],run_name='__main__')"
)


@dataclass(frozen=True)
class Task:
    """One task of a run: what to run, and where its log goes."""

    name: str
    image: str
    command: Sequence[str]  # command and args, as a cluster would execute them
    environment: Mapping[str, str]
    folder: Path  # the run's; every output lies below it
    log: Path
    allowance: Allowance = UNLIMITED


Runner = Callable[[Task, Callable[[str], None], threading.Event], int]
"""Runs a task, hands every line it prints to a function, returns its exit status.
When the event is set, the task is ended and its status is not 0. What the task is allowed
is kept to, as far as the runner can; when that ended it, its status is an `Ended`."""


class Ended(int):
    """The exit status of a task that was ended, and why, as in "the step ..."."""

    why: str

    def __new__(cls, status: int, why: str = "") -> "Ended":
        """Return ``status`` with its reason."""
        ended = super().__new__(cls, status)
        ended.why = why
        return ended


def outcome(status: int) -> str:
    """Return what became of a failed step, as in "the step ..."."""
    return status.why if isinstance(status, Ended) else f"failed with exit status {status}"


def process_runner(places: Mapping[str, tuple[Path, Path]], root: Path) -> Runner:
    """Return a runner that starts the very command line as a child process.

    ``places`` gives, for each image that a step has, the step's folder and its
    environment's ``bin``. The shared code is found in ``root``, as beside the script
    in the image. WorkbenchError is raised for an image of no step.
    """

    def run(task: Task, write: Callable[[str], None], stop: threading.Event) -> int:
        if task.image not in places:
            raise WorkbenchError(f"{task.image} is no image of this project: use RUNNER=docker")
        folder, binaries = places[task.image]
        environment = {
            **without_sign_in(os.environ),
            **task.environment,
            **task.allowance.environment(),
            "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(root),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        environment.pop("PYTHONHOME", None)
        try:
            process = subprocess.Popen(
                _fitting(task),
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            write(f"cannot start {task.command[0]!r}: {error.strerror}")
            return 127
        threading.Thread(target=_clear_away, args=(process,), daemon=True).start()
        with process, _Watch(stop, lambda: _end(process), task.allowance.seconds) as watch:
            for line in _lines(_printed(process)):
                write(line)
            status = process.wait()
        return _in_time(status, watch, write)

    return run


def container_runner(client: Any, rootless: bool, run_id: str) -> Runner:
    """Return a runner that starts each task's image through the docker SDK.

    A container is started, read, waited for and only then removed, so that its
    status is its own, however fast it ends; and removed whatever happens.
    """
    # In a rootless engine, root in the container is the caller outside.
    user = "0:0" if rootless else f"{os.getuid()}:{os.getgid()}"
    info = client.info()

    def run(task: Task, write: Callable[[str], None], stop: threading.Event) -> int:
        if stop.is_set():
            return 130
        with _scratch(task) as scratch:
            options = {
                "entrypoint": [""],  # cleared: a cluster does not use the image's either
                "environment": {**task.environment, **task.allowance.environment()},
                "user": user,  # outputs belong to the caller
                "labels": {"pipeline.run": run_id, "pipeline.task": task.name},
                "volumes": _volumes({task.folder: str(task.folder), **scratch}, info),
                "tmpfs": _in_memory(task.allowance),
                **_limits(task.allowance, info),
            }
            return _run_container(client, task, options, write, stop)

    return run


def held_by(client: Any) -> frozenset[str]:
    """Return which parts of an allowance the engine can hold a container to."""
    info = client.info()
    known = {"cpu": "CpuCfsQuota", "memory": "MemoryLimit"}
    return frozenset({"scratch", *(part for part, key in known.items() if info.get(key))})


def _run_container(
    client: Any,
    task: Task,
    options: Mapping[str, Any],
    write: Callable[[str], None],
    stop: threading.Event,
) -> int:
    import docker.errors

    try:
        container = client.containers.create(task.image, command=_fitting(task), **options)
    except (docker.errors.DockerException, OSError) as error:
        write(f"cannot create a container: {_explain(error)}")
        return 125
    try:
        with _Watch(stop, lambda: _kill(container), task.allowance.seconds) as watch:
            container.start()
            if stop.is_set():
                _kill(container)
            for line in _lines(container.logs(stream=True, follow=True)):
                write(line)
            status = int(container.wait()["StatusCode"])
        if status and not watch.late:
            container.reload()
            if container.attrs["State"].get("OOMKilled"):
                return _out_of_memory(status, task.allowance.memory, write)
        return _in_time(status, watch, write)
    except (docker.errors.DockerException, OSError) as error:
        write(f"cannot run the container: {_explain(error)}")
        return 125
    finally:
        _remove(container, write)


@contextmanager
def _scratch(task: Task) -> Iterator[dict[Path, str]]:
    """Make the empty folders on disk that a task finds at paths of its own."""
    wanted = [scratch.path for scratch in task.allowance.scratch if not scratch.in_memory]
    with ExitStack() as folders:
        yield {
            Path(
                folders.enter_context(
                    tempfile.TemporaryDirectory(
                        dir=task.folder, prefix=".scratch-", ignore_cleanup_errors=True
                    )
                )
            ): path
            for path in wanted
        }


def _volumes(folders: Mapping[Path, str], info: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    selinux = "name=selinux" in (info.get("SecurityOptions") or [])
    mode = "rw,z" if selinux else "rw"
    return {str(folder): {"bind": path, "mode": mode} for folder, path in folders.items()}


def _in_memory(allowance: Allowance) -> dict[str, str]:
    """Return the empty folders in memory, with their options (tmpfs)."""
    return {
        scratch.path: "rw,exec,mode=1777" + (f",size={scratch.size}" if scratch.size else "")
        for scratch in allowance.scratch
        if scratch.in_memory
    }


def _limits(allowance: Allowance, info: Mapping[str, Any]) -> dict[str, Any]:
    """Return a container's limits; those beyond the machine are the machine's."""
    limits: dict[str, Any] = {}
    if allowance.cpu and info.get("CpuCfsQuota"):
        cores = min(max(allowance.cpu, MIN_CORES), info["NCPU"])
        limits["nano_cpus"] = round(cores * 10**9)
    if allowance.memory and info.get("MemoryLimit"):
        size = min(max(allowance.memory, MIN_MEMORY), info["MemTotal"])
        limits["mem_limit"] = limits["memswap_limit"] = size  # a cluster has no swap
    return limits


def _in_time(status: int, watch: "_Watch", write: Callable[[str], None]) -> int:
    if not watch.late or watch.seconds is None:
        return status
    why = f"was ended: it took longer than its timeout of {units.duration_text(watch.seconds)}"
    write(f"the step {why}")
    return Ended(124, why)


def _out_of_memory(status: int, limit: int | None, write: Callable[[str], None]) -> int:
    there = f"its limit of {units.memory_text(limit)}" if limit else "the machine has"
    why = f"was killed: it needed more memory than {there}"
    write(f"the step {why}")
    return Ended(status, why)


def connect(command: str) -> Any:
    """Return a client of the engine that ``command`` (docker, podman) talks to.

    Raises WorkbenchError (1) when no engine answers.
    """
    import docker
    import docker.errors

    environment = dict(os.environ)
    if address := _engine_address(command):
        environment["DOCKER_HOST"] = address
    try:
        client = docker.DockerClient.from_env(
            environment=environment, version="auto", timeout=120, use_ssh_client=True
        )
        client.ping()
    except (docker.errors.DockerException, OSError, ValueError) as error:
        raise WorkbenchError(
            f"no container engine answers ({_explain(error)}): start one, or use RUNNER=process"
        ) from None
    return client


def has_image(client: Any, image: str) -> bool:
    """Tell whether the engine has an image."""
    import docker.errors

    try:
        client.images.get(image)
    except docker.errors.ImageNotFound:
        return False
    except (docker.errors.DockerException, OSError) as error:
        raise WorkbenchError(f"cannot look for {image}: {_explain(error)}") from None
    return True


def pull(client: Any, image: str) -> None:
    """Pull one image, with its tag or digest, or else ``latest`` alone; raises WorkbenchError (1)."""
    import docker.errors

    try:
        client.images.pull(image)
    except (docker.errors.DockerException, OSError) as error:
        raise WorkbenchError(f"cannot pull {image}: {_explain(error)}") from None


def is_rootless(client: Any) -> bool:
    """Tell whether the engine runs as an ordinary user."""
    return any("rootless" in option for option in client.info().get("SecurityOptions") or [])


def _engine_address(command: str) -> str | None:
    """Return the address of the engine's API, as the command line itself would find it."""
    words = shlex.split(command)
    if Path(words[0]).name.startswith("podman"):
        variable, query = "CONTAINER_HOST", ["info", "--format", "{{.Host.RemoteSocket.Path}}"]
    else:
        query = ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
        variable = "DOCKER_HOST"
    if address := os.environ.get(variable):
        return address
    try:
        answer = subprocess.run([*words, *query], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    address = answer.stdout.strip()
    return f"unix://{address}" if address.startswith("/") else address or None


def _fitting(task: Task) -> list[str]:
    """Return the command line, with arguments too long for the system passed in a file.

    The script sees the same arguments either way. A cluster has the same limit and no
    such way round, so `make run` refuses parameters of that size.
    """
    command = list(task.command)
    if all(len(os.fsencode(argument)) < MAX_ARGUMENT for argument in command):
        return command
    if (
        command[0] not in ("python", "python3")
        or not command[1:2]
        or not command[1].endswith(".py")
    ):
        raise WorkbenchError(
            f"{task.name}: an argument is longer than {MAX_ARGUMENT} bytes: pass a file"
        )
    path = task.log.with_suffix(".argv.json")
    path.write_text(json.dumps(command[1:]), encoding="utf-8")
    return [command[0], "-c", _BOOT, str(path)]


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


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Cut a stream of bytes into lines without their ends; what is no UTF-8 is replaced."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_LINE:
            lines, rest = [*lines, rest], b""
        yield from (line.decode(errors="replace").rstrip("\r") for line in lines)
    if rest:
        yield rest.decode(errors="replace")


class _Watch:
    """Calls a function once, in a thread of its own, if an event is set or time is up meanwhile.

    ``late`` tells whether it was the time.
    """

    def __init__(
        self, stop: threading.Event, action: Callable[[], None], seconds: int | None
    ) -> None:
        self.seconds, self.late = seconds, False
        self._stop, self._action, self._done = stop, action, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_Watch":
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


def _kill(container: Any) -> None:
    import docker.errors

    with suppress(docker.errors.DockerException, OSError):
        container.kill()


def _remove(container: Any, write: Callable[[str], None]) -> None:
    """Remove a container with its volumes, asking an engine that is busy with it again."""
    import docker.errors

    for pause in (0, 0.5, 1, 2):
        time.sleep(pause)
        try:
            container.remove(force=True, v=True)
        except docker.errors.NotFound:
            return
        except (docker.errors.DockerException, OSError) as error:
            problem = _explain(error)
        else:
            return
    write(f"the container {container.short_id} is left over ({problem}): remove it by hand")


def _explain(error: BaseException) -> str:
    text = getattr(error, "explanation", None) or str(error)
    return " ".join(str(text).split())[:300]
