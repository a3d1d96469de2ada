"""Asks a container engine what it is; one that does not answer is told with its cure."""

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench.doctor import machine
from kfp_workbench.doctor.machine import call
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.names import shown

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i386": "386"}
PODMAN = ("podman", "buildah")


class Engine(NamedTuple):
    """An engine that answered."""

    kind: str  # docker, podman, buildah or nerdctl, whatever its command is called
    client: str  # the version of its command line
    version: str
    os: str
    architecture: str  # in an image's words: amd64, arm64
    traits: Sequence[str]  # rootless, Docker Desktop
    host: str  # the name of the machine that it runs on
    folder: str  # where it keeps images, on that machine
    plugins: Sequence[str]  # of its command line

    @property
    def is_local(self) -> bool:
        """Tell whether it runs on this machine, not in a virtual one or elsewhere."""
        return self.host == platform.node()


def ask(command: str) -> Engine:
    """Return what an engine says of itself; raises WorkbenchError (1) when it does not answer."""
    words = shlex.split(command)
    try:
        said = call([*words, "--version"]).stdout
        kind, client = (*said.replace(" version", "").split(), "", "")[:2]
        kind = kind.lower()
        # buildah has no such format, and answers in JSON without it.
        options = [] if kind == "buildah" else ["--format", "{{json .}}"]
        answer = call([*words, "info", *options])
    except FileNotFoundError:
        raise WorkbenchError(f"{shown(words[0])} is not installed: {_install(words[0])}") from None
    except OSError as error:
        raise WorkbenchError(
            f"cannot call {shown(words[0])} ({error.strerror}): correct DOCKER={command}"
        ) from None
    except subprocess.TimeoutExpired:
        raise WorkbenchError(
            f"{shown(command)} does not answer within {machine.CALL_SECONDS:.0f} s: restart the engine"
        ) from None
    try:
        info = json.loads(answer.stdout)
        read = _read_podman if "host" in info else _read_docker
        return read(info, kind, client.strip(","))
    except (ValueError, TypeError, KeyError, AttributeError):
        errors = _server_errors(answer.stdout)
        raise WorkbenchError(_fault(f"{errors}\n{answer.stderr}".strip(), command)) from None


def _read_docker(info: Mapping[str, Any], kind: str, client: str) -> Engine:
    """Read what docker or nerdctl says; without an engine behind it raises ValueError."""
    if not info["ServerVersion"]:
        raise ValueError
    traits = ["Docker Desktop"] if "Docker Desktop" in info.get("OperatingSystem", "") else []
    if any("rootless" in option for option in info.get("SecurityOptions") or []):
        traits.append("rootless")
    plugins = (info.get("ClientInfo") or {}).get("Plugins") or []
    return Engine(
        kind=kind if kind == "nerdctl" else "docker",
        client=client,
        version=info["ServerVersion"],
        os=info["OSType"],
        architecture=ARCHITECTURES.get(info["Architecture"], info["Architecture"]),
        traits=traits,
        host=info.get("Name", ""),
        folder=info.get("DockerRootDir") or "",
        plugins=[plugin.get("Name") for plugin in plugins],
    )


def _read_podman(info: Mapping[str, Any], kind: str, client: str) -> Engine:
    """Read what podman or buildah says."""
    host = info["host"]
    version = (info.get("version") or {}).get("Version")
    rootless = host.get("rootless") or host.get("security", {}).get("rootless")
    return Engine(
        kind="podman" if version else "buildah",
        client=client,
        version=version or client,
        os=host["os"],
        architecture=ARCHITECTURES.get(host["arch"], host["arch"]),
        traits=["rootless"] if rootless else [],
        host=host.get("hostname", ""),
        folder=info.get("store", {}).get("graphRoot") or info.get("store", {}).get("GraphRoot", ""),
        plugins=[],
    )


def _server_errors(text: str) -> str:
    """Return the errors that docker's command line puts into its JSON."""
    try:
        return "\n".join(json.loads(text)["ServerErrors"])
    except (ValueError, KeyError, TypeError):
        return ""


def _fault(said: str, command: str) -> str:
    """Return what an engine's last words mean, with the cure."""
    name = "podman" if is_called(command, PODMAN) else Path(shlex.split(command)[-1]).name
    variable = "CONTAINER_HOST" if name in PODMAN else "DOCKER_HOST"
    address = re.sub("//[^/@]*@", "//", os.environ.get(variable, ""))
    place = f"{variable}={address}"
    start = f"start it there, or unset {variable}" if address else _start(name)
    meanings = {
        "password is required|terminal is required|askpass": "sudo asks for a password: sudo -v, "
        "then try again",
        "command not found": f"{shown(name)} is not installed: {_install(name)}",
        "permission denied.*(socket|unix:)": "you may not use the engine's socket: sudo usermod -aG docker $USER, "
        "then log in anew",
        "context .*not (found|exist)": "docker's context is not there: docker context ls, then use "
        "one of them",
        "no such host|bind address|docker endpoint|parse docker host": f"{place} is no engine's "
        "address: correct or unset it",
        "connect|cannot access": f"no engine answers{f' at {place}' if address else ''}: {start}",
    }
    for pattern, meaning in meanings.items():
        if re.search(pattern, said, re.I):
            return meaning
    last = (said.splitlines() or ["nothing"])[-1][:300]
    return f"`{command} info` is not answered as an engine does ({last}): correct DOCKER"


def _start(name: str) -> str:
    """Return how to start an engine."""
    if sys.platform == "darwin":
        return "podman machine start" if name == "podman" else "start Docker Desktop, or colima"
    if name in PODMAN:
        return "systemctl --user start podman.socket"
    return "sudo systemctl start docker (in WSL: start Docker Desktop)"


def _install(name: str) -> str:
    """Return how to get an engine: another one may be here."""
    others = [other for other in ("docker", "podman") if other != name and shutil.which(other)]
    if others:
        return f"DOCKER={others[0]} is here, set that"
    return "get docker (https://docs.docker.com/engine/install) or podman, then set DOCKER="


def is_called(command: str, names: Sequence[str]) -> bool:
    """Tell whether a command line calls one of these programs."""
    return any(Path(word).name.startswith(tuple(names)) for word in shlex.split(command))
