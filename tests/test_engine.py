"""With a container engine and a registry: images are built, pushed, run, cleared away.

Skipped, with the reason, where there is none; E2E=require makes that a failure.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import bake, compiled, environment, make

from ops import runners
from ops.errors import OpsError

BASE = "python:3.12-slim"
REGISTRY = os.environ.get("TEST_REGISTRY", "localhost:5000")


def need(condition: bool, what: str) -> None:
    if not condition and os.environ.get("E2E") == "require":
        pytest.fail(f"E2E=require, but {what}")
    if not condition:
        pytest.skip(what)


@pytest.fixture(scope="session")
def client() -> Any:
    """Return the engine's client."""
    try:
        engine = runners.connect("docker")
    except OpsError as error:
        need(False, str(error).partition(" (")[0])
    return engine


@pytest.fixture(scope="session")
def registry() -> str:
    """Return the registry's name, host:port."""
    try:
        requests.get(f"http://{REGISTRY}/v2/", timeout=5).raise_for_status()
    except requests.RequestException:
        need(False, f"no registry answers at {REGISTRY}: set TEST_REGISTRY")
    return REGISTRY


@pytest.fixture(scope="session")
def pushed(tmp_path_factory: pytest.TempPathFactory, client: Any, registry: str) -> Path:
    """Return a project whose images were built and pushed, two at a time."""
    project = bake(tmp_path_factory.mktemp("engine"), registry=f"{registry}/team/average")
    result = make(project, "-j2", "build", "push", "compile")
    assert result.returncode == 0, result.stderr
    return project


def references(project: Path) -> dict[str, str]:
    """Return the image of each step in the compiled pipeline."""
    executors = compiled(project)["deploymentSpec"]["executors"]
    return {
        name.removeprefix("exec-"): executor["container"]["image"]
        for name, executor in executors.items()
    }


def left_over(client: Any) -> list[Any]:
    found: list[Any] = client.containers.list(all=True, filters={"label": "pipeline.run"})
    return found


def test_the_registry_holds_what_the_compiled_pipeline_names(pushed: Path, registry: str) -> None:
    for step, image in references(pushed).items():
        name, _, tag = image.removeprefix(f"{registry}/").partition(":")
        answer = requests.get(f"http://{registry}/v2/{name}/tags/list", timeout=10).json()
        assert name == f"team/average/{step}"
        assert answer["tags"] == [tag], "one explicit tag, never latest"


def test_images_give_what_processes_give(pushed: Path, client: Any) -> None:
    containers = make(pushed, "local", "RUNNER=docker")
    assert containers.returncode == 0, containers.stderr
    assert "in containers" in containers.stderr
    processes = make(pushed, "local", "RUNNER=process")
    assert json.loads(containers.stdout) == json.loads(processes.stdout)
    assert json.loads(containers.stdout)["Output"]["average"] == 2.5
    assert left_over(client) == []


def test_auto_takes_the_engine_and_builds_what_is_missing(
    tmp_path: Path, client: Any, registry: str
) -> None:
    project = bake(tmp_path, registry=f"{registry}/team/auto")
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


def test_an_image_holds_only_its_step(tmp_path: Path, client: Any, registry: str) -> None:
    """A secret that lies in the project cannot get into an image."""
    project = bake(tmp_path, registry=f"{registry}/team/secrets")
    for place in ("", "common/", "steps/", "steps/add/", "steps/div/"):
        for name in (".env", "id_rsa", "notes.txt"):
            (project / f"{place}{name}").write_text("SECRET=1")
    assert make(project, "build-add", "compile").returncode == 0
    image = references(project)["add"]
    code = (
        "import os; print(sorted(os.path.join(d, f) for d, _, fs in os.walk('/app') for f in fs))"
    )
    command = ["docker", "run", "--rm", "--entrypoint", "python", image, "-c", code]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert listed.strip() == str(
        [
            *("/app/common/__init__.py", "/app/common/context.py"),
            *("/app/main.py", "/app/requirements.txt"),
        ]
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root can call as somebody else")
def test_outputs_belong_to_the_caller(
    pushed: Path, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of the user 12345, whom the image does not know."""
    folder = tmp_path / "run"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    monkeypatch.setattr(os, "getgid", lambda: 12345)
    run = runners.container_runner(client, False, "owner")
    command = ["python", "main.py", "--context", '{"numbers": [1]}', "--output", f"{folder}/a/b"]
    log = tmp_path / "add.log"
    task = runners.Task("add", references(pushed)["add"], command, {}, folder, log)
    lines: list[str] = []
    assert run(task, lines.append, threading.Event()) == 0, lines
    status = (folder / "a" / "b").stat()
    assert (status.st_uid, status.st_gid) == (12345, 12345)


def test_200_steps_that_fail_at_once_are_200_failures(
    pushed: Path, client: Any, tmp_path: Path
) -> None:
    run = runners.container_runner(client, False, "failures")
    image = references(pushed)["add"]
    command = ["sh", "-c", "echo gone >&2; exit 3"]

    def fail(number: int) -> tuple[int, str]:
        lines: list[str] = []
        log = tmp_path / f"{number}.log"
        task = runners.Task("add", image, command, {}, tmp_path, log)
        return run(task, lines.append, threading.Event()), "\n".join(lines)

    with ThreadPoolExecutor(4) as pool:
        assert Counter(pool.map(fail, range(200))) == {(3, "gone"): 200}
    assert left_over(client) == []


def test_a_failed_container_gives_its_reason_and_is_removed(
    tmp_path: Path, client: Any, registry: str
) -> None:
    project = bake(tmp_path, registry=f"{registry}/team/average")
    result = make(project, "local", "RUNNER=docker", "ARGS=-p context='{\"numbers\": []}'")
    assert result.returncode != 0 and result.stdout == ""
    screen = result.stderr.splitlines()[-6:]
    assert "  add: --context: numbers: expected a list with at least one number" in screen
    assert "error: step add failed with exit status 2" in screen
    assert left_over(client) == []


def test_an_interrupted_run_removes_its_container(
    tmp_path: Path, client: Any, registry: str
) -> None:
    project = bake(tmp_path, registry=f"{registry}/team/sleeper")
    script = project / "steps" / "add" / "main.py"
    sleep = "import sys\nimport time\nprint('asleep', flush=True)\ntime.sleep(600)\n"
    script.write_text(script.read_text().replace("import sys\n", sleep, 1))
    assert make(project, "build-add", "compile").returncode == 0
    run = subprocess.Popen(
        [sys.executable, "-m", "ops", "local", "--runner", "docker"],
        cwd=project,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr is not None
    for line in run.stderr:
        if "asleep" in line:
            break
    assert len(left_over(client)) == 1
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 130
    assert left_over(client) == []


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
    dockerfile.write_text(dockerfile.read_text().replace("chmod", "no-such-command"))
    result = make(project, "-j2", "-k", "build")
    assert result.returncode != 0
    assert "error: building add: " in result.stderr and "div: built" in result.stderr


def test_a_refused_push_is_one_line(tmp_path: Path, client: Any) -> None:
    project = bake(tmp_path, registry="localhost:1/nobody")
    result = make(project, "push-add")
    assert result.returncode != 0
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: pushing add: `docker push localhost:1/nobody/add:")


def test_podman_builds_and_pushes_too(tmp_path: Path, registry: str) -> None:
    need(os.environ.get("TEST_PODMAN") == "1", "podman is not set up: set TEST_PODMAN=1")
    project = bake(tmp_path, registry=f"{registry}/team/podman")
    result = make(project, "-j2", "build", "push", "compile", "DOCKER=podman")
    assert result.returncode == 0, result.stderr
    for step in ("add", "div"):
        url = f"http://{registry}/v2/team/podman/{step}/tags/list"
        (tag,) = requests.get(url, timeout=10).json()["tags"]
        assert re.fullmatch("[0-9a-f]{16}", tag)
