"""`make run WAIT=1` as a command: its words, its answer, its exit status."""

import json
import re
import time
from pathlib import Path

import pytest

from servers.kfp_server import Moment, kfp_server
from shared.baking import bake, make
from shared.followed import FAILED, GAVE_UP, PENDING, SECRET, STEPS, SUCCESS, make_run, ops_run


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = bake(tmp_path_factory.mktemp("following"))
    assert make(project, "compile").returncode == 0
    return project


@pytest.mark.parametrize("said", [f"failed with {SECRET}", ""], ids=["argo", "launcher"])
def test_a_failure_shows_no_secret_parameter(ready: Path, said: str) -> None:
    """As a local run's does not; the context is a parameter with a secret in it."""
    gave_up = GAVE_UP.replace("exit status {status}", f"failed with {SECRET}")
    logs = {"div": f"pw is {SECRET}\ndb://u:{SECRET}@h\n{gave_up}"}
    tasks = {"add": "SUCCEEDED", "div": "FAILED"}
    script = [PENDING, *STEPS, Moment("FAILED", tasks, {"div": said}, logs)]
    with kfp_server(script=script) as server:
        server.fail("500", "/runs/", method="GET", first=2, times=1)
        context = json.dumps({"numbers": [1], "password": SECRET})
        result = ops_run(ready, server, "--wait", "-p", f"context={context}")
    assert result.returncode == 1 and SECRET not in result.stdout + result.stderr
    assert "\nThe last lines of Div:\n  pw is ***\n  db://u:***@h\n" in result.stderr
    assert "error: step Div failed (failed with ***): its log: kubectl" in result.stderr


def test_make_run_waits(ready: Path) -> None:
    with kfp_server(script=SUCCESS) as server:
        result = make_run(ready, server, "WAIT=1", "TIMEOUT=2h")
        assert result.returncode == 0, result.stderr
        (run,) = server.runs
        assert json.loads(result.stdout) == {
            "experiment_id": run["experiment_id"],
            "run_id": run["run_id"],
            "url": f"{server.url}/#/runs/details/{run['run_id']}",
            "state": "SUCCEEDED",
        }
        assert re.search(r"^\d\d:\d\d:\d\d Add: started$", result.stderr, re.M)
        assert result.stderr.splitlines()[-1].startswith("the run succeeded: http")


def test_a_failed_run_has_its_status_and_its_answer(ready: Path) -> None:
    with kfp_server(script=[FAILED]) as server:
        result = ops_run(ready, server, "--wait")
        assert result.returncode == 1
        assert json.loads(result.stdout)["state"] == "FAILED"
        assert result.stderr.splitlines()[-1].startswith(
            "error: step Div failed with exit status 3: "
        )
        assert "Traceback" not in result.stderr
        assert make_run(ready, server, WAIT="1").returncode != 0


def test_a_time_out_has_its_status(ready: Path) -> None:
    with kfp_server(script=[PENDING]) as server:
        result = ops_run(ready, server, "--wait", "--timeout", "0.1")
        assert result.returncode == 124 and json.loads(result.stdout)["state"] == "PENDING"
        assert "error: the run has not ended within 0.1 s; the run goes on: " in result.stderr


@pytest.mark.parametrize(
    ("words", "env", "line"),
    [
        (["--timeout", "2h"], {}, "--timeout and --on-interrupt are for a wait"),
        (["--on-interrupt", "leave"], {}, "--timeout and --on-interrupt are for a wait"),
        (["--wait", "--timeout", "x"], {}, "--timeout='x' is no time"),
        ([], {"WAIT": "1", "TIMEOUT": "x"}, "TIMEOUT='x' is no time"),
        ([], {"WAIT": "yes"}, "WAIT='yes': write WAIT=1, or leave it away"),
    ],
)
def test_what_is_no_way_to_wait_is_refused_before_anything_is_sent(
    ready: Path, words: list[str], env: dict[str, str], line: str
) -> None:
    with kfp_server() as server:
        result = ops_run(ready, server, *words, **env)
        assert result.returncode == 2 and result.stdout == ""
        assert result.stderr.startswith(f"error: {line}") and result.stderr.count("\n") == 1
        assert not server.requests


def test_a_time_out_that_make_is_given_is_never_run(ready: Path) -> None:
    with kfp_server() as server:
        result = make_run(ready, server, "WAIT=1", "TIMEOUT=$(shell touch made)`touch made`")
        assert "error: TIMEOUT='$(shell touch made)`touch made`' is no time" in result.stderr
        assert not (ready / "made").exists()


def test_a_time_out_for_something_else_is_no_error(ready: Path) -> None:
    with kfp_server() as server:
        result = ops_run(ready, server, TIMEOUT="never", WAIT="0")
        assert result.returncode == 0 and "note: TIMEOUT is not used" in result.stderr
        assert "state" not in json.loads(result.stdout)


# Servers that are silent


def test_a_silent_server_gets_no_more_time_than_is_left(ready: Path) -> None:
    with kfp_server(script=[Moment("RUNNING")]) as server:
        server.fail("silent", "/runs/", method="GET", first=2)
        began = time.monotonic()
        result = ops_run(ready, server, "--wait", "--timeout", "3")
        assert result.returncode == 124 and time.monotonic() - began < 15
        assert "error: the run has not ended within 3 s; the run goes on: " in result.stderr
        assert json.loads(result.stdout)["state"] == "RUNNING"


def test_a_server_that_is_silent_at_first_is_told_soon(ready: Path) -> None:
    with kfp_server() as server:
        server.fail("silent")
        began = time.monotonic()
        result = ops_run(ready, server)
        assert result.returncode == 1 and time.monotonic() - began < 20
    assert result.stderr == f"error: cannot look at {server.url}: no answer within 10 s\n"
