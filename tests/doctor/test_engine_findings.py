"""What `make doctor` finds of engines, platforms and registries, with engines that are scripts."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.doctor import engine
from kfp_workbench.doctor import machine as machine_checks
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import engines
from servers.registry import serve
from shared.machines import DOCKER, HERE, PODMAN, Machine, is_

BUILDAH = {"host": {"os": "linux", "arch": "arm64", "hostname": HERE, "rootless": False}}
BUILDX = {"ClientInfo": {"Plugins": [{"Name": "buildx"}]}}


# Engines


@pytest.mark.parametrize(
    ("says", "info", "environ", "text"),
    [
        ("docker", {}, {}, "docker 20.10.24 (linux/amd64), classic builder"),
        ("docker", BUILDX, {}, "docker 20.10.24 (linux/amd64), classic builder"),
        ("docker", {}, {"DOCKER_BUILDKIT": "1"}, "docker 20.10.24 (linux/amd64), BuildKit"),
        ("docker-28", BUILDX, {}, "docker 20.10.24 (linux/amd64), BuildKit"),
        ("docker-28", BUILDX, {"DOCKER_BUILDKIT": "0"}, "(linux/amd64), classic builder"),
        ("docker-28", {}, {}, "docker 20.10.24 (linux/amd64), classic builder"),
        (
            *("docker", {"SecurityOptions": ["name=rootless"]}, {}),
            "docker 20.10.24 (linux/amd64), rootless, classic builder",
        ),
        (
            *("docker", {"OperatingSystem": "Docker Desktop", "Architecture": "aarch64"}, {}),
            "docker 20.10.24 (linux/arm64), Docker Desktop, classic builder",
        ),
        ("nerdctl", {}, {}, "nerdctl 20.10.24 (linux/amd64), builds with BuildKit"),
    ],
)
def test_docker_of_all_kinds(
    machine: Machine, says: str, info: Any, environ: dict[str, str], text: str
) -> None:
    machine.engine({**DOCKER, **info}, says)
    machine.set(**environ)
    assert is_(machine.look()["engine"], "ok", text)


def test_buildkit_is_wanted_and_not_there(machine: Machine) -> None:
    machine.engine(says="docker-28")
    machine.set(DOCKER_BUILDKIT="1")
    found = machine.look()["engine"]
    assert is_(found, "FAIL", "install docker-buildx-plugin, or unset DOCKER_BUILDKIT")


def test_podman_and_buildah(machine: Machine) -> None:
    machine.engine(PODMAN, "podman", name="podman")
    machine.set(DOCKER="podman")
    text = "podman 4.3.1 (linux/amd64), rootless, builds with buildah"
    assert is_(machine.look()["engine"], "ok", text)
    machine.engine(BUILDAH, "buildah", name="buildah")
    machine.set(DOCKER="buildah", PLATFORM="linux/arm64")
    assert is_(machine.look()["engine"], "ok", "buildah 1.28.2 (linux/arm64), builds with buildah")


def test_podman_that_is_called_docker(machine: Machine) -> None:
    machine.engine(PODMAN, "podman")
    text = "podman 4.3.1 (linux/amd64), rootless, called 'docker': set DOCKER=podman"
    assert is_(machine.look()["engine"], "warn", text)


def test_a_command_of_several_words(machine: Machine) -> None:
    machine.engine()
    (machine.bin / "as root").write_text('#!/bin/sh\nexec "$@"\n')
    (machine.bin / "as root").chmod(0o755)
    machine.set(DOCKER="'as root' docker")
    assert is_(machine.look()["engine"], "ok", "docker 20.10.24")


@pytest.mark.parametrize(
    ("error", "environ", "text"),
    [
        (
            "Got permission denied while trying to connect to the Docker daemon socket at unix:///x",
            {},
            "you may not use the engine's socket: sudo usermod -aG docker $USER, then log in anew",
        ),
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?",
            {},
            "no engine answers: sudo systemctl start docker (in WSL: start Docker Desktop)",
        ),
        (
            "Cannot connect to the Docker daemon at tcp://me:s3cret@a:1. Is it running?",
            {"DOCKER_HOST": "tcp://me:s3cret@a:1"},
            "no engine answers at DOCKER_HOST=tcp://a:1: start it there, or unset DOCKER_HOST",
        ),
        (
            "error during connect: Get x: dial tcp: lookup a on 10.0.0.1:53: no such host",
            {"DOCKER_HOST": "tcp://a:1"},
            "DOCKER_HOST=tcp://a:1 is no engine's address: correct or unset it",
        ),
        (
            "unable to resolve docker endpoint: Invalid bind address format: http://x",
            {"DOCKER_HOST": "http://x"},
            "DOCKER_HOST=http://x is no engine's address: correct or unset it",
        ),
        (
            'Failed to initialize: unable to resolve docker endpoint: context "a": context not found',
            {},
            "docker's context is not there: docker context ls",
        ),
        ("sudo: a password is required", {}, "sudo asks for a password: sudo -v, then try again"),
        ("sudo: docker: command not found", {}, "'docker' is not installed: get docker (https://"),
        (
            "one line\nsomething new",
            {},
            "`docker info` is not answered as an engine does (something new): correct DOCKER",
        ),
    ],
)
def test_an_engine_that_does_not_answer(
    machine: Machine, error: str, environ: dict[str, str], text: str
) -> None:
    machine.set(**environ)
    for info in ({**DOCKER, "ServerVersion": ""}, {"ServerErrors": error.splitlines()}, "<html>"):
        machine.engine(info, error="" if "ServerErrors" in info else error)
        found = machine.look()
        assert is_(found["engine"], "FAIL", text)
        assert "s3cret" not in found["engine"].text
        assert not {"platform", "images", "local"} & set(found), "one line for one fault"


def test_podman_that_does_not_answer(machine: Machine) -> None:
    error = "Cannot connect to Podman. Please verify your connection to the Linux system"
    machine.engine("", "podman", name="podman", error=error)
    machine.set(DOCKER="podman")
    found = machine.look()["engine"]
    assert is_(found, "FAIL", "no engine answers: systemctl --user start podman.socket")
    machine.set(CONTAINER_HOST="unix:///x")
    found = machine.look()["engine"]
    assert is_(found, "FAIL", "at CONTAINER_HOST=unix:///x: start it there, or unset CONTAINER_HO")


def test_on_a_mac(machine: Machine) -> None:
    machine.monkeypatch.setattr("kfp_workbench.doctor.machine.sys.platform", "darwin")
    machine.engine("", error="Cannot connect to the Docker daemon")
    assert is_(machine.look()["engine"], "FAIL", "no engine answers: start Docker Desktop")
    machine.engine("", "podman", name="podman", error="Cannot connect to Podman")
    machine.set(DOCKER="podman")
    assert is_(machine.look()["engine"], "FAIL", "no engine answers: podman machine start")


def test_a_command_that_is_not_there(machine: Machine) -> None:
    found = machine.look()["engine"]
    assert is_(found, "FAIL", "'docker' is not installed: get docker (https://docs.docker.com")
    machine.engine(name="podman")
    found = machine.look()["engine"]
    assert is_(found, "FAIL", "'docker' is not installed: DOCKER=podman is here, set that")
    (machine.bin / "docker").write_text("no script\n")
    (machine.bin / "docker").chmod(0o755)
    assert is_(machine.look()["engine"], "FAIL", "cannot call 'docker' (Exec format error)")


def test_what_is_no_engine(machine: Machine) -> None:
    machine.command("true")
    machine.set(DOCKER="true")
    assert is_(machine.look()["engine"], "FAIL", "`true info` is not answered", "correct DOCKER")


def test_an_engine_that_hangs(machine: Machine) -> None:
    machine.monkeypatch.setattr(machine_checks, "CALL_SECONDS", 0.3)
    machine.engine(seconds=60)
    text = "'docker' does not answer within 0 s: restart the engine"
    assert is_(machine.look()["engine"], "FAIL", text)


def test_a_socket_for_containers(machine: Machine) -> None:
    def refuse(command: str) -> None:
        raise WorkbenchError("no container engine answers (no such file): start one, or so")

    machine.engine()
    assert is_(machine.look()["local"], "ok", "make local RUNNER=docker reaches the engine")
    machine.monkeypatch.setattr(engines, "connect", refuse)
    found = machine.look()["local"]
    assert is_(found, "warn", "engine's socket (no such file): set DOCKER_HOST, or use RUNNER=proc")
    machine.engine(PODMAN, "podman", name="podman")
    machine.set(DOCKER="podman")
    assert is_(machine.look()["local"], "warn", ": systemctl --user start podman.socket, or use")


# Platforms


def binfmt(machine: Machine, text: str) -> None:
    engine.BINFMT.mkdir(exist_ok=True)
    (engine.BINFMT / "qemu-aarch64").write_text(text)


@pytest.mark.parametrize(
    ("wanted", "info", "level", "text"),
    [
        ("linux/amd64", {}, "ok", "linux/amd64, the engine's own"),
        ("linux/amd64/v2", {}, "ok", "linux/amd64/v2, the engine's own"),
        ("linux/386", {}, "ok", "linux/386, the engine's own"),
        (
            *("linux/arm64", {}, "FAIL"),
            "linux/arm64 cannot be built on a linux/amd64 engine: docker run --privileged --rm "
            "tonistiigi/binfmt --install arm64, or set PLATFORM=linux/amd64 if your cluster has it",
        ),
        (
            *("linux/arm64", {"Name": "docker-desktop"}, "warn"),
            "is emulated, if it can: builds are slow; set PLATFORM=linux/amd64 if",
        ),
        (
            *("linux/amd64", {"OSType": "windows"}, "FAIL"),
            "linux/amd64 on a windows/amd64 engine: set PLATFORM=windows/amd64",
        ),
    ],
)
def test_platforms(machine: Machine, wanted: str, info: Any, level: str, text: str) -> None:
    machine.engine({**DOCKER, **info})
    machine.set(PLATFORM=wanted)
    assert is_(machine.look()["platform"], level, text)


def test_emulation_that_is_there(machine: Machine) -> None:
    machine.engine()
    machine.set(PLATFORM="linux/arm64")
    binfmt(machine, "enabled\ninterpreter /usr/bin/qemu-aarch64\nflags: POCF\n")
    found = machine.look()["platform"]
    assert is_(found, "warn", "linux/arm64 is emulated on a linux/amd64 engine: builds are slow")
    for text in ("disabled\nflags: F\n", "enabled\nflags: OC\n"):
        binfmt(machine, text)
        assert machine.look()["platform"].level == "FAIL", "of no use in a container"


def test_emulation_with_podman(machine: Machine) -> None:
    machine.engine(PODMAN, "podman", name="podman")
    machine.set(DOCKER="podman", PLATFORM="linux/arm64")
    cure = "sudo podman run --privileged --rm docker.io/tonistiigi/binfmt --install arm64"
    assert is_(machine.look()["platform"], "FAIL", cure)


# Registries


def test_a_registry_that_answers(machine: Machine) -> None:
    with serve() as server:
        machine.set(REGISTRY=f"{server.host}/team")
        text = f"{server.host} answers, without a login; a cluster elsewhere cannot pull from it"
        assert is_(machine.look()["registry"], "ok", text)


def test_no_registry(machine: Machine) -> None:
    host = machine.environ["REGISTRY"].removesuffix("/team")
    cure = f"or start one: docker run -d -p {host.rpartition(':')[2]}:5000 registry:2"
    text = f"{host}: no registry answers there ("
    assert is_(machine.look()["registry"], "FAIL", text, cure)


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_a_login(machine: Machine, tmp_path: Path, auth: str) -> None:
    """A token that is for anybody, as Docker Hub gives it, does not do for pushing."""
    with serve(auth=auth) as server:
        machine.set(REGISTRY=f"{server.host}/team", DOCKER_CONFIG=str(tmp_path))
        found = machine.look()["registry"]
        assert is_(found, "FAIL", f"docker login {server.host}")
        for password, level, text in (
            (
                "wr0ng-word",
                "FAIL",
                f"refuses the login that is stored (401): docker login {server.host}",
            ),
            ("s3cret-word", "ok", f"{server.host} answers, the login is good; a cluster"),
        ):
            pair = base64.b64encode(f"somebody:{password}".encode()).decode()
            config = {"auths": {server.host: {"auth": pair}}}
            (tmp_path / "config.json").write_text(json.dumps(config))
            found = machine.look()["registry"]
            assert is_(found, level, text) and password not in found.text
