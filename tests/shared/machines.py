"""Machines for `make doctor` to look at."""

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.doctor import examining
from kfp_workbench.doctor.condition import Condition
from kfp_workbench.project import settings

HERE = "this-machine"
DOCKER = {
    "ServerVersion": "20.10.24",
    "OSType": "linux",
    "Architecture": "x86_64",
    "OperatingSystem": "Debian GNU/Linux 12",
    "Name": HERE,
    "SecurityOptions": ["name=seccomp,profile=default"],
    "ClientInfo": {"Plugins": []},
}
PODMAN = {
    "host": {"os": "linux", "arch": "amd64", "hostname": HERE, "security": {"rootless": True}},
    "store": {"graphRoot": "/nowhere"},
    "version": {"Version": "4.3.1"},
}
SAYS = {
    "docker": "Docker version 20.10.24+dfsg1, build 297e128",
    "docker-28": "Docker version 28.2.2, build e6534b4",
    "podman": "podman version 4.3.1",
    "buildah": "buildah version 1.28.2 (image-spec 1.1.0-rc2, runtime-spec 1.0.2-dev)",
    "nerdctl": "nerdctl version 1.7.7",
}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Machine:
    """A machine with what a test puts on it."""

    def __init__(self, folder: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin, self.project, self.monkeypatch = folder / "bin", project, monkeypatch
        self.bin.mkdir()
        self.environ: dict[str, str] = {}
        nobody = f"localhost:{free_port()}"
        self.set(KFP_HOST=f"http://{nobody}", REGISTRY=f"{nobody}/team", PATH=str(self.bin))

    def set(self, **environ: str) -> None:
        """Set environment variables."""
        self.environ.update(environ)
        for name, value in environ.items():
            self.monkeypatch.setenv(name, value)

    def engine(
        self,
        info: Any = None,
        says: str = "docker",
        *,
        name: str = "docker",
        error: str = "",
        seconds: float = 0,
    ) -> None:
        """Put an engine's command on PATH; it answers to what the doctor asks, alone."""
        text = info if isinstance(info, str) else json.dumps(info or DOCKER)
        info_words = "info" if says == "buildah" else "info --format {{json .}}"
        folder = self.bin.parent
        (folder / f"{name}.out").write_text(text)
        (folder / f"{name}.err").write_text(error)
        script = self.bin / name
        script.write_text(
            "#!/bin/sh\n"
            f"[ {seconds} = 0 ] || exec /bin/sleep {seconds}\n"
            f"[ \"$*\" = --version ] && echo '{SAYS[says]}' && exit\n"
            f"[ \"$*\" = '{info_words}' ] || exit 9\n"
            f"/bin/cat '{folder}/{name}.out'; /bin/cat '{folder}/{name}.err' >&2\n"
            f"[ ! -s '{folder}/{name}.err' ]\n"
        )
        script.chmod(0o755)

    def command(self, name: str) -> None:
        """Put one of the real machine's commands on PATH."""
        (self.bin / name).symlink_to(shutil.which(name, path="/usr/local/bin:/usr/bin:/bin") or "")

    def look(self) -> dict[str, Condition]:
        """Return the findings by what they are about."""
        found = examining.examine(settings.load(self.project, self.environ), self.project)
        assert len({finding.what for finding in found}) == len(found)
        assert all("\n" not in finding.text for finding in found)
        return {finding.what: finding for finding in found}


def is_(finding: Condition, level: str, *parts: str) -> bool:
    assert finding.level == level, finding
    for part in parts:
        assert part in finding.text, finding
    return True
