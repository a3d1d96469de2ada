"""Interrupts of `make run WAIT=1`, in a terminal and without, and of submissions and uploads."""

import codecs
import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from servers.kfp_server import KfpServer, Moment, Request, kfp_server
from shared.baking import bake, environment, make
from shared.followed import STEPS, SUCCESS
from shared.terminal import ANSI


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = bake(tmp_path_factory.mktemp("interrupts"))
    assert make(project, "compile").returncode == 0
    return project


class Terminal:
    """A terminal with make in its foreground, as people have it; stdout is apart."""

    def __init__(self, project: Path, out: Path, server: KfpServer, *words: str) -> None:
        self.ours, theirs = os.openpty()
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.shown = ""
        self.out = out
        fixed = [f"USE_VENV={sys.prefix}", "WAIT=1"]
        # A session's first program that opens a terminal gets it as its own.
        claim = "import os, sys; os.open(os.ttyname(2), os.O_RDWR); os.execvp('make', sys.argv[1:])"
        env = {"KFP_HOST": server.url, "ALLOW_UNPINNED": "1", "TERM": "xterm", "COLUMNS": "90"}
        with out.open("w") as stdout:
            self.process = subprocess.Popen(
                [sys.executable, "-c", claim, "make", "-s", *fixed, "run", *words],
                cwd=project,
                env=environment(env),
                stdin=theirs,
                stdout=stdout,
                stderr=theirs,
                start_new_session=True,
            )
        os.close(theirs)

    def until(self, pattern: str) -> None:
        """Read on until what was shown since the last time holds a pattern."""
        new = ""
        limit = time.monotonic() + 60
        while not re.search(pattern, new):
            assert time.monotonic() < limit, new
            chunk = self._read()
            assert chunk is not None, (pattern, self.shown)
            new = ANSI.sub("", new + chunk)

    def _read(self) -> str | None:
        """Return what came, or None at the end."""
        ready, _, _ = select.select([self.ours], [], [], 60)
        try:
            chunk = os.read(self.ours, 65536) if ready else b""
        except OSError:  # the other end is closed
            chunk = b""
        if not chunk:
            return None
        text = self.decoder.decode(chunk).replace("\r", "")
        self.shown = ANSI.sub("", self.shown + text)
        return text

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def end(self) -> Any:
        """Read all that is left; return the answer."""
        while self._read() is not None:
            pass
        self.process.wait(60)
        return json.loads(self.out.read_text())

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.ours)


@pytest.fixture
def terminal(ready: Path, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(server: KfpServer, *words: str) -> Terminal:
        opened.append(Terminal(ready, tmp_path / f"out{len(opened)}", server, *words))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def test_a_terminal_shows_a_table(terminal: Callable[..., Terminal]) -> None:
    with kfp_server(script=SUCCESS) as server:
        started = terminal(server)
        assert started.end()["state"] == "SUCCEEDED" and started.process.returncode == 0
    assert re.search(r"▸ +Add +\d+\.\d s *\n. +Div", started.shown), "while it runs"
    assert re.search(r"✓ +Add +\d+\.\d s *\n✓ +Div +\d+\.\d s", started.shown)
    assert "started" not in started.shown


@pytest.mark.parametrize(
    ("typed", "line", "state"),
    [
        (["t\n"], "the run is being terminated", "CANCELING"),
        (["what?\n", "term\n"], "the run is being terminated", "CANCELING"),
        (["\n"], "the run goes on", "RUNNING"),
        (["leave\n"], "the run goes on", "RUNNING"),
        (["\x04"], "the run goes on", "RUNNING"),
        (["\x03"], "the run goes on", "RUNNING"),
    ],
    ids=["terminate", "unclear", "enter", "leave", "end-of-file", "second-ctrl-c"],
)
def test_ctrl_c_asks_in_a_terminal(
    terminal: Callable[..., Terminal], typed: list[str], line: str, state: str
) -> None:
    with kfp_server(script=[STEPS[0]]) as server:
        started = terminal(server)
        started.until("▸ +Add")
        started.type("\x03")
        for text in typed:
            started.until(r"\(l\)eave it, or \(t\)erminate it\? \[l\] ")
            started.type(text)
        answer = started.end()
        (error,) = re.findall("^error: .*", started.shown, re.M)
        assert error == f"error: interrupted; {line}: {answer['url']}"
        assert answer["state"] == state
        terminated = [r.path for r in server.changes() if r.path.endswith(":terminate")]
        assert len(terminated) == (state == "CANCELING")
    assert "Error 130" in started.shown or "Interrupt" in started.shown
    assert started.process.returncode != 0 and "Traceback" not in started.shown


def test_ctrl_c_does_not_ask_when_it_was_told(terminal: Callable[..., Terminal]) -> None:
    with kfp_server(script=[STEPS[0]]) as server:
        started = terminal(server, "ARGS=--on-interrupt terminate")
        started.until("▸ +Add")
        started.type("\x03")
        assert started.end()["state"] == "CANCELING"
    assert "(t)erminate it?" not in started.shown


def test_a_process_that_is_ended_asks_nobody(terminal: Callable[..., Terminal]) -> None:
    with kfp_server(script=[STEPS[0]]) as server:
        started = terminal(server)
        started.until("▸ +Add")
        started.process.terminate()  # make, which hands it on
        assert started.end()["state"] == "RUNNING"
    assert "error: interrupted; the run goes on: " in started.shown
    assert "(t)erminate it?" not in started.shown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_without_a_terminal_the_run_is_left(ready: Path, number: int) -> None:
    with kfp_server(script=[STEPS[0]]) as server:
        env = environment({"KFP_HOST": server.url, "ALLOW_UNPINNED": "1"})
        with subprocess.Popen(
            [sys.executable, "-m", "kfp_workbench", "run", "--wait"],
            cwd=ready,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout and process.stderr
            while "Add: started" not in (line := process.stderr.readline()):
                assert line
            process.send_signal(number)
            error, out = process.stderr.read(), process.stdout.read()
        assert process.returncode == 130
        answer = json.loads(out)
        assert error.splitlines()[-1] == f"error: interrupted; the run goes on: {answer['url']}"
        assert not [r for r in server.changes() if r.path.endswith(":terminate")]


# Interrupts of the submission itself


@contextlib.contextmanager
def interrupted(
    project: Path, server: KfpServer, at: str, number: int, *words: str
) -> Iterator["subprocess.Popen[str]"]:
    """Start a verb, send it a signal while the server has a POST ``at``, then let it answer."""
    came, go = threading.Event(), threading.Event()

    def wait(request: Request) -> None:
        if request.method == "POST" and request.path.endswith(at):
            came.set()
            assert go.wait(60)

    server.before = wait
    with subprocess.Popen(
        [sys.executable, "-m", "kfp_workbench", *words],
        cwd=project,
        env=environment({"KFP_HOST": server.url, "ALLOW_UNPINNED": "1"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert came.wait(60)
        process.send_signal(number)
        time.sleep(0.3)
        go.set()
        yield process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("words", "line", "state"),
    [
        ([], "the run goes on", None),
        (["--wait"], "the run goes on", None),
        (["--wait", "--on-interrupt", "terminate"], "the run is being terminated", "CANCELING"),
    ],
    ids=["no-wait", "leave", "terminate"],
)
def test_an_interrupt_while_the_run_is_submitted(
    ready: Path, number: int, words: list[str], line: str, state: str | None
) -> None:
    with kfp_server(script=[STEPS[0]]) as server:
        with interrupted(ready, server, "/runs", number, "run", *words) as process:
            out, shown = process.communicate(timeout=60)
        (run,) = server.runs
        answer = json.loads(out)
        assert answer["run_id"] == run["run_id"] and answer.get("state") == state
        last = shown.splitlines()[-1]
        assert last == f"error: interrupted; {line}: {answer['url']}" and process.returncode == 130


@pytest.mark.parametrize("at", ["/pipelines", "/upload_version"])
def test_an_interrupt_of_an_upload(ready: Path, at: str) -> None:
    with kfp_server() as server:
        with interrupted(ready, server, at, signal.SIGTERM, "upload") as process:
            out, shown = process.communicate(timeout=60)
        answer = json.loads(out)
        (version,) = server.versions
        assert answer["version_id"] == version["pipeline_version_id"] and answer["created"]
        there = f"version {answer['version']} of calculate-average is there: {answer['url']}"
        assert shown.splitlines()[-1] == f"error: interrupted; {there}"
        assert process.returncode == 130


@pytest.mark.parametrize(
    ("verb", "what"), [("run", "; no run was started"), ("upload", "; nothing was uploaded")]
)
def test_an_interrupt_before_anything_is_sent(ready: Path, verb: str, what: str) -> None:
    with kfp_server() as server:
        server.fail("silent")
        with subprocess.Popen(
            [sys.executable, "-m", "kfp_workbench", verb],
            cwd=ready,
            env=environment({"KFP_HOST": server.url, "ALLOW_UNPINNED": "1"}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            limit = time.monotonic() + 60
            while not server.requests:
                assert time.monotonic() < limit
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            out, shown = process.communicate(timeout=10)
        assert (out, process.returncode) == ("", 130)
        assert shown.splitlines()[-1] == f"error: interrupted{what}"
        assert not server.changes()


# Signals to make, which hands on SIGTERM and nothing else


@contextlib.contextmanager
def making(project: Path, server: KfpServer, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """Start `make run WAIT=1` in a group of its own, and yield it when a step has begun."""
    fixed = [f"USE_VENV={sys.prefix}", "WAIT=1"]
    process = subprocess.Popen(
        ["make", "-s", *fixed, "run", *words],
        cwd=project,
        env=environment({"KFP_HOST": server.url, "ALLOW_UNPINNED": "1"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr
        while "Add: started" not in (line := process.stderr.readline()):
            assert line
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def to_make(number: int) -> Callable[["subprocess.Popen[str]"], None]:
    return lambda process: process.send_signal(number)


def to_the_group(number: int) -> Callable[["subprocess.Popen[str]"], None]:
    return lambda process: os.killpg(process.pid, number)


def first_asked_then_told(process: "subprocess.Popen[str]") -> None:
    """End make as CI systems do: SIGINT, and SIGTERM after some seconds."""
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize(
    "end",
    [
        to_make(signal.SIGTERM),
        to_the_group(signal.SIGTERM),
        to_the_group(signal.SIGINT),
        first_asked_then_told,
    ],
    ids=["term-make", "term-group", "int-group", "int-term-make"],
)
@pytest.mark.parametrize("choice", ["terminate", "leave"])
def test_a_make_that_is_ended_takes_its_run_along_if_it_is_told(
    ready: Path, end: Callable[["subprocess.Popen[str]"], None], choice: str
) -> None:
    with kfp_server(script=[STEPS[0]]) as server:
        with making(ready, server, f"ARGS=--on-interrupt {choice}") as process:
            end(process)
            out, shown = process.communicate(timeout=60)  # until nobody writes any more
        answer = json.loads(out)
        (error,) = re.findall("^error: .*", shown, re.M)
        ended = choice == "terminate"
        line = "the run is being terminated" if ended else "the run goes on"
        assert error == f"error: interrupted; {line}: {answer['url']}"
        assert answer["state"] == ("CANCELING" if ended else "RUNNING")
        terminated = [r.path for r in server.changes() if r.path.endswith(":terminate")]
        assert len(terminated) == ended
    assert process.returncode != 0


def test_make_waits_on_where_it_alone_gets_a_ctrl_c(ready: Path) -> None:
    with kfp_server(script=[STEPS[0]], on_demand=True) as server:
        with making(ready, server) as process:
            process.send_signal(signal.SIGINT)
            server.runs[0]["script"].append(Moment("SUCCEEDED"))
            server.advance(server.runs[0]["run_id"])
            out, _ = process.communicate(timeout=60)
        assert json.loads(out)["state"] == "SUCCEEDED"
