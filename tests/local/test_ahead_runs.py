"""Whole runs whose interpreters are started ahead: that they are, and that none is left over."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kfp_workbench.commands import local, starting
from kfp_workbench.local import containers, provision
from kfp_workbench.local.ahead import FILE, Ahead
from shared.baking import bake, environment

STEP = '''\
"""Tells how it was started."""

import os
import subprocess
import time

from common.step import step


@step
def add(context: dict) -> dict:
    """Return how it was started, as the system has it."""
    if context.get("sleep"):
        print("asleep", flush=True)
        time.sleep(600)
    words = ["ps", "-o", "args=", "-p", str(os.getpid())]
    return {"started": subprocess.check_output(words, text=True), **context["more"]}


if __name__ == "__main__":
    add.main()
'''
WAITS = "-X kfp_workbench="
GIVEN = 'context={"more": {"numbers": [1], "sum": 1}}'


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = bake(tmp_path_factory.mktemp("ahead").resolve())
    (found / "steps" / "add" / "main.py").write_text(STEP)
    return found


def start(project: Path, *arguments: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "kfp_workbench", "local", "--compile", "--runner", "process"]
    return subprocess.Popen(
        [*words, *arguments],
        cwd=project,
        env=environment({"JOBS": "2"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(project: Path, given: str = GIVEN, status: int = 0) -> str:
    """Run the pipeline; returns what it wrote to stdout."""
    process = start(project, "-p", given)
    out, err = process.communicate(timeout=120)
    assert process.returncode == status, err
    return out


def started(out: str) -> str:
    found: str = json.loads(out)["Output"]["started"]
    return found


def waiting(project: Path) -> dict[str, int]:
    """Return the interpreters that were started ahead and have not ended, by their scripts."""
    lines = subprocess.check_output(["ps", "-A", "-ww", "-o", "pid=,args="], text=True).splitlines()
    ours = [line.split() for line in lines if WAITS in line and f"{project}/build/local" in line]
    return {Path(script).parts[-3]: int(number) for number, *_, script in ours}


def wait_for_none(project: Path) -> None:
    deadline = time.monotonic() + 20
    while waiting(project):
        assert time.monotonic() < deadline, waiting(project)
        time.sleep(0.05)


def test_a_run_begins_with_what_the_last_one_began_with(project: Path) -> None:
    run(project)
    assert WAITS in started(run(project))
    assert not waiting(project)
    (project / FILE).unlink()
    assert started(run(project)).startswith("python main.py --executor-input")


@pytest.mark.parametrize(("given", "status"), [("context={}", 1), ("context=3", 2), ("other=1", 2)])
def test_none_is_left_of_a_run_that_does_not_end_well(
    project: Path, given: str, status: int
) -> None:
    run(project)
    folders = {path.name for path in (project / "build" / "local").iterdir()}
    assert run(project, given, status) == ""
    assert not waiting(project)
    new = {path.name for path in (project / "build" / "local").iterdir()} - folders
    assert len(new) == (status == 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_none_is_left_of_a_run_that_is_ended(project: Path, number: signal.Signals) -> None:
    run(project)
    process = start(project, "-p", 'context={"sleep": true}')
    assert process.stderr is not None
    try:
        assert any("asleep" in line for line in process.stderr)
        started = waiting(project)
        assert {*started} == {"001-add", "002-div"}
    finally:
        process.send_signal(number)
    process.communicate(timeout=60)
    if number == signal.SIGKILL:  # which leaves the step itself, however it was started
        os.kill(started["001-add"], signal.SIGKILL)
    wait_for_none(project)


@pytest.mark.parametrize(("runner", "count"), [("docker", 0), ("process", 1), ("auto", 1)])
def test_none_is_started_where_an_engine_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, runner: str, count: int
) -> None:
    started: list[Ahead] = []
    monkeypatch.setattr(Ahead, "start", lambda self: started.append(self))
    monkeypatch.setattr(local, "run", lambda args, ahead: {"name": ahead.name})
    found = starting.run(argparse.Namespace(runner=runner))
    assert len(started) == count
    assert found["name"]


def test_a_run_in_containers_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provision, "_client", lambda *_: object())
    monkeypatch.setattr(containers, "ContainerRunner", lambda *_: None)
    wanted: Any = SimpleNamespace(
        containers={}, title="x", settings=SimpleNamespace(docker="docker")
    )
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_text("[]")
    with Ahead(tmp_path, 2) as ahead:
        provision.provide("auto", wanted, run_id="x", say=print, ahead=ahead)
    assert not (tmp_path / FILE).exists()
