"""What of the Kubernetes settings holds in local runs, as processes and in containers."""

import json
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.local import allowances, attempts, containers, engines, runners
from kfp_workbench.local.allowances import UNLIMITED, Allowance, Scratch
from kfp_workbench.local.containers import ContainerRunner
from kfp_workbench.local.processes import Home, ProcessRunner
from kfp_workbench.local.runners import Ended
from kfp_workbench.local.spec import Retry
from kfp_workbench.project import steps
from shared.baking import bake, compile_here, environment, make
from shared.jobs import job, run

NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent"}
IMAGE = "python:3.12-slim"
SETTINGS = """\
load:
  cpu: 500m
  memory: 256Mi
  gpu: 1
  env: {LEVEL: high, DB_PASSWORD: {secret: database/password}, MODE: {config_map: a/b}}
  volumes:
    /data: {claim: c}
    /scratch: {empty_dir: 64Mi}
    /quick: {empty_dir: 2Mi, medium: Memory}
    /etc/tls: {secret: t}
  node_selector: {pool: gpu}
  tolerations: [{key: a, operator: Exists}]
  timeout: 1h30m
save: {gpu: 1, memory: 1.5Gi, retries: 3, caching: false}
"""
FLAKY = '''\
"""Fails until it was tried often enough."""

import os
import sys
from pathlib import Path

from common.step import step


@step
def load(context: dict) -> dict:
    tries = Path(os.environ["TRIES"])
    done = len(tries.read_text()) if tries.exists() else 0
    tries.write_text("x" * (done + 1))
    if done < int(os.environ["FAILURES"]):
        print(f"try {done + 1} fails")
        sys.exit(3)
    return {"tries": done + 1}


if __name__ == "__main__":
    load.main()
'''


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("allowances")
    return bake(folder, starter="blank", steps="load, save", project_slug="allowed")


@pytest.fixture
def project(baked: Path, tmp_path: Path) -> Path:
    """Return a project with the steps load and save, for the test alone."""
    return shutil.copytree(baked, tmp_path / "project")


def local(project: Path, settings: str, *words: str, **env: str) -> Any:
    """Compile with a ``kubernetes.yaml`` and run as processes."""
    (project / "kubernetes.yaml").write_text(settings)
    arguments = ["local", "RUNNER=process", "ARGS=-p context={}", *words]
    return make(project, *arguments, env={**NO_ENGINE, **env})


def begin(project: Path, *lines: str) -> None:
    """Have the step load do this before anything else."""
    script = project / "steps" / "load" / "main.py"
    docstring, imports, rest = script.read_text().partition("from common.step import step\n")
    assert imports, "nothing was changed"
    script.write_text("\n".join([docstring, *lines, imports]) + rest)


def read(project: Path, settings: str) -> dict[str, Allowance]:
    (project / "kubernetes.yaml").write_text(settings)
    return allowances.of(steps.read_documents(compile_here(project)))


# What is read


def test_the_allowances_of_a_compiled_pipeline(project: Path) -> None:
    found = read(project, SETTINGS)
    assert found == {
        "exec-load": Allowance(
            cpu=0.5,
            memory=256 * 2**20,
            seconds=5400,
            scratch=(Scratch("/scratch", False, 64 * 2**20), Scratch("/quick", True, 2 * 2**20)),
            variables=("DB_PASSWORD", "MODE"),
            elsewhere=("gpu", "node_selector", "/data", "/etc/tls", "tolerations"),
        ),
        "exec-save": Allowance(memory=3 * 2**29, elsewhere=("gpu",)),
    }
    assert read(project, "") == {"exec-load": UNLIMITED, "exec-save": UNLIMITED}


def test_what_pipeline_py_sets_is_read_too(project: Path) -> None:
    """Also what the file has no word for, and amounts that only a run would tell."""
    pipeline = project / "pipeline.py"
    more = (
        "    kubernetes.use_field_path_as_env(save_task, 'NODE', 'spec.nodeName')\n"
        "    kubernetes.set_image_pull_secrets(save_task, ['x'])\n"
        "    save_task.set_cpu_limit(cores)\n    return save_task.output\n"
    )
    text = pipeline.read_text().replace("    return save_task.output\n", more)
    text = text.replace("(context: dict)", "(context: dict, cores: str = '1')")
    pipeline.write_text(text.replace("from kfp import dsl\n", "from kfp import dsl, kubernetes\n"))
    assert read(project, "load: {cpu: 1}")["exec-save"] == Allowance(
        variables=("NODE",), elsewhere=("cpu", "image_pull_secret")
    )


@pytest.mark.parametrize(
    ("here", "line"),
    {
        (): "left to a cluster: cpu, /scratch (load), memory (load, save)",
        ("cpu", "memory"): "left to a cluster: /scratch (load)",
        ("cpu", "memory", "scratch"): None,
    }.items(),
)
def test_what_is_left_to_a_cluster_is_one_line(here: tuple[str, ...], line: str | None) -> None:
    scratch = (Scratch("/scratch", False, None),)
    found = {
        "exec-load": Allowance(cpu=1, memory=1, scratch=scratch),
        "exec-save": Allowance(memory=1, seconds=1),
    }
    assert allowances.left_out(found, here) == line


def test_many_tasks_are_counted_and_odd_names_are_quoted() -> None:
    found = {f"exec-{n}": Allowance(elsewhere=("gpu", "/a\nb")) for n in range(50)}
    said = "left to a cluster: gpu, '/a\\nb' (0, 1, 10 and 47 more)"
    assert allowances.left_out(found, ()) == said


def test_a_secret_comes_from_the_callers_variable_of_that_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The endpoint's own are for no step."""
    for name in ("DB_PASSWORD", "KFP_TOKEN", "KFP_PASSWORD", "OTHER"):
        monkeypatch.setenv(name, "s3cret")
    monkeypatch.delenv("MODE", raising=False)
    names = ("DB_PASSWORD", "KFP_TOKEN", "KFP_PASSWORD", "MODE")
    allowance = Allowance(variables=names)
    assert allowance.environment() == {"DB_PASSWORD": "s3cret"}
    line = allowances.left_out({"exec-load": allowance}, ())
    assert line == "set these here to hand them over: KFP_TOKEN, KFP_PASSWORD, MODE (load)"


# As processes


def test_a_process_run_says_once_what_it_goes_without(project: Path) -> None:
    result = local(project, SETTINGS, DB_PASSWORD="s3cret")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"Output": {}}
    (line,) = [line for line in result.stderr.splitlines() if "left to a cluster" in line]
    assert line.partition(" ")[2] == (
        "left to a cluster: cpu, /scratch, /quick, node_selector, /data, /etc/tls, tolerations "
        "(load), memory, gpu (load, save); set these here to hand them over: MODE (load)"
    )
    assert "ignored" not in result.stderr and "no effect" not in result.stderr
    assert "s3cret" not in result.stdout + result.stderr


def test_a_run_without_settings_says_nothing_of_them(project: Path) -> None:
    result = local(project, "load:\n")
    assert result.returncode == 0 and "cluster" not in result.stderr


def test_processes_get_the_variables(project: Path) -> None:
    names = "('LEVEL', 'DB_PASSWORD', 'MODE')"
    begin(project, "import os", f"print([os.environ.get(name) for name in {names}])")
    result = local(project, SETTINGS, DB_PASSWORD="from-here")
    assert "load | ['high', 'from-here', None]" in result.stderr


def process(command: list[str], folder: Path, allowance: Allowance) -> tuple[int, list[str]]:
    """Run a command as a task's process."""
    runner = ProcessRunner({"image": Home(Path(sys.executable).parent)})
    return run(runner, job("image", command, folder, allowance=allowance))


def test_a_process_is_ended_by_its_timeout(tmp_path: Path) -> None:
    code = "import time; print('asleep', flush=True); time.sleep(60)"
    status, lines = process(["python", "-c", code], tmp_path, Allowance(seconds=1))
    assert status == 124 and isinstance(status, Ended)
    assert runners.outcome(status) == "was ended: it took longer than its timeout of 1s"
    assert lines == ["asleep", "the step was ended: it took longer than its timeout of 1s"]


def test_a_process_within_its_timeout_keeps_its_status(tmp_path: Path) -> None:
    words = ["python", "-c", "raise SystemExit(3)"]
    status, lines = process(words, tmp_path, Allowance(seconds=600))
    assert (status, lines) == (3, [])
    assert runners.outcome(status) == "failed with exit status 3"


def test_a_timeout_is_the_reason_of_a_failed_run(project: Path) -> None:
    begin(project, "import time", "time.sleep(60)")
    result = local(project, "load: {timeout: 1s}")
    assert result.returncode != 0
    said = "error: step load was ended: it took longer than its timeout of 1s: all it said is in"
    assert said in result.stderr
    (folder,) = (project / "build" / "local").iterdir()
    record = json.loads((folder / "run.json").read_text())
    assert record["tasks"][0]["status"] == 124 and record["state"] == "failed"


# Retries


def flaky(project: Path, settings: str, failures: int, *words: str) -> Any:
    (project / "steps" / "load" / "main.py").write_text(FLAKY)
    tries = {"TRIES": str(project / "tries"), "FAILURES": str(failures)}
    return local(project, settings, *words, **tries)


def test_a_step_that_succeeds_when_tried_again_is_no_failure(project: Path) -> None:
    result = flaky(project, "load: {retries: 2}", 2)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"Output": {"tries": 3.0}}
    said = [line.partition(" ")[2] for line in result.stderr.splitlines()]
    assert "load: failed with exit status 3, attempt 2 of 3 follows now" in said
    assert "load: failed with exit status 3, attempt 3 of 3 follows now" in said
    assert "error" not in result.stderr


def test_a_step_that_never_succeeds_fails_once(project: Path) -> None:
    result = flaky(project, "load: {retries: 2}", 9)
    assert result.returncode != 0 and result.stdout == ""
    assert (project / "tries").read_text() == "xxx"
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert line.startswith("error: step load failed with exit status 3: all it said is in")
    assert line.endswith("001-load.log")


def test_no_retry_is_waited_for_once_the_run_is_interrupted(project: Path) -> None:
    assert flaky(project, "load: {retries: {count: 3, wait: 10m}}", 0).returncode == 0
    (project / "tries").unlink()
    run = subprocess.Popen(
        [sys.executable, "-m", "kfp_workbench", "local", "--runner", "process", "-p", "context={}"],
        cwd=project,
        env=environment({**NO_ENGINE, "TRIES": str(project / "tries"), "FAILURES": "9"}),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr is not None
    try:
        assert any("attempt 2 of 4 follows in 10m" in line for line in run.stderr)
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 130
    finally:
        run.kill()
    assert (project / "tries").read_text() == "x"


@pytest.mark.parametrize(
    ("number", "follows"),
    [
        (1, "attempt 2 of 4 follows in 1m30s"),
        (2, "attempt 3 of 4 follows in 3m"),
        (3, "attempt 4 of 4 follows in 6m"),
        (4, None),
    ],
)
def test_waits_grow(number: int, follows: str | None) -> None:
    tried = attempts.Attempts(Retry(3, 90, 2, 3600))
    for _ in range(number):
        tried.begin(0)
    pause = tried.pause(10)
    assert (None if pause is None else tried.what_follows(pause)) == follows


@pytest.mark.parametrize(
    ("policy", "now"),
    [
        (None, 0),
        (Retry(0, 0, 2, 3600), 0),
        (Retry(3, 0, 2, 60), 61),  # all attempts together took too long
        (Retry(3, 90, 2, 60), 1),  # and would
        (Retry(3, 0, 1.5, 3600), 0),  # Argo takes whole factors only
    ],
)
def test_what_is_not_tried_again(policy: Retry | None, now: float) -> None:
    tried = attempts.Attempts(policy)
    tried.begin(0)
    assert tried.pause(now) is None


# In containers


@pytest.fixture(scope="module")
def image(client: Any) -> str:
    """Return an image with Python that the engine has."""
    if not engines.has_image(client, IMAGE):
        engines.pull(client, IMAGE)
    return IMAGE


def container(
    client: Any, folder: Path, allowance: Allowance, code: str, **env: str
) -> tuple[int, list[str], Any]:
    """Run Python code as a task's container; returns what the engine said of it meanwhile, too."""
    lines: list[str] = []
    seen: list[Any] = []

    def write(line: str) -> None:
        lines.append(line)
        if not seen:
            label = {"label": f"pipeline.run={folder.name}"}
            found = client.containers.list(all=True, filters=label)
            seen.extend(one.attrs for one in found)

    made = job(IMAGE, ["python", "-c", code], folder, env, allowance, is_rooted=True)
    status = ContainerRunner(client, folder.name).run(made, write, threading.Event())
    return status, lines, seen[0] if seen else None


def test_a_container_is_held_to_cpu_and_memory(client: Any, image: str, tmp_path: Path) -> None:
    assert ContainerRunner(client, "held").held == {"cpu", "memory", "scratch"}
    allowance = Allowance(cpu=0.5, memory=256 * 2**20)
    status, _, seen = container(client, tmp_path, allowance, "print(1)")
    assert status == 0
    limits = seen["HostConfig"]
    assert limits["NanoCpus"] == 500_000_000
    assert limits["Memory"] == limits["MemorySwap"] == 256 * 2**20


def test_a_container_without_settings_has_no_limit(client: Any, image: str, tmp_path: Path) -> None:
    status, _, seen = container(client, tmp_path, UNLIMITED, "print(1)")
    limits = seen["HostConfig"]
    assert status == 0 and (limits["NanoCpus"], limits["Memory"]) == (0, 0)
    assert not limits.get("Tmpfs") and not limits.get("Binds")


@pytest.mark.parametrize(("cpu", "memory"), [(4096, 2**62), (0.001, 2**20)])
def test_limits_beyond_the_engines_own_are_those(
    client: Any, image: str, tmp_path: Path, cpu: float, memory: int
) -> None:
    """A cluster's node may be larger than this machine, and Docker takes no less than 6 MB."""
    allowance = Allowance(cpu=cpu, memory=memory)
    limits = containers._limits(allowance, client.info())
    machine = client.info()
    large = (machine["NCPU"] * 10**9, machine["MemTotal"])
    small = (10**7, 6 * 2**20)
    assert (limits["nano_cpus"], limits["mem_limit"]) == (large if cpu > 1 else small)
    made = client.containers.create(IMAGE, **limits)
    made.remove(force=True)


def test_an_engine_that_cannot_limit_is_asked_for_nothing() -> None:
    info = {"NCPU": 2, "MemTotal": 2**30, "CpuCfsQuota": False, "MemoryLimit": False}
    assert containers._limits(Allowance(cpu=1, memory=2**28), info) == {}


def test_too_little_memory_is_the_reason_of_a_failure(
    client: Any, image: str, tmp_path: Path
) -> None:
    """Not "exit status 137", which says nothing to nobody."""
    code = "print('begun', flush=True); bytearray(300 * 2**20)"
    status, lines, _ = container(client, tmp_path, Allowance(memory=64 * 2**20), code)
    assert status == 137
    said = "was killed: it needed more memory than its limit of 64Mi"
    assert runners.outcome(status) == said
    assert lines == ["begun", f"the step {said}"]


def test_a_kill_for_another_reason_is_none_of_memory(
    client: Any, image: str, tmp_path: Path
) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGTERM); os._exit(137)"
    status, lines, _ = container(client, tmp_path, Allowance(memory=256 * 2**20), code)
    assert (runners.outcome(status), lines) == ("failed with exit status 137", [])


def test_a_container_is_ended_by_its_timeout(client: Any, image: str, tmp_path: Path) -> None:
    code = "import time; print('asleep', flush=True); time.sleep(60)"
    status, lines, seen = container(client, tmp_path, Allowance(seconds=1), code)
    assert (status, seen["State"]["Status"]) == (124, "running")
    assert runners.outcome(status) == "was ended: it took longer than its timeout of 1s"
    assert lines[0] == "asleep"
    assert (
        client.containers.list(all=True, filters={"label": f"pipeline.run={tmp_path.name}"}) == []
    )


def test_a_container_finds_empty_folders(client: Any, image: str, tmp_path: Path) -> None:
    scratch = (Scratch("/scratch", False, 2**20), Scratch("/quick", True, 2 * 2**20))
    code = (
        "import os\n"
        "for folder in ('/scratch', '/quick'):\n"
        "    print(os.listdir(folder), flush=True)\n"
        "    open(f'{folder}/file', 'w').write('x')\n"
        "print(os.statvfs('/quick').f_blocks * os.statvfs('/quick').f_frsize)\n"
    )
    status, lines, _ = container(client, tmp_path, Allowance(scratch=scratch), code)
    assert (status, lines) == (0, ["[]", "[]", str(2 * 2**20)])
    assert list(tmp_path.iterdir()) == [], "what was on disk is gone"


def test_a_container_gets_the_callers_secrets_and_no_others(
    client: Any, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DB_PASSWORD", "OTHER", "KFP_TOKEN"):
        monkeypatch.setenv(name, "from-here")
    code = (
        "import os; print([os.environ.get(n) for n in ('DB_PASSWORD', 'A', 'OTHER', 'KFP_TOKEN')])"
    )
    allowance = Allowance(variables=("DB_PASSWORD", "KFP_TOKEN"))
    status, lines, _ = container(client, tmp_path, allowance, code, A="b")
    assert (status, lines) == (0, ["['from-here', 'b', None, None]"])


def test_make_local_holds_containers_to_kubernetes_yaml(
    project: Path, client: Any, registry: str
) -> None:
    begin(project, "bytearray(300 * 2**20)")
    (project / "kubernetes.yaml").write_text("load: {memory: 64Mi, gpu: 1, retries: 1}\n")
    env = {"REGISTRY": f"{registry}/team/allowed"}
    result = make(project, "local", "RUNNER=docker", "ARGS=-p context={}", env=env)
    assert result.returncode != 0
    said = "was killed: it needed more memory than its limit of 64Mi"
    assert f"load: {said}, attempt 2 of 2 follows now" in result.stderr
    assert f"error: step load {said}: all it said is in" in result.stderr
    assert "left to a cluster: gpu (load)" in result.stderr
