"""With a container engine and a registry: images are built, pushed, run, cleared away.

Skipped, with the reason, where there is none; E2E=require makes that a failure.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from kfp_workbench.local.containers import ContainerRunner
from shared.baking import bake, compiled, environment, make
from shared.jobs import job, run
from shared.needs import need

BASE_IMAGE = "python:3.12-slim"


@pytest.fixture(scope="session")
def pushed(tmp_path_factory: pytest.TempPathFactory, client: Any, registry: str) -> Path:
    """Return a project whose images were built and pushed, two at a time."""
    project = bake(
        tmp_path_factory.mktemp("engine"), registry=f"{registry}/team/{uuid.uuid4().hex}"
    )
    make_unique(project)
    result = make(project, "-j2", "build", "push", "compile")
    assert result.returncode == 0, result.stderr
    return project


def make_unique(project: Path) -> None:
    """Give a project's images content of their own, so that no registry has them yet."""
    shared = project / "common" / "step.py"
    shared.write_text(f"{shared.read_text()}\n# {uuid.uuid4()}\n")


def references(project: Path) -> dict[str, str]:
    """Return the image of each step in the compiled pipeline."""
    executors = compiled(project)["deploymentSpec"]["executors"]
    return {
        name.removeprefix("exec-"): executor["container"]["image"]
        for name, executor in executors.items()
    }


def containers(client: Any, *runs: str) -> list[str]:
    """Return the ids of what the engine has of these runs; other tests have containers, too."""
    labels = [f"pipeline.run={run}" for run in runs]
    assert labels, "no run"
    found = [client.api.containers(all=True, filters={"label": label}) for label in labels]
    return [container["Id"] for of_run in found for container in of_run]


def runs_of(project: Path) -> list[str]:
    """Return the ids of a project's local runs."""
    return [folder.name for folder in (project / "build" / "local").iterdir() if folder.is_dir()]


def test_the_registry_holds_what_the_compiled_pipeline_names(pushed: Path, registry: str) -> None:
    for step, image in references(pushed).items():
        name, _, digest = image.removeprefix(f"{registry}/").partition("@")
        assert name.startswith("team/") and name.endswith(f"/{step}")
        url = f"http://{registry}/v2/{name}"
        (tag,) = requests.get(f"{url}/tags/list", timeout=10).json()["tags"]
        assert re.fullmatch("[0-9a-f]{16}", tag), "one explicit tag, never latest"
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        for name_of_it in (tag, digest):
            answer = requests.get(
                f"{url}/manifests/{name_of_it}", headers={"Accept": kind}, timeout=10
            )
            assert answer.headers["Docker-Content-Digest"] == digest


def test_a_manifest_names_the_pushed_images(pushed: Path) -> None:
    result = make(pushed, "manifest")
    assert result.returncode == 0, result.stderr
    text = (pushed / json.loads(result.stdout)["manifest"]).read_text()
    named = re.findall(r"image: (\S+)", text)
    assert sorted(named) == sorted(references(pushed).values())
    assert all("@sha256:" in image for image in named)


def test_images_give_what_processes_give(pushed: Path, client: Any) -> None:
    result = make(pushed, "local", "RUNNER=docker")
    assert result.returncode == 0, result.stderr
    assert "in containers" in result.stderr
    processes = make(pushed, "local", "RUNNER=process")
    assert json.loads(result.stdout) == json.loads(processes.stdout)
    assert json.loads(result.stdout)["Output"]["average"] == 2.5
    assert containers(client, *runs_of(pushed)) == []


def test_auto_takes_the_engine_and_builds_what_is_missing(
    tmp_path: Path, client: Any, registry: str
) -> None:
    project = bake(tmp_path, registry=f"{registry}/team/auto")
    make_unique(project)
    result = make(project, "local")
    assert result.returncode == 0, result.stderr
    assert "in containers" in result.stderr and "add: built" in result.stderr
    again = make(project, "local")
    assert "built" not in again.stderr


def test_the_generated_tests_run_the_images(pushed: Path) -> None:
    result = make(pushed, "test")
    assert result.returncode == 0, result.stdout
    assert "skipped" not in result.stdout


def test_images_are_not_root_and_need_little(pushed: Path, tmp_path: Path) -> None:
    """As a strict cluster runs them: read-only, no capability, no network, any user."""
    tmp_path.chmod(0o777)
    image = references(pushed)["add"]
    user = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Config.User}}", image],
        capture_output=True,
        text=True,
    )
    assert user.stdout.strip() == "65532:0"
    command = ["docker", "run", "--rm", "--read-only", "--user", "12345:0", "--cap-drop", "ALL"]
    command += ["--security-opt", "no-new-privileges", "--network", "none"]
    command += ["--volume", f"{tmp_path}:/out", image]
    arguments = ["--context", '{"numbers": [1, 2]}', "--output", "/out/deep/er/output"]
    subprocess.run([*command, *arguments], check=True, capture_output=True)
    written = json.loads((tmp_path / "deep" / "er" / "output").read_text())
    assert written == {"numbers": [1, 2], "sum": 3}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can call as somebody else")
def test_what_a_run_leaves_belongs_to_the_caller(
    pushed: Path, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of the user 12345, whom the image does not know; a step has its image's own user."""
    folder = tmp_path / "run"
    (folder / "minio").mkdir(parents=True)
    (folder / "minio").chmod(0o777)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    monkeypatch.setattr(os, "getgid", lambda: 12345)
    runner = ContainerRunner(client, "owner")
    command = ["python", "main.py", "--context", '{"numbers": [1]}', "--output", "/minio/a/b"]
    made = job(references(pushed)["add"], command, folder, is_rooted=True)
    status, lines = run(runner, made)
    assert status == 0, lines
    assert (folder / "minio" / "a" / "b").stat().st_uid not in (0, 12345)
    runner.close(folder)
    found = (folder / "minio" / "a" / "b").stat()
    assert (found.st_uid, found.st_gid) == (12345, 12345)


def test_200_steps_that_fail_at_once_are_200_failures(
    pushed: Path, client: Any, tmp_path: Path
) -> None:
    runner = ContainerRunner(client, "failures")
    image = references(pushed)["add"]
    command = ["sh", "-c", "echo gone >&2; exit 3"]

    def fail(number: int) -> tuple[int, str]:
        folder = tmp_path / str(number)
        folder.mkdir()
        status, lines = run(runner, job(image, command, folder, is_rooted=True))
        return status, "\n".join(lines)

    with ThreadPoolExecutor(4) as pool:
        assert Counter(pool.map(fail, range(200))) == {(3, "gone"): 200}
    assert containers(client, "failures") == []


def test_a_failed_container_gives_its_reason_and_is_removed(
    tmp_path: Path, client: Any, registry: str
) -> None:
    project = bake(tmp_path, registry=f"{registry}/team/average")
    result = make(project, "local", "RUNNER=docker", "ARGS=-p context='{\"numbers\": []}'")
    assert result.returncode != 0 and result.stdout == ""
    screen = result.stderr.splitlines()[-6:]
    said = "add: context: numbers: expected a list with at least one number"
    assert any(line.endswith(f"| {said}") for line in screen)
    assert any(line.startswith("error: step add failed with exit status 2") for line in screen)
    assert "to debug it: make debug STEP=add PDB=1" in screen
    assert containers(client, *runs_of(project)) == []


def test_an_interrupted_run_removes_its_container(
    tmp_path: Path, client: Any, registry: str
) -> None:
    project = bake(tmp_path, registry=f"{registry}/team/sleeper")
    script = project / "steps" / "add" / "main.py"
    sleep = "import time\nprint('asleep', flush=True)\ntime.sleep(600)\nimport logging\n"
    script.write_text(script.read_text().replace("import logging\n", sleep, 1))
    assert make(project, "build", "compile", "ARGS=add").returncode == 0
    run = subprocess.Popen(
        [sys.executable, "-m", "kfp_workbench", "local", "--runner", "docker"],
        cwd=project,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr is not None
    for line in run.stderr:
        if "asleep" in line:
            break
    assert containers(client, *runs_of(project))
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 130
    assert containers(client, *runs_of(project)) == []


@pytest.mark.parametrize("failures", [2, 99])
def test_a_container_that_the_engine_is_slow_to_remove(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    import docker.errors
    from docker.models.containers import Container

    remove, asked = Container.remove, []

    def busy(container: Any, **options: Any) -> None:
        asked.append(container)
        if len(asked) <= failures:
            raise docker.errors.APIError("device or resource busy")
        remove(container, **options)

    monkeypatch.setattr(Container, "remove", busy)
    monkeypatch.setattr("kfp_workbench.local.containers.time.sleep", lambda seconds: None)
    made = job(BASE_IMAGE, ["true"], tmp_path, is_rooted=True)
    status, lines = run(ContainerRunner(client, tmp_path.name), made)
    assert status == 0
    left = containers(client, tmp_path.name)
    if failures == 2:
        assert (lines, left) == ([], [])
        return
    remove(asked[0], force=True)
    why = "device or resource busy"
    assert left == [asked[0].id]
    assert lines == [f"the container {left[0][:12]} is left over ({why}): remove it by hand"]


def test_a_container_takes_its_volumes_along(
    client: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    made = client.containers.create(BASE_IMAGE, ["true"])
    image = made.commit(f"volume-{uuid.uuid4().hex}", changes="VOLUME /data")
    made.remove()
    request.addfinalizer(lambda: client.images.remove(image.id))
    see = ["awk", '$5 == "/data" { print $4 }', "/proc/self/mountinfo"]
    made = job(image.id, see, tmp_path, is_rooted=True)
    status, lines = run(ContainerRunner(client, tmp_path.name), made)
    assert status == 0, lines
    (folder,) = lines  # .../volumes/NAME/_data
    assert re.search("/volumes/[0-9a-f]{64}/_data$", folder)
    assert Path(folder).parent.name not in {volume.name for volume in client.volumes.list()}


def test_many_numbers_work_in_containers_too(pushed: Path) -> None:
    """More than a command line holds."""
    params = pushed / "params" / "many.yaml"
    params.write_text(json.dumps({"context": {"numbers": list(range(1, 100_001))}}))
    result = make(pushed, "local", "RUNNER=docker", "ENV=many")
    assert result.returncode == 0, result.stderr[-2000:]
    assert json.loads(result.stdout)["Output"]["average"] == 50000.5


def test_a_failed_build_names_its_step_and_leaves_the_others(
    tmp_path: Path, client: Any, registry: str
) -> None:
    project = bake(tmp_path, registry=f"{registry}/team/broken")
    dockerfile = project / "steps" / "add" / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("RUN python", "RUN no-such-command"))
    result = make(project, "-j2", "build")
    assert result.returncode != 0
    assert "error: building add: " in result.stderr and "div: built" in result.stderr


def test_a_missing_registry_is_one_line(tmp_path: Path, client: Any) -> None:
    project = bake(tmp_path, registry="localhost:1/nobody")
    result = make(project, "push", "ARGS=add")
    assert result.returncode != 0
    assert "error: localhost:1: no registry answers there" in result.stderr


def builder(name: str) -> dict[str, str]:
    """Return the variables that make a builder the project's, or skip the test."""
    if name == "buildkit":
        for command in ("docker", "/usr/bin/docker"):
            env = {"DOCKER": command, "DOCKER_BUILDKIT": "1"}
            words = [command, "build", "--file", "-", "."]
            trial = subprocess.run(
                words, input=b"FROM scratch\nENV A=1\n", env=environment(env), capture_output=True
            )
            if trial.returncode == 0:
                return env
        need(False, "no docker client here has BuildKit")
    if name in ("podman", "buildah"):
        need(os.environ.get("TEST_PODMAN") == "1", "podman is not set up: set TEST_PODMAN=1")
        return {"DOCKER": name}
    return {"DOCKER": "docker", "DOCKER_BUILDKIT": "0"}


@pytest.mark.parametrize("name", ["classic", "buildkit", "podman", "buildah"])
def test_every_builder_makes_the_same_of_a_step(
    tmp_path: Path, client: Any, registry: str, name: str
) -> None:
    """From a checkout that only its owner can read, with secrets lying about."""
    project = bake(tmp_path, registry=f"{registry}/team/{name}")
    make_unique(project)
    modules = (project / "common").iterdir()
    shared = sorted(f"/app/common/{path.name}" for path in modules)
    assert "/app/common/step.py" in shared
    for path in project.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    for place in ("", "common/", "steps/", "steps/add/", "steps/div/"):
        for secret in (".env", "id_rsa", "notes.txt"):
            (project / f"{place}{secret}").write_text("SECRET=1")
    result = make(project, "-j2", "build", "push", "compile", env=builder(name))
    assert result.returncode == 0, result.stderr
    assert not list((project / "build").glob(".context-*"))
    result = make(project, "local", "RUNNER=docker")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["Output"]["average"] == 2.5
    code = "import os\nfor d, _, fs in os.walk('/app'):\n for f in fs: print(os.path.join(d, f))"
    for step, image in references(project).items():
        words = ["docker", "run", "--rm", "--user", "12345:0", "--entrypoint", "python", image]
        listed = subprocess.run([*words, "-c", code], check=True, capture_output=True, text=True)
        assert sorted(listed.stdout.splitlines()) == [
            *shared,
            *("/app/main.py", "/app/requirements.txt"),
        ]
        shown = ["docker", "run", "--rm", "--entrypoint", "cat", image, "/app/main.py"]
        script = subprocess.run(shown, check=True, capture_output=True).stdout
        assert script == (project / "steps" / step / "main.py").read_bytes()


def test_a_second_clone_builds_and_uploads_nothing(
    pushed: Path, tmp_path: Path, client: Any
) -> None:
    """In another folder, with other times and another umask."""
    clone = tmp_path / "an other place"
    shutil.copytree(pushed, clone, ignore=shutil.ignore_patterns("build", "__pycache__"))
    for path in clone.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.utime(path, (1, 1))
    uploads = stored(pushed)
    result = make(clone, "push", "compile", env={"DOCKER": "no-such-engine"})
    assert result.returncode == 0, result.stderr
    assert stored(pushed) == uploads
    assert (clone / "build/pipeline.yaml").read_bytes() == (
        pushed / "build/pipeline.yaml"
    ).read_bytes()


def stored(project: Path) -> dict[Path, int]:
    """Return the files that the registry keeps for a project, and when each was written."""
    folder = os.environ.get("TEST_REGISTRY_FOLDER", "")
    if not folder:  # a registry that is not ours
        return {}
    names = [image.partition("/")[2].partition("@")[0] for image in references(project).values()]
    places = [Path(folder, "docker/registry/v2/repositories", name) for name in names]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert files
    return {path: path.stat().st_mtime_ns for path in files}


@contextmanager
def private_registry(folder: Path, auth: str = "") -> Iterator[tuple[str, Any]]:
    """Start a registry of the test's own; gives its host:port and its process."""
    need(shutil.which("docker-registry") is not None, "docker-registry is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir()
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    if auth:
        (folder / "htpasswd").write_text(f"{auth}\n")
        config["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
    (folder / "config.yml").write_text(json.dumps(config))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log
        )
    try:
        for _ in range(200):
            with contextlib.suppress(requests.RequestException):
                requests.get(f"http://localhost:{port}/v2/", timeout=5)
                break
            time.sleep(0.05)
        yield f"localhost:{port}", process
    finally:
        process.kill()
        process.wait()


def test_a_private_registry_takes_the_engines_login(tmp_path: Path, client: Any) -> None:
    # The bcrypt hash of "secret-word".
    user = "somebody:$2b$05$u2hkvwLV6Y7pIzU80bDHiOJpfkFdDyUT3agPGUncpKeuRlCmieFsS"
    with private_registry(tmp_path / "registry", user) as (host, _):
        project = bake(tmp_path, registry=f"{host}/team")
        env = {"DOCKER_CONFIG": str(tmp_path / "docker")}
        result = make(project, "push", env=env)
        assert result.returncode != 0
        assert f"{host} asks for a login (401): docker login {host}" in result.stderr
        login = ["docker", "login", "--username", "somebody", "--password-stdin", host]
        subprocess.run(
            login, input=b"secret-word", env=environment(env), check=True, capture_output=True
        )
        result = make(project, "push", "compile", env=env)
        assert result.returncode == 0, result.stderr
        assert all("@sha256:" in image for image in references(project).values())
        assert "secret-word" not in result.stderr
        # The login is what made it work.
        result = make(project, "push", env={"DOCKER_CONFIG": str(tmp_path / "none")})
        assert result.returncode != 0 and "asks for a login" in result.stderr


def test_a_registry_that_dies_during_a_push(tmp_path: Path, client: Any) -> None:
    with private_registry(tmp_path / "registry") as (host, process):
        project = bake(tmp_path, registry=f"{host}/team")
        assert make(project, "build").returncode == 0
        killer = threading.Thread(
            target=_kill_at_upload, args=(tmp_path / "registry" / "data", process)
        )
        killer.start()
        result = make(project, "push")
        killer.join()
        assert result.returncode != 0
        (line,) = [line for line in result.stderr.splitlines() if "add: the registry" in line][:1]
        assert line.startswith("error: pushing add: the registry does not answer, or went away")
        assert json.loads((project / "build" / "images.json").read_text()) == []
    with private_registry(tmp_path / "second") as (host, _):
        again = make(project, "push", "compile", env={"REGISTRY": f"{host}/team"})
        assert again.returncode == 0, again.stderr


def _kill_at_upload(folder: Path, process: Any) -> None:
    for _ in range(6000):
        if any(folder.rglob("_uploads/*")):
            break
        time.sleep(0.01)
    process.kill()


def test_an_engine_that_dies_during_a_build(
    tmp_path: Path, client: Any, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its client sees it: the connection breaks, and nobody answers any more."""
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    need(address.startswith("unix://"), "the engine is not on this machine")
    project = bake(tmp_path, registry=f"{registry}/team/dies")
    dockerfile = project / "steps" / "add" / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("RUN python", "RUN sleep 3 && python"))
    with tempfile.TemporaryDirectory() as folder:  # a socket's path is short
        proxy = Proxy(f"{folder}/docker.sock", address.removeprefix("unix://"))
        proxy.stop_at = b"sleep 3"
        result = make(project, "build", env={"DOCKER_HOST": f"unix://{folder}/docker.sock"})
    assert result.returncode != 0
    assert "the engine does not answer, or went away: start it, then try again" in result.stderr
    assert not (project / "build" / "built" / "add").exists()
    assert not list((project / "build").glob(".context-*"))
    again = make(project, "build")
    assert again.returncode == 0 and "add: built" in again.stderr


class Proxy:
    """Hands an engine's socket on, and is gone once the engine has said ``stop_at``."""

    def __init__(self, path: str, engine: str) -> None:
        self.stop_at = b""
        self._engine = engine
        self._sockets: list[socket.socket] = []
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(path)
        self._server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(self._engine)
                self._sockets += [client, engine]
                for pair in ((client, engine, False), (engine, client, True)):
                    threading.Thread(target=self._copy, args=pair, daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers and self.stop_at in data:
                    self._stop()
                    return
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def _stop(self) -> None:
        for connection in [self._server, *self._sockets]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_leaves_the_record_whole(
    pushed: Path, tmp_path: Path, client: Any, registry: str
) -> None:
    project = tmp_path / "project"
    shutil.copytree(pushed, project, ignore=shutil.ignore_patterns("build", "__pycache__"))
    disk = project / "build"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)])
    need(mounted.returncode == 0, "no disk can be mounted here")
    try:
        assert make(project, "push", "compile").returncode == 0
        before = {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()}
        _fill(disk / "filler")
        for verb in ("push", "compile"):
            result = make(project, verb)
            assert result.returncode != 0
            (error,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
            assert "No space left on device" in error and "Traceback" not in result.stderr
        (disk / "filler").unlink()
        assert {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()} == before
        assert make(project, "push", "compile").returncode == 0
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 64)
