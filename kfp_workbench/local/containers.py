"""Runs jobs in containers of an engine, each with the image's own user and a cluster's paths."""

import math
import os
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import engines
from kfp_workbench.local.allowances import Allowance
from kfp_workbench.local.artifacts import SCHEMES, WORKSPACE
from kfp_workbench.local.engines import explain
from kfp_workbench.local.places import OWN
from kfp_workbench.local.processes import fitting
from kfp_workbench.local.runners import Ended, Job, Write
from kfp_workbench.local.watching import Watch, in_time, left_alone, lines
from kfp_workbench.pipeline.kubernetes import units

# The least that Docker takes: https://docs.docker.com/engine/containers/resource_constraints/
MIN_CORES = 0.01
MIN_MEMORY = 6 * 2**20  # bytes
_NO_COMMAND = re.compile("executable file not found|no such file or directory", re.IGNORECASE)
MODULES = "/kfp-workbench"  # where a container that is attached finds its first modules
ROOMS = (
    "tmp/kfp",
    *(room.strip("/") for room in SCHEMES.values()),
    "oci",
)  # of a job's folder, that a container finds below /


class ContainerRunner:
    """Runs jobs through the docker SDK; ``run_id`` labels their containers.

    ``command`` is the engine's own command line, which knows how to talk with a terminal.

    A container is started, read, waited for and only then removed, so that its status is its own,
    however fast it ends; and removed whatever happens.
    """

    kind = "docker"
    is_rooted = True

    def __init__(self, client: Any, run_id: str, command: str = "docker") -> None:
        self._client, self._command = client, command
        self._info = client.info()
        self._run_id = run_id
        self._image = ""  # of the last job
        self._known: set[str] = set()  # images that the engine has
        known = {"cpu": "CpuCfsQuota", "memory": "MemoryLimit"}
        limits = {part for part, key in known.items() if self._info.get(key)}
        self.held = frozenset({"scratch", *limits})
        self.memory = float(self._info.get("MemTotal") or math.inf)

    def run(self, job: Job, write: Write, stop: threading.Event) -> int:
        """Run a job in a container."""
        if stop.is_set():
            return 130
        self._have(job.image)
        with _scratch(job) as scratch:
            options = self._options(job, scratch)
            return _run_container(self._client, job, options, write, stop)

    def attach(self, job: Job, modules: Path) -> int:
        """Run a job with this process's own terminal, by the engine's command line."""
        self._have(job.image)
        with _scratch(job) as scratch:
            options = self._options(job, {**scratch, modules: MODULES})
            found = self._client.images.get(job.image).attrs["Config"].get("Env") or []
            own = [text.partition("=")[2] for text in found if text.startswith("PYTHONPATH=")]
            options["environment"]["PYTHONPATH"] = ":".join((MODULES, *own))
            options |= {"stdin_open": True, "tty": os.isatty(0)}
            return _attach(self._client, self._command, job, options)

    def _have(self, image: str) -> None:
        """See that the engine has an image; it may be one that only a parameter names."""
        self._image = image
        if image not in self._known:
            if not engines.has_image(self._client, image):
                engines.pull(self._client, image)
            self._known.add(image)

    def _options(self, job: Job, folders: Mapping[Path, str]) -> dict[str, Any]:
        return {
            "entrypoint": [""],  # cleared: a cluster does not use the image's either
            "environment": {**job.environment, **job.allowance.environment()},
            "labels": {"pipeline.run": self._run_id, "pipeline.task": job.name},
            "volumes": _volumes({**_rooms(job), **folders}, self._info),
            "tmpfs": _in_memory(job.allowance),
            **_limits(job.allowance, self._info),
        }

    def take_models(self, image: str, folder: Path) -> None:
        """Put what an image holds in /models into ``models`` below a folder."""
        if not engines.has_image(self._client, image):
            engines.pull(self._client, image)
        engines.take_models(self._client, image, folder)

    def close(self, folder: Path) -> None:
        """Give the caller what jobs have left: each was its image's own user."""
        user, group = os.getuid(), os.getgid()
        paths = (folder, *folder.rglob("*"))
        if not self._image or all(path.lstat().st_uid == user for path in paths):
            return
        rootless = any("rootless" in option for option in self._info.get("SecurityOptions") or [])
        owner = "0:0" if rootless else f"{user}:{group}"
        with suppress(Exception):  # of an image without chown, say: only `make clean` would miss it
            self._client.containers.run(
                self._image,
                ["chown", "-R", owner, "/run-folder"],
                entrypoint=[""],
                user="0:0",
                volumes=_volumes({folder: "/run-folder"}, self._info),
                remove=True,
            )


def _rooms(job: Job) -> dict[Path, str]:
    """Return the folders and files of this machine that a container finds, and where."""
    found = {}
    for room in ROOMS:
        if (folder := job.place.folder / room).is_dir():
            found[folder] = f"/{room}"
    if job.place.workspace.is_dir():
        found[job.place.workspace] = WORKSPACE
    if (folder := job.place.folder / OWN).is_dir():
        found[folder] = job.place.root
    for shared in job.shared:
        found[shared.path] = shared.seen
    return found


def _run_container(
    client: Any,
    job: Job,
    options: Mapping[str, Any],
    write: Write,
    stop: threading.Event,
) -> int:
    import docker.errors

    try:
        container = client.containers.create(job.image, command=fitting(job), **options)
    except (docker.errors.DockerException, OSError) as error:
        write(f"cannot create a container: {explain(error)}")
        return 125
    try:
        with Watch(stop, lambda: _kill(container), job.allowance.seconds) as watch:
            container.start()
            if stop.is_set():
                _kill(container)
            for line in lines(container.logs(stream=True, follow=True)):
                write(line)
            status = int(container.wait()["StatusCode"])
        if status and not watch.late:
            container.reload()
            if container.attrs["State"].get("OOMKilled"):
                return _out_of_memory(status, job.allowance.memory, write)
        return in_time(status, watch, write)
    except (docker.errors.DockerException, OSError) as error:
        reason = explain(error)
        write(f"cannot run the container: {reason}")
        if _NO_COMMAND.search(reason):
            return Ended(
                127, f"cannot be started: {job.command[0]}: not found", "command-not-found"
            )
        return 125
    finally:
        _remove(container, write)


def _attach(client: Any, command: str, job: Job, options: Mapping[str, Any]) -> int:
    import docker.errors

    try:
        container = client.containers.create(job.image, command=fitting(job), **options)
    except (docker.errors.DockerException, OSError) as error:
        raise WorkbenchError(f"cannot create a container: {explain(error)}") from None
    words = [*shlex.split(command), "start", "--attach", "--interactive", container.id]
    try:
        return left_alone(subprocess.Popen(words))
    except OSError as error:
        raise WorkbenchError(f"cannot call {words[0]!r} ({error.strerror}): set DOCKER=") from None
    finally:
        _remove(container, lambda line: print(line, file=sys.stderr))


@contextmanager
def _scratch(job: Job) -> Iterator[dict[Path, str]]:
    """Make the empty folders on disk that a task finds at paths of its own."""
    wanted = [scratch.path for scratch in job.allowance.scratch if not scratch.in_memory]
    with ExitStack() as folders:
        yield {
            Path(
                folders.enter_context(
                    tempfile.TemporaryDirectory(
                        dir=job.place.folder, prefix=".scratch-", ignore_cleanup_errors=True
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


def _out_of_memory(status: int, limit: int | None, write: Write) -> int:
    there = f"its limit of {units.memory_text(limit)}" if limit else "the machine has"
    why = f"was killed: it needed more memory than {there}"
    write(f"the step {why}")
    return Ended(status, why, "signal")


def _kill(container: Any) -> None:
    import docker.errors

    with suppress(docker.errors.DockerException, OSError):
        container.kill()


def _remove(container: Any, write: Write) -> None:
    """Remove a container with its volumes, asking an engine that is busy with it again."""
    import docker.errors

    for pause in (0, 0.5, 1, 2):
        time.sleep(pause)
        try:
            container.remove(force=True, v=True)
        except docker.errors.NotFound:
            return
        except (docker.errors.DockerException, OSError) as error:
            problem = explain(error)
        else:
            return
    write(f"the container {container.short_id} is left over ({problem}): remove it by hand")
