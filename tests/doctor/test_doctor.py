"""`make doctor`: each finding with its cure, with engines that are scripts and servers of our own."""

import base64
import importlib.metadata
import importlib.util
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kfp_workbench.cluster.server import Health
from kfp_workbench.doctor import endpoint, engine, examining, registry
from kfp_workbench.doctor import machine as machine_checks
from kfp_workbench.doctor.condition import Condition
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import engines
from kfp_workbench.project import settings
from servers.kfp_server import KfpServer, kfp_server
from servers.kubeflow_server import PASSWORD, USER, kubeflow
from servers.registry import serve
from shared.baking import bake, make

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
BUILDAH = {"host": {"os": "linux", "arch": "arm64", "hostname": HERE, "rootless": False}}
BUILDX = {"ClientInfo": {"Plugins": [{"Name": "buildx"}]}}
SAYS = {
    "docker": "Docker version 20.10.24+dfsg1, build 297e128",
    "docker-28": "Docker version 28.2.2, build e6534b4",
    "podman": "podman version 4.3.1",
    "buildah": "buildah version 1.28.2 (image-spec 1.1.0-rc2, runtime-spec 1.0.2-dev)",
    "nerdctl": "nerdctl version 1.7.7",
}
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
GB = 1024**3


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


@pytest.fixture
def machine(tmp_path: Path, default: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    ours = [name for name in os.environ if name.startswith(("DOCKER_", "CONTAINER", "KFP_"))]
    for name in (*ours, "DOCKER", "PLATFORM", "REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("kfp_workbench.doctor.machine.platform.node", lambda: HERE)
    monkeypatch.setattr("kfp_workbench.doctor.machine.sys.platform", "linux")
    monkeypatch.setattr(engine, "BINFMT", tmp_path / "binfmt")
    monkeypatch.setattr(engines, "connect", lambda command: None)
    return Machine(tmp_path, default, monkeypatch)


def is_(finding: Condition, level: str, *parts: str) -> bool:
    assert finding.level == level, finding
    for part in parts:
        assert part in finding.text, finding
    return True


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


# KFP


@pytest.fixture
def server() -> Iterator[KfpServer]:
    with kfp_server() as running:
        yield running


def sdk() -> str:
    return importlib.metadata.version("kfp")


def test_versions_of_kfp(machine: Machine, server: KfpServer) -> None:
    machine.set(KFP_HOST=server.url)
    minor = ".".join(sdk().split(".")[:2])
    for version in (sdk(), f"v{minor}.99"):
        server.version = version
        text = f"{server.url} has KFP '{version}', the SDK is {sdk()}"
        assert is_(machine.look()["KFP"], "ok", text)
    for version in ("1.8.5", f"{minor}9.0", "2.0.5"):
        server.version = version
        cure = f"set kfp=={'.'.join(version.split('.')[:2])}.* in requirements-dev.in"
        assert is_(machine.look()["KFP"], "warn", f"has KFP '{version}'", cure)
    server.version = ""
    assert is_(machine.look()["KFP"], "ok", "answers, but not its version")
    assert {request.method for request in server.requests} == {"GET"}, "nothing was made"


def test_no_kfp(machine: Machine) -> None:
    host = machine.environ["KFP_HOST"]
    forward = f"kubectl port-forward -n kubeflow svc/ml-pipeline-ui {host.rpartition(':')[2]}:80"
    text = f"{host}: no server answers there: connect your cluster ({forward}), or set KFP_HOST"
    assert is_(machine.look()["KFP"], "FAIL", text)


@pytest.mark.parametrize("at", ["healthz", "experiments"])
@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("401", "asks for a login (401): set KFP_TOKEN, or KFP_USERNAME and KFP_PASSWORD"),
        ("403", "ask for access, or set KFP_TOKEN"),
        ("500", "the server failed (500: the server says 500)"),
        ("redirect", "redirects (302), as a login page does: set KFP_TOKEN"),
    ],
)
def test_a_kfp_that_refuses(
    machine: Machine, server: KfpServer, at: str, fault: str, text: str
) -> None:
    machine.set(KFP_HOST=server.url)
    server.fail(fault, at)
    what = "sign-in" if fault in ("401", "redirect") else "KFP"
    assert is_(machine.look()[what], "FAIL", text)


def test_what_is_no_kfp(machine: Machine, server: KfpServer) -> None:
    machine.set(KFP_HOST=server.url)
    server.fail("html")
    assert is_(machine.look()["KFP"], "FAIL", "is no KFP endpoint: set KFP_HOST")


def test_the_token(machine: Machine) -> None:
    with kfp_server(token="s3cret-token") as server:
        machine.set(KFP_HOST=server.url, KFP_TOKEN="s3cret-token\n")
        found = machine.look()
        assert is_(found["KFP"], "ok", "has KFP")
        assert is_(found["sign-in"], "ok", "KFP_TOKEN is accepted")
        machine.set(KFP_TOKEN="s3cret-old")
        refused = machine.look()["sign-in"]
        assert is_(refused, "FAIL", "sign in anew, KFP_TOKEN is refused")
        machine.set(KFP_TOKEN="s3cret\nold")
        broken = machine.look()["sign-in"]
        assert is_(broken, "FAIL", "KFP_TOKEN has a space or a character that no token has")
        assert "s3cret" not in refused.text + broken.text


def test_signing_in_to_dex(machine: Machine, server: KfpServer) -> None:
    with kubeflow(backend=server.url) as gateway:
        machine.set(KFP_HOST=gateway.url, KFP_USERNAME=USER, KFP_PASSWORD=PASSWORD)
        found = machine.look()
        assert is_(found["KFP"], "ok", f"{gateway.url} has KFP")
        assert is_(found["sign-in"], "ok", f"KFP_USERNAME ({USER}, by Dex) is accepted")
        machine.set(KFP_PASSWORD="s3cret")
        wrong = machine.look()
        assert is_(wrong["sign-in"], "FAIL", f"refuses the password of '{USER}': check KFP_USER")
        assert "s3cret" not in wrong["sign-in"].text and "KFP" not in wrong
        machine.set(KFP_TOKEN="t")
        assert is_(machine.look()["sign-in"], "FAIL", "KFP_TOKEN and KFP_USERNAME are set")


def test_no_sign_in(machine: Machine, server: KfpServer) -> None:
    machine.set(KFP_HOST=server.url)
    assert is_(machine.look()["sign-in"], "ok", "none is set, and none is asked for")


def test_a_sign_in_that_cannot_be_tried(machine: Machine) -> None:
    machine.set(KFP_COOKIE="session=s3cret")
    found = machine.look()
    assert is_(found["KFP"], "FAIL", "no server answers there")
    assert is_(found["sign-in"], "ok", "KFP_COOKIE is set; whether it is good, only KFP can tell")


@pytest.mark.parametrize(
    ("host", "level"),
    [
        ("http://kfp.example.com", "warn"),
        ("http://10.0.0.1:8080", "warn"),
        ("http://[fd00::1]", "warn"),
        ("https://kfp.example.com", "ok"),
        ("http://localhost:8080", "ok"),
        ("http://[::1]:8080", "ok"),
        ("http://ml-pipeline:8888", "ok"),
        ("http://ml-pipeline.kubeflow.svc:8888", "ok"),
    ],
)
def test_a_token_that_everybody_can_read_on_its_way(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, host: str, level: str
) -> None:
    monkeypatch.setattr("kfp_workbench.cluster.server.look", lambda *_: Health("2.17.0", None))
    monkeypatch.setattr("kfp_workbench.cluster.server.check_access", lambda *_: None)
    machine.set(KFP_HOST=host, KFP_TOKEN="s3cret")
    text = f"KFP_TOKEN is accepted, but goes to {host} unencrypted: use https"
    assert is_(machine.look()["sign-in"], level, text if level == "warn" else "is accepted")


@pytest.mark.parametrize(
    ("content", "level", "text"),
    [
        (
            '{"namespace": "team-a"}',
            "warn",
            "~/.config/kfp/context.json is not read here, its namespace is 'team-a': "
            "set KFP_NAMESPACE if that is meant",
        ),
        ("{ broken", "ok", "~/.config/kfp/context.json is broken; it is not read here"),
        ("[]", "ok", "is broken"),
        ("[" * 60000, "ok", "is broken"),
        ('{"namespace": ""}', "", ""),
        (None, "", ""),
    ],
)
def test_the_memory_of_the_sdk(
    machine: Machine,
    server: KfpServer,
    tmp_path: Path,
    content: str | None,
    level: str,
    text: str,
) -> None:
    machine.set(KFP_HOST=server.url, HOME=str(tmp_path))
    if content is not None:
        context = tmp_path / ".config" / "kfp" / "context.json"
        context.parent.mkdir(parents=True)
        context.write_text(content)
    found = machine.look()
    assert found["KFP"].level == "ok" and ("context" in found) == bool(level)
    assert not level or is_(found["context"], level, text)
    machine.set(KFP_NAMESPACE="team-b")
    assert "context" not in machine.look(), "there is nothing to choose"


PROXY = {"HTTPS_PROXY": "http://me:s3cret@proxy.example.com:3128"}
BUNDLE = {"SSL_CERT_FILE": "/etc/own.pem"}


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize(
    ("host", "environ", "text", "cure"),
    [
        (
            "https://kfp.example.com",
            PROXY,
            "HTTPS_PROXY set, but KFP is asked directly",
            "let this machine reach it, or forward a port",
        ),
        (
            "https://kfp.example.com",
            {"all_proxy": "socks5://x"},
            "all_proxy set, but KFP is asked directly",
            "let this machine reach it",
        ),
        (
            "https://kfp.example.com",
            {**PROXY, **BUNDLE},
            "SSL_CERT_FILE set, but not used for KFP's certificate",
            "set KFP_CA",
        ),
        ("https://kfp.example.com", {**PROXY, "NO_PROXY": ".example.com"}, "", ""),
        ("http://kfp.example.com", {**PROXY, **BUNDLE}, "", ""),
        ("https://localhost:8443", PROXY, "", ""),
        ("https://kfp.example.com", {**BUNDLE, "KFP_CA": "ca.pem"}, "", ""),
    ],
)
def test_what_is_set_in_vain(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    is_there: bool,
    host: str,
    environ: dict[str, str],
    text: str,
    cure: str,
) -> None:
    def look(*_: object) -> Health:
        if not is_there:
            raise WorkbenchError("no server answers")
        return Health("2.17.0", None)

    names = [*PROXIES, "NO_PROXY", *endpoint.CERTIFICATES]
    for name in [name for low in names for name in (low.lower(), low.upper())]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("kfp_workbench.cluster.server.look", look)
    monkeypatch.setattr("kfp_workbench.cluster.server.check_access", lambda *_: None)
    machine.set(KFP_HOST=host, **environ)
    found = machine.look()
    assert ("unused" in found) == bool(text)
    if text:
        assert is_(found["unused"], "ok" if is_there else "warn", text)
        assert (cure in found["unused"].text) != is_there
        assert "s3cret" not in found["unused"].text


def test_a_private_ca(machine: Machine, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with kfp_server(ssl=context) as server:
        machine.set(KFP_HOST=server.url)
        assert is_(machine.look()["KFP"], "FAIL", "its certificate is not trusted", "set KFP_CA")
        machine.set(KFP_CA=str(certificate))
        assert is_(machine.look()["KFP"], "ok", "has KFP")
        machine.set(KFP_CA="nowhere.pem")
        assert is_(machine.look()["KFP"], "FAIL", "nowhere.pem: No such file or directory")


def test_namespaces(machine: Machine, server: KfpServer) -> None:
    machine.set(KFP_HOST=server.url)
    server.multi_user = True
    assert is_(machine.look()["KFP"], "FAIL", "several namespaces: set KFP_NAMESPACE to yours")
    machine.set(KFP_NAMESPACE="team-a")
    assert machine.look()["KFP"].level == "ok"
    server.multi_user = False
    text = "it has no namespaces, the namespace 'team-a' is not used"
    assert is_(machine.look()["KFP"], "ok", text)


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
    text = "evil\x1b[31m\r\nline"
    examining.report([Condition("warn", "disk", "x"), Condition("warn", "KFP", text)])
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
