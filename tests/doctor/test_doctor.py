"""`make doctor`: what it finds of Python, git and disks, and all of it together."""

import importlib.metadata
import importlib.util
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kfp_workbench.doctor import examining, registry
from kfp_workbench.doctor import machine as machine_checks
from kfp_workbench.doctor.condition import Condition
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import engines
from servers.kfp_server import KfpServer, kfp_server
from shared.baking import bake, make
from shared.machines import DOCKER, Machine, free_port, is_

GB = 1024**3


# Python, git, disks


def test_python(machine: Machine) -> None:
    patch = machine.monkeypatch
    assert is_(machine.look()["python"], "ok", f"{sys.version.split()[0]}, with venv and pip")
    real = importlib.util.find_spec
    with patch.context() as inner:
        inner.setattr(importlib.util, "find_spec", lambda n: None if n == "ensurepip" else real(n))
        found = machine.look()["python"]
    minor = ".".join(map(str, sys.version_info[:2]))
    assert is_(found, "warn", "has no ensurepip", f": apt-get install python{minor}-venv")
    with patch.context() as inner:
        inner.setattr(machine_checks, "OLDEST", (3, 99))
        found = machine.look()["python"]
    assert is_(found, "FAIL", "is older than 3.99: make clean ALL=1, then make setup PYTHON=")


def test_git(machine: Machine, project: Path) -> None:
    machine.project = project
    assert is_(machine.look()["git"], "warn", "not found", "install it")
    machine.command("git")
    assert is_(machine.look()["git"], "warn", "no commit here", ": git init, then git commit")
    for words in (["init", "-q"], ["add", "README.md"], ["commit", "-qm", "x"]):
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@y", *words]
        subprocess.run(command, cwd=project, check=True)
    assert is_(machine.look()["git"], "ok", "at ")


@pytest.mark.parametrize(
    ("free", "build", "images"),
    [
        (100 * GB, "ok", "ok"),
        (2 * GB, "ok", "warn"),
        (GB // 2 + GB // 4, "warn", "warn"),
        (GB // 4, "warn", "FAIL"),
        (GB // 16, "FAIL", "FAIL"),
    ],
)
def test_disks(machine: Machine, tmp_path: Path, free: int, build: str, images: str) -> None:
    machine.engine({**DOCKER, "DockerRootDir": str(tmp_path)})
    usage = SimpleNamespace(free=free)
    machine.monkeypatch.setattr(
        "kfp_workbench.doctor.machine.shutil.disk_usage", lambda folder: usage
    )
    found = machine.look()
    assert is_(found["disk"], build, f"{free / GB:.1f} GB free for build/")
    assert is_(found["images"], images, f"GB free for images in {tmp_path}")
    assert ("make clean" in found["disk"].text) == (build != "ok")
    assert ("remove old images" in found["images"].text) == (images != "ok")


def test_the_disk_of_another_machine_is_not_looked_at(machine: Machine, tmp_path: Path) -> None:
    machine.engine({**DOCKER, "DockerRootDir": str(tmp_path), "Name": "docker-desktop"})
    assert "images" not in machine.look()


def test_a_folder_that_cannot_be_written(machine: Machine) -> None:
    machine.monkeypatch.setattr(
        "kfp_workbench.doctor.machine.os.access", lambda folder, mode: False
    )
    assert is_(machine.look()["disk"], "FAIL", "cannot be written: chown it, or remount its disk")


# All of it


def test_whatever_hangs_is_said_in_time(machine: Machine) -> None:
    machine.monkeypatch.setattr(examining, "SECONDS", 1.0)
    machine.monkeypatch.setattr(engines, "connect", lambda command: time.sleep(30))
    machine.engine(seconds=30)
    with kfp_server() as server, socket.socket() as silent:
        server.fail("silent")
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        host = f"localhost:{silent.getsockname()[1]}"
        machine.set(KFP_HOST=server.url, REGISTRY=f"{host}/team")
        began = time.monotonic()
        found = machine.look()
        assert time.monotonic() - began < 3
    late = "no answer within 1 s: "
    assert is_(found["engine"], "FAIL", f"{late}restart it, or check DOCKER=docker")
    assert is_(found["registry"], "FAIL", f"{late}check REGISTRY={host}/team")
    assert is_(found["KFP"], "FAIL", f"{late}check KFP_HOST={server.url}")
    machine.engine()
    assert is_(machine.look()["local"], "warn", f"{late}the engine's socket hangs, use RUNNER=pro")


def test_a_check_that_breaks_hides_no_other(machine: Machine) -> None:
    def fail(root: Path) -> list[Condition]:
        raise RuntimeError("s3cret")

    machine.monkeypatch.setattr(machine_checks, "check_git", fail)
    machine.monkeypatch.setattr(registry, "check_registry", fail)
    found = machine.look()
    assert is_(found["git"], "warn", "cannot be checked (RuntimeError): report this")
    assert is_(found["registry"], "FAIL") and "s3cret" not in found["registry"].text
    assert found["python"].level == "ok"


@pytest.mark.parametrize(
    ("failed", "line"),
    [
        ("KFP", "make run; what works now: make local RUNNER=process, make build, make push"),
        ("registry", "make push; what works now: make local RUNNER=process, make build, make run"),
        ("engine", "make build, make push; what works now: make local RUNNER=process, make run"),
        ("platform", "make build, make push; what works now: make local RUNNER=process, make run"),
        ("images", "make build, make push; what works now: make local RUNNER=process, make run"),
        ("python", "make local, make run; what works now: make build, make push"),
        ("disk", "make local, make build, make push, make run; mend what is marked FAIL"),
    ],
)
def test_the_last_line_says_what_works(
    capsys: pytest.CaptureFixture[str], failed: str, line: str
) -> None:
    with pytest.raises(WorkbenchError) as caught:
        examining.report([Condition("ok", "git", "x"), Condition("FAIL", failed, "y: do z")])
    assert caught.value.status == 1 and str(caught.value) == f"not working yet: {line}"
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == ["ok    git       x", f"FAIL  {failed:<8}  y: do z"]


def test_warnings_do_not_fail(capsys: pytest.CaptureFixture[str]) -> None:
    examining.report(
        [Condition("warn", "disk", "x"), Condition("warn", "KFP", "evil\x1b[31m\r\nline")]
    )
    assert capsys.readouterr().err.splitlines() == [
        "warn  disk      x",
        "warn  KFP       evil\\x1b[31m line",
        "all of it works: make local RUNNER=process, make build, make push, make run",
    ]


def test_make_doctor(default: Path, tmp_path: Path) -> None:
    """On a machine with nothing, as a trainee has it, and with a setting that would change colours."""
    port = free_port()
    env = {"DOCKER": "no-such\x1b[31m-engine", "REGISTRY": f"localhost:{port}/team"}
    result = make(default, "doctor", env={**env, "KFP_HOST": f"http://localhost:{port}"})
    assert result.returncode != 0 and result.stdout == ""
    *findings, last = [line for line in result.stderr.splitlines() if not line.startswith("make")]
    assert [line[:16].split() for line in findings] == [
        *(["ok", "python"], ["warn", "git"], ["ok", "disk"]),
        *(["FAIL", "engine"], ["FAIL", "registry"], ["FAIL", "KFP"]),
    ]
    assert last == (
        "error: not working yet: make build, make push, make run; "
        "what works now: make local RUNNER=process"
    )
    assert "\x1b" not in result.stderr and "'no-such\\x1b[31m-engine' is not inst" in result.stderr


def test_a_command_line_that_is_none(default: Path) -> None:
    result = make(default, "doctor", env={"DOCKER": "docker '"})
    assert result.returncode != 0
    assert 'error: DOCKER: "docker \'" is no command line (No closing quotation)' in result.stderr


def test_nothing_heavy_is_loaded(default: Path) -> None:
    code = "import sys, kfp_workbench.doctor.examining; print([n for n in ('kfp', 'kfp_server_api') if n in sys.modules])"
    printed = subprocess.run(
        [sys.executable, "-B", "-c", code], cwd=default, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["docker", "podman", "buildah"])
def test_with_a_real_engine_and_registry(
    tmp_path: Path,
    client: Any,
    registry: str,
    server: KfpServer,
    command: str,
) -> None:
    if command != "docker" and os.environ.get("TEST_PODMAN") != "1":
        pytest.skip("podman is not set up: set TEST_PODMAN=1")
    project = bake(tmp_path, registry=f"{registry}/team", kfp_host=server.url)
    result = make(project, "doctor", env={"DOCKER": command})
    assert result.returncode == 0, result.stderr
    lines = {line[6:14].strip(): line for line in result.stderr.splitlines()}
    version = subprocess.run([command, "--version"], capture_output=True, text=True).stdout
    assert lines["engine"].startswith(f"ok    engine    {command} ")
    assert command == "docker" or version.split()[2] in lines["engine"]
    assert lines["platform"].endswith("linux/amd64, the engine's own")
    assert "GB free for images in /" in lines["images"]
    assert lines["registry"].startswith(f"ok    registry  {registry} answers")
    assert result.stderr.splitlines()[-1].startswith("all of it works: make local RUNNER=process")
