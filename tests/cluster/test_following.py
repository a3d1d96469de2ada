"""`make run WAIT=1`, against a server whose runs go on as they are told to."""

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.cluster import failures, following, runs, tasks, transport, waiting
from kfp_workbench.cluster import server as servers
from kfp_workbench.cluster.credentials import Credentials, Token
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import progress
from kfp_workbench.project import secrecy
from kfp_workbench.signals import Signals
from servers.kfp_server import KfpServer, Moment, Request, kfp_server
from servers.kfp_server.faults import PAGES
from shared.baking import bake, environment, make
from shared.credentials import Rotating
from shared.terminal import ANSI

PENDING = Moment("PENDING")
STEPS = [
    Moment("RUNNING", {"add": "RUNNING"}),
    Moment("RUNNING", {"add": "SUCCEEDED", "div": "RUNNING"}),
]
SUCCESS = [PENDING, *STEPS, Moment("SUCCEEDED", {"add": "SUCCEEDED", "div": "SUCCEEDED"})]
FAILED = Moment(
    "FAILED",
    {"add": "SUCCEEDED", "div": "FAILED"},
    {"div": "main: Error (exit code 1)"},
    {"div": "reading\ndiv: cannot divide by 0\n"},
)
FAILURE = [PENDING, *STEPS, FAILED]
PLACES = [progress.Place((name,), name.capitalize(), 0) for name in ("add", "div")]
CLOCK = re.compile(r"^\d\d:\d\d:\d\d ", re.M)


class Time:
    """A clock that goes on by what is slept; ``at`` is called at that sleep, from 1 on."""

    def __init__(self, at: Mapping[int, Callable[[], object]] | None = None) -> None:
        self.time = 0.0
        self.slept: list[float] = []
        self.at = at or {}

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        self.at.get(len(self.slept), lambda: None)()

    @property
    def clock(self) -> following.Clock:
        return following.Clock(lambda: self.time, self.sleep)


class Ended:
    """What a wait came to."""

    def __init__(self, result: waiting.Result, shown: str) -> None:
        self.answer, self.problem = result
        self.status = result.problem.status if result.problem else 0
        self.line = str(result.problem or "")
        self.shown = CLOCK.sub("", shown)
        assert "\n" not in self.line


class Waiting:
    """A server, and a run on it that is waited for."""

    def __init__(self, server: KfpServer, capsys: pytest.CaptureFixture[str]) -> None:
        self.server, self.capsys = server, capsys
        self.time = Time()
        self.run_id = ""

    def __call__(
        self,
        script: Sequence[Moment] = SUCCESS,
        *,
        timeout: float | None = None,
        on_interrupt: str = "ask",
        credentials: Credentials | None = None,
        at: Mapping[int, Callable[[], object]] | None = None,
        namespace: str | None = None,
        mask: secrecy.Mask = secrecy.NO_MASK,
    ) -> Ended:
        if not self.run_id:
            self.add(script, namespace or "")
        connected = servers.Server(transport.Endpoint(self.server.url, credentials), namespace)
        url = servers.run_url(connected, self.run_id)
        submission = runs.Submission("e", self.run_id, url)
        options = waiting.Options(timeout, on_interrupt)
        self.time = Time(at)
        self.capsys.readouterr()
        with Signals() as signals:
            result = waiting.wait(
                connected, submission, PLACES, options, signals, mask, clock=self.time.clock
            )
        out, shown = self.capsys.readouterr()
        assert out == ""
        return Ended(result, shown)

    def add(self, script: Sequence[Moment], namespace: str = "") -> None:
        experiment = self.server.add_experiment("e", namespace)["experiment_id"]
        self.run_id = self.server.add_run(list(script), experiment_id=experiment)["run_id"]

    @property
    def url(self) -> str:
        return f"{self.server.url}/#/runs/details/{self.run_id}"

    @property
    def looks(self) -> int:
        return len(self.server.calls("GET", f"/v2beta1/runs/{self.run_id}"))


@pytest.fixture
def wait(capsys: pytest.CaptureFixture[str]) -> Iterator[Waiting]:
    with kfp_server() as server:
        yield Waiting(server, capsys)


# How a run ends


def test_a_run_that_succeeds(wait: Waiting) -> None:
    ended = wait()
    assert (ended.status, ended.problem) == (0, None)
    assert ended.answer == {
        "experiment_id": "e",
        "run_id": wait.run_id,
        "url": wait.url,
        "state": "SUCCEEDED",
    }
    lines = re.sub(r"\d+\.\d\d s", "*", ended.shown).splitlines()
    assert lines == [
        f"submitted: {wait.url}",
        "the run is pending",
        "Add: started",
        "the run is running",
        "Add: succeeded after *",
        "Div: started",
        "Div: succeeded after *",
        f"the run succeeded: {wait.url}",
    ]
    assert wait.looks == len(wait.server.requests) == 4


def test_a_step_takes_as_long_as_the_server_says(wait: Waiting) -> None:
    wait.add([*STEPS, Moment("SUCCEEDED", {"add": "SUCCEEDED", "div": "SUCCEEDED"})])
    row = wait.server.runs[0]
    row["started"] = {"add": "2026-01-01T10:00:00Z"}
    row["ended"] = {"add": "2026-01-01T11:00:00.5Z"}
    assert "Add: succeeded after 3600.50 s" in wait().shown


@pytest.mark.parametrize(
    ("script", "status", "line"),
    [
        ([Moment("SKIPPED")], 0, ""),
        ([Moment("SUCCEEDED")], 0, ""),
        ([Moment("PAUSED"), Moment("RUNNING"), Moment("SUCCEEDED")], 0, ""),
        ([PENDING, Moment("CANCELED")], 1, "the run was cancelled: {url}"),
        ([PENDING, Moment("CANCELING"), Moment("FAILED")], 1, "the run was cancelled: {url}"),
        ([Moment("FAILED")], 1, "the run failed: its log: {url}"),
        ([Moment("RUNTIME_STATE_UNSPECIFIED"), Moment("SUCCEEDED")], 0, ""),
    ],
)
def test_outcomes(wait: Waiting, script: Sequence[Moment], status: int, line: str) -> None:
    ended = wait(script)
    assert (ended.status, ended.line) == (status, line.format(url=wait.url))
    assert ended.answer["state"] == script[-1].state


def test_a_run_that_was_cancelled_while_nobody_looked(wait: Waiting) -> None:
    wait.add([Moment("RUNNING")])
    row = wait.server.runs[0]
    row["state_history"].append({"update_time": "2026-01-01T00:00:00Z", "state": "CANCELING"})
    row["script"].append(Moment("FAILED"))
    assert wait().line == f"the run was cancelled: {wait.url}"


def test_a_run_that_is_deleted_meanwhile_is_one_line(wait: Waiting) -> None:
    ended = wait([Moment("RUNNING")], at={1: lambda: wait.server.runs.remove(wait.run_id)})
    assert (ended.status, ended.line) == (1, "the run is not there any more: somebody deleted it")
    assert ended.answer["state"] == "RUNNING" and "Traceback" not in ended.shown


# Steps that are told


def told(*moments: Sequence[Mapping[str, str]]) -> list[str]:
    """Return what is told when the server says this of its tasks, time after time."""

    class Told(progress.Lines):
        def _print(self, text: str) -> None:
            lines.append(CLOCK.sub("", text))

    lines: list[str] = []
    known = tasks.Tasks(PLACES, Told())
    for rows in moments:
        known.update([{"display_name": row["name"], **row} for row in rows])
        lines.append("--")
    return lines


def row(name: str, state: str, start: int = 0, end: int = 0) -> dict[str, str]:
    times = [
        f"2026-01-01T00:00:{second:02}Z" if second else "1970-01-01T00:00:00Z"
        for second in (start, end)
    ]
    return {"name": name, "state": state, "start_time": times[0], "end_time": times[1]}


def test_rows_that_are_no_steps_are_not_told() -> None:
    rows = [row(name, "RUNNING", 1) for name in ("root", "executor", "add-driver", "run-1", "loop")]
    assert told(rows, [*rows, row("add", "PENDING")]) == ["--", "--"]


def test_a_loops_executions_are_counted() -> None:
    begun = [row("add", "RUNNING", 1), row("add", "RUNNING", 2)]
    first = [row("add", "SUCCEEDED", 1, 5), row("add", "RUNNING", 2)]
    both = [row("add", "SUCCEEDED", 2, 9), row("add", "SUCCEEDED", 1, 5)]
    assert told(begun, first, first, both) == [
        *("Add: started", "Add: started", "--"),
        *("Add: succeeded after 4.00 s", "--", "--"),
        *("Add: succeeded after 7.00 s", "--"),
    ]


def test_what_happened_between_two_looks_is_told_in_its_order() -> None:
    rows = [row("div", "RUNNING", 5), row("add", "SUCCEEDED", 1, 4)]
    assert told(rows) == ["Add: started", "Add: succeeded after 3.00 s", "Div: started", "--"]


@pytest.mark.parametrize("never", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "", "soon"])
def test_a_time_that_never_was_makes_no_length(never: str) -> None:
    ended = {**row("add", "FAILED", 1, 2), "start_time": never}
    assert told([ended]) == ["Add: started", "Add: failed after 0.00 s", "--"]


def test_a_driver_that_fails_is_its_steps_failure() -> None:
    assert told([row("add-driver", "FAILED", 1, 2)]) == [
        "Add: started",
        "Add: failed after 1.00 s",
        "--",
    ]


def test_a_step_that_is_skipped_never_began() -> None:
    assert told([row("div", "SKIPPED", 1, 1)]) == ["Div: skipped", "--"]


@pytest.mark.parametrize(
    "rows",
    [
        None,
        {},
        "x",
        [None, 1, "x", {}],
        [{"display_name": ["add"], "state": {}}],
        [{"display_name": "add", "state": "SUCCEEDED", "start_time": 1, "end_time": "soon"}],
        [{"display_name": "add", "state": "SUCCEEDED", "start_time": "0001-01-01T00:00:00Z"}],
    ],
)
def test_rows_that_are_none_do_no_harm(rows: object) -> None:
    tasks.Tasks(PLACES, progress.Lines()).update(rows)


def test_a_step_in_two_pipelines_is_told_once() -> None:
    places = [*PLACES, progress.Place(("inner",), "Inner", 0, is_box=True)]
    known = tasks.Tasks([*places, progress.Place(("inner", "add"), "Other", 1)], progress.Lines())
    assert (known.label("add"), known.label("inner"), known.label("add-driver")) == (
        "Add",
        "",
        "Add",
    )


# Why a run failed


def test_the_step_that_failed_its_reason_and_its_log(wait: Waiting) -> None:
    ended = wait(FAILURE)
    pod = re.search(r"run-00001-system-container-impl-\d+", ended.line)
    assert ended.status == 1 and pod
    assert ended.line == (
        "step Div failed (main: Error (exit code 1)): its log: "
        f"kubectl logs -n kubeflow {pod[0]} -c main, or {wait.url}"
    )
    assert ended.shown.endswith("\nThe last lines of Div:\n  reading\n  div: cannot divide by 0\n")
    assert ended.answer["state"] == "FAILED"


@pytest.mark.parametrize("fault", ["404", "html", "redirect", "403", "reset"])
def test_the_log_of_kfps_page_is_taken_where_the_api_is_not_passed_on(
    wait: Waiting, fault: str
) -> None:
    wait.server.fail(fault, "/apis/v1alpha1/")
    assert "  div: cannot divide by 0\n" in wait(FAILURE).shown


def test_the_log_in_a_namespace() -> None:
    with kfp_server(multi_user=True) as server:
        server.fail("404", "/apis/v1alpha1/")
        connected = servers.Server(transport.Endpoint(server.url), "team-a")
        experiment = server.add_experiment("e", "team-a")["experiment_id"]
        run_id = server.add_run([FAILED], experiment_id=experiment)["run_id"]
        submission = runs.Submission("e", run_id, "u")
        _, problem = waiting.wait(connected, submission, PLACES, waiting.Options(), Signals())
        assert "kubectl logs -n team-a run-00001-" in str(problem)
        assert server.requests[-1].value("podnamespace") == "team-a"


@pytest.mark.parametrize(
    "fault",
    ["401", "403", "404", "500", "html", "redirect", "empty", "broken", "null", "reset", "torn"],
)
@pytest.mark.parametrize("at", ["/apis/v1beta1/", "log"])
def test_a_failure_is_told_whatever_else_fails(wait: Waiting, fault: str, at: str) -> None:
    wait.server.fail(fault, at)
    ended = wait(FAILURE)
    assert ended.status == 1 and ended.line.startswith("step Div failed")
    assert ended.line.endswith(wait.url)
    if fault not in ("empty", "broken", "null"):  # which a log may well be
        assert "The last lines" not in ended.shown


def test_a_silent_server_does_not_keep_a_failure_from_being_told(
    wait: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS", 0.2)
    wait.server.fail("silent", "/apis/v1beta1/")
    assert wait(FAILURE).line == f"step Div failed: its log: {wait.url}"


def test_a_log_that_the_server_does_not_have_is_not_shown(wait: Waiting) -> None:
    moment = Moment("FAILED", {"div": "FAILED"}, {"div": "OOMKilled (exit code 137)"})
    ended = wait([moment])
    assert "step Div failed (OOMKilled (exit code 137)): its log: kubectl" in ended.line
    assert "error_message" not in ended.shown and "The last lines" not in ended.shown


def test_only_the_end_of_a_log_is_shown_and_cannot_steer_the_terminal(wait: Waiting) -> None:
    token = "s3cret-token"
    log = "x" * 200_000 + "".join(f"\nline {n}" for n in range(50)) + f"\n\x1b[2J\x07{token}\rend\n"
    moment = Moment("FAILED", {"div": "FAILED"}, {"div": f"\x1b]0;t\x07 {token}"}, {"div": log})
    wait.server.token = token
    ended = wait([moment], credentials=Token(token))
    lines = ended.shown.partition("The last lines of Div:\n")[2].splitlines()
    assert lines == [*(f"  line {n}" for n in range(31, 50)), "  ?[2J?***?end"]
    assert token not in ended.shown + ended.line and "\x1b" not in ended.shown + ended.line


NODE = {"type": "Pod", "templateName": "t", "phase": "Failed"}


@pytest.mark.parametrize(
    ("nodes", "line"),
    [
        ({}, "the run failed (child failed): its log: {url}"),
        # A driver, whose step never began.
        (
            {"w-1": {**NODE, "id": "w-1", "displayName": "add-driver", "message": "no such image"}},
            "step Add failed (no such image): its log: kubectl logs -n ns w-t-1 -c main, or {url}",
        ),
        # What is no step.
        (
            {"w-1": {**NODE, "id": "w-1", "displayName": "root-driver"}},
            "step root-driver failed: its log: kubectl logs -n ns w-t-1 -c main, or {url}",
        ),
        # The first of two, of which one was tried again.
        (
            {
                "w-9": {"id": "w-9", "displayName": "div", "type": "DAG", "children": ["w-8"]},
                "w-8": {
                    **{"id": "w-8", "displayName": "executor", "type": "Retry", "phase": "Failed"},
                    "children": ["w-1", "w-2"],
                },
                "w-1": {**NODE, "id": "w-1", "displayName": "executor(0)", "finishedAt": "1"},
                "w-2": {**NODE, "id": "w-2", "displayName": "executor(1)", "finishedAt": "2"},
                "w-3": {**NODE, "id": "w-3", "displayName": "executor", "finishedAt": "3"},
            },
            "step Div failed: its log: kubectl logs -n ns w-t-2 -c main, or {url}",
        ),
        # A try that failed, and was made good.
        (
            {
                "w-8": {
                    **{"id": "w-8", "type": "Retry", "phase": "Succeeded", "children": ["w-1"]}
                },
                "w-1": {**NODE, "id": "w-1", "displayName": "executor(0)"},
            },
            "the run failed (child failed): its log: {url}",
        ),
        # A circle, and things that are none.
        (
            {
                "w-1": {**NODE, "id": "w-1", "displayName": "x", "children": ["w-2"]},
                "w-2": {"id": "w-2", "children": ["w-1"]},
            },
            "step x failed: its log: kubectl logs -n ns w-t-1 -c main, or {url}",
        ),
        ({"w-1": 1}, "the run failed: its log: {url}"),
        ([], "the run failed: its log: {url}"),
        ({"w-1": {"type": "Pod", "phase": "Failed"}}, "the run failed: its log: {url}"),
    ],
)
def test_what_a_workflow_tells(
    wait: Waiting, monkeypatch: pytest.MonkeyPatch, nodes: Any, line: str
) -> None:
    status = {"nodes": nodes, "message": "child failed"}
    workflow = {"metadata": {"name": "w", "namespace": "ns"}, "status": status}
    monkeypatch.setattr(failures, "_workflow", lambda *_: workflow)
    assert wait([Moment("FAILED")]).line == line.format(url=wait.url)


# Faults


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("429", "it has too much to do (429"),
        ("500", "the server failed (500"),
        ("503", "the server failed (503"),
        ("aborted", "it refused (409"),
        ("reset", "the connection broke"),
        ("lost", "the connection broke"),
        ("torn", "the connection broke"),
        ("silent", "no answer within 0 s"),
        ("html", "its answer is not KFP's"),
        ("text", "its answer is not KFP's"),
        ("broken", "its answer is not KFP's"),
        ("null", "its answer is not KFP's"),
        ("empty", "its answer is not KFP's"),
    ],
)
@pytest.mark.parametrize("times", [1, 3])
def test_a_fault_that_passes_does_not_lose_the_run(
    wait: Waiting, monkeypatch: pytest.MonkeyPatch, fault: str, line: str, times: int
) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS", 0.2)
    wait.server.fail(fault, "/runs/", first=2, times=times)
    ended = wait()
    assert ended.status == 0 and ended.answer["state"] == "SUCCEEDED"
    notes = [item for item in ended.shown.splitlines() if item.startswith("note: ")]
    assert len(notes) == 1 and line in notes[0] and notes[0].endswith("; trying again for 5 min")
    assert ended.shown.count("the server answers again") == 1
    assert not wait.server.calls(at="/login") and not wait.server.changes()


@pytest.mark.parametrize("fault", ["500", "reset", "html", "empty"])
def test_a_fault_that_stays_ends_the_wait_after_minutes(wait: Waiting, fault: str) -> None:
    wait.server.fail(fault, "/runs/", first=2)
    ended = wait([Moment("RUNNING")])
    assert ended.status == 1 and ended.answer["state"] == "RUNNING"
    assert ended.line.endswith(f"; it has gone on so for 5 min; the run goes on: {wait.url}")
    assert 300 <= wait.time.time < 320 and wait.looks < 50


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '"' + "x" * 1_000_000, '{"run_id": "another"}', "\xff"]
)
def test_what_is_no_run_is_a_fault(
    wait: Waiting, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setitem(PAGES, "text", (200, "application/json", content))
    wait.server.fail("text", "/runs/", first=2, times=1)
    ended = wait()
    assert ended.status == 0 and "its answer is not KFP's" in ended.shown
    assert max(map(len, ended.shown.splitlines())) < 500


@pytest.mark.parametrize("state", ["\x1b[2J", "X" * 10_000])
def test_a_state_that_is_none_is_not_believed(wait: Waiting, state: str) -> None:
    ended = wait([Moment(state), Moment("SUCCEEDED")])
    assert ended.status == 0 and "\x1b" not in ended.shown
    assert max(map(len, ended.shown.splitlines())) < 200


def test_a_server_that_is_gone_for_a_while(wait: Waiting) -> None:
    """As when a port-forward ends, and is started anew."""
    wait.add(SUCCESS)
    true = wait.server.url
    connected = servers.Server(transport.Endpoint("http://127.0.0.1:9"), None)

    def back() -> None:
        connected.api.configuration.host = true

    result = waiting.wait(
        connected,
        runs.Submission("e", wait.run_id, "u"),
        PLACES,
        waiting.Options(),
        Signals(),
        clock=Time({3: back}).clock,
    )
    shown = wait.capsys.readouterr().err
    assert result.problem is None and "http://127.0.0.1:9: no server answers there" in shown


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("401", "asks for a login (401): sign in anew, KFP_TOKEN is refused; the run goes on: "),
        ("redirect", "redirects (302), as a login page does"),
        ("403", "you may not look at the run on "),
        ("409", "it refused (409"),
        ("400", "it refused (400"),
    ],
)
def test_a_refusal_ends_the_wait_at_once(wait: Waiting, fault: str, line: str) -> None:
    wait.server.fail(fault, "/runs/", first=2)
    ended = wait([Moment("RUNNING")], credentials=Token("s3cret-token"))
    assert ended.status == 1 and line in ended.line
    assert ended.line.endswith(f"; the run goes on: {wait.url}")
    assert wait.looks == 2 and ended.answer["state"] == "RUNNING"


def test_a_token_that_runs_out_is_renewed(wait: Waiting) -> None:
    wait.server.token = "old"

    def renew() -> None:
        wait.server.token = "new"

    ended = wait(credentials=Rotating("old", "new"), at={2: renew})
    assert ended.status == 0 and "note" not in ended.shown
    sent = [request.headers["authorization"] for request in wait.server.requests]
    assert sent == ["Bearer old"] * 3 + ["Bearer new"] * 2


def test_a_login_page_is_answered_by_signing_in_anew_once(wait: Waiting) -> None:
    wait.server.fail("html", "/runs/", first=2, times=2)
    credentials = Rotating("old", "new", "newer")
    assert wait(credentials=credentials).status == 0
    assert credentials.tokens == ["new", "newer"] and wait.time.slept.count(0.0) == 1


def test_a_redirect_to_a_login_is_not_noticed_when_a_new_sign_in_helps(wait: Waiting) -> None:
    wait.server.fail("redirect", "/runs/", first=2, times=1)
    ended = wait(credentials=Rotating("old", "new"))
    assert ended.status == 0 and "note" not in ended.shown
    assert not wait.server.calls(at="/login")


def test_a_sign_in_that_fails_is_no_traceback(wait: Waiting) -> None:
    class Broken(Rotating):
        def refresh(self) -> bool:
            raise WorkbenchError("no sign-in")

    wait.server.fail("html", "/runs/", first=2, times=2)
    assert wait(credentials=Broken("s3cret-token")).status == 0


@pytest.mark.parametrize(
    ("asked", "slept"),
    [("7", 7.0), ("9999", 60.0), ("inf", 60.0), ("soon", 1.0), ("nan", 1.0), ("", 1.0)],
)
def test_what_a_busy_server_asks_for_is_heeded_within_reason(
    wait: Waiting, asked: str, slept: float
) -> None:
    wait.server.fail("429", "/runs/", first=1, times=1, retry_after=asked)
    assert wait([Moment("SUCCEEDED")]).status == 0
    assert wait.time.slept == [slept]


def test_looks_get_rarer_while_nothing_changes(wait: Waiting) -> None:
    running, steps = Moment("RUNNING"), Moment("RUNNING", {"add": "RUNNING"})
    wait([*[running] * 15, steps, Moment("SUCCEEDED")])
    quiet = wait.time.slept[:15]
    assert quiet[0] == 1.0 and quiet == sorted(quiet) and quiet[-1] == 10.0
    assert wait.time.slept[15:] == [1.0]


def test_other_runs_cost_nothing(wait: Waiting) -> None:
    wait.add(SUCCESS)
    experiment = wait.server.experiments[0]["experiment_id"]
    for number in range(10_000):
        wait.server.add_run(display_name=f"r{number}", experiment_id=experiment)
    assert wait().status == 0
    assert wait.looks == len(wait.server.requests) == 4


# Time-outs


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


def test_a_run_that_takes_too_long_goes_on(wait: Waiting) -> None:
    ended = wait([Moment("RUNNING")], timeout=90)
    assert (ended.status, wait.time.time) == (124, 90)
    assert ended.line == f"the run has not ended within 90 s; the run goes on: {wait.url}"
    assert ended.answer["state"] == "RUNNING" and not wait.server.changes()


def test_the_state_is_looked_at_before_the_deadline_is(wait: Waiting) -> None:
    assert wait([Moment("RUNNING"), Moment("SUCCEEDED")], timeout=0.5).status == 0
    assert wait.time.slept == [0.5]


def test_a_time_out_ends_a_server_s_trouble_too(wait: Waiting) -> None:
    wait.server.fail("500", "/runs/")
    ended = wait(timeout=60)
    assert (ended.status, wait.time.time) == (124, 60) and "state" not in ended.answer


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5", 1.5), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86400), (" 5 ", 5)],
)
def test_times(text: str, seconds: float) -> None:
    assert waiting.seconds(text, "TIMEOUT") == seconds


@pytest.mark.parametrize(
    "text", ["0", "-1", "", "soon", "1e9", "nan", "inf", "2 h", "2H", "367d", "$(x)"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(WorkbenchError, match="is no time: give seconds, or such as 30m") as caught:
        waiting.seconds(text, "TIMEOUT")
    assert caught.value.status == 2 and str(caught.value).startswith(f"TIMEOUT='{text}'")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(90, "90 s"), (60, "1 min"), (300, "5 min"), (3600, "1 h"), (5400, "90 min"), (9000, "2.5 h")],
)
def test_times_as_people_say_them(seconds: float, text: str) -> None:
    assert following.spoken(seconds) == text


# Interrupts, without a terminal


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("choice", ["ask", "leave"])
def test_an_interrupt_leaves_the_run(wait: Waiting, choice: str) -> None:
    ended = wait(STEPS, on_interrupt=choice, at={2: interrupt})
    assert (ended.status, ended.line) == (130, f"interrupted; the run goes on: {wait.url}")
    assert ended.answer["state"] == "RUNNING" and not wait.server.changes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_is_an_interrupt(wait: Waiting, number: int) -> None:
    before = signal.getsignal(number)
    ended = wait(STEPS, at={2: lambda: signal.raise_signal(number)})
    assert (ended.status, ended.line) == (130, f"interrupted; the run goes on: {wait.url}")
    assert signal.getsignal(number) is before


def test_an_interrupt_can_terminate_the_run(wait: Waiting) -> None:
    ended = wait(STEPS, on_interrupt="terminate", at={2: interrupt})
    assert (ended.status, ended.line) == (130, f"interrupted; the run was terminated: {wait.url}")
    assert [r.path[-10:] for r in wait.server.changes()] == [":terminate"]
    assert wait.server.runs[0]["script"][-1].state == "FAILED"
    assert ended.answer["state"] == "FAILED"


def test_a_run_that_takes_its_time_to_be_terminated(wait: Waiting) -> None:
    wait.server.on_demand = True
    ended = wait([STEPS[0]], on_interrupt="terminate", at={2: interrupt})
    assert ended.line == f"interrupted; the run is being terminated: {wait.url}"
    assert ended.answer["state"] == "CANCELING"


@pytest.mark.parametrize("fault", ["500", "reset", "429"])
def test_terminating_is_tried_again(wait: Waiting, fault: str) -> None:
    wait.server.fail(fault, ":terminate", times=2)
    ended = wait(STEPS, on_interrupt="terminate", at={2: interrupt})
    assert ended.line == f"interrupted; the run was terminated: {wait.url}"


def test_terminating_whose_answer_is_lost_is_looked_into(wait: Waiting) -> None:
    wait.server.fail("lost", ":terminate")
    ended = wait(STEPS, on_interrupt="terminate", at={2: interrupt})
    assert ended.line == f"interrupted; the run was terminated: {wait.url}"


@pytest.mark.parametrize("fault", ["500", "403", "html"])
def test_a_run_that_cannot_be_terminated_is_said_to_go_on(wait: Waiting, fault: str) -> None:
    wait.server.fail(fault, ":terminate")
    ended = wait(STEPS, on_interrupt="terminate", at={2: interrupt})
    assert ended.status == 130
    assert ended.line.startswith("interrupted; the run could not be terminated and goes on (")
    assert ended.line.endswith(f"): {wait.url}") and wait.server.url in ended.line


def test_a_run_that_ends_by_itself_first_is_said_so(wait: Waiting) -> None:
    def both() -> None:
        wait.server.advance(wait.run_id)
        interrupt()

    wait.server.on_demand = True
    ended = wait([Moment("RUNNING"), Moment("SUCCEEDED")], on_interrupt="terminate", at={1: both})
    assert ended.line == f"interrupted; the run had ended as SUCCEEDED: {wait.url}"
    assert ended.answer["state"] == "SUCCEEDED"


def test_a_second_interrupt_while_terminating_leaves(wait: Waiting) -> None:
    wait.server.fail("500", ":terminate")
    ended = wait(STEPS, on_interrupt="terminate", at={2: interrupt, 3: interrupt})
    assert ended.line == f"interrupted; it is not known whether the run ends: {wait.url}"


# `make run WAIT=1` itself


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = bake(tmp_path_factory.mktemp("following"))
    assert make(project, "compile").returncode == 0
    return project


SECRET = "hunter2-secret"


def test_a_failure_shows_no_secret_parameter(ready: Path) -> None:
    """As a local run's does not; the context is a parameter with a secret in it."""
    said = {"div": f"failed with {SECRET}"}
    log = {"div": f"pw is {SECRET}\ndb://u:{SECRET}@h\n"}
    script = [PENDING, *STEPS, Moment("FAILED", {"add": "SUCCEEDED", "div": "FAILED"}, said, log)]
    with kfp_server(script=script) as server:
        server.fail("500", "/runs/", method="GET", first=2, times=1)
        context = json.dumps({"numbers": [1], "password": SECRET})
        result = ops_run(ready, server, "--wait", "-p", f"context={context}")
    assert result.returncode == 1 and SECRET not in result.stdout + result.stderr
    assert "\nThe last lines of Div:\n  pw is ***\n  db://u:***@h\n" in result.stderr
    assert "error: step Div failed (failed with ***): its log: kubectl" in result.stderr


def test_no_fault_on_the_way_shows_a_secret_parameter(
    wait: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = json.dumps({"message": f"I have no {SECRET}"})
    monkeypatch.setitem(PAGES, "text", (503, "application/json", content))
    wait.server.fail("text", "/runs/", first=1, times=1)
    wait.server.fail("text", ":terminate")
    ended = wait(STEPS, on_interrupt="terminate", at={2: interrupt}, mask=secrecy.Mask([SECRET]))
    assert "note: cannot look at the run" in ended.shown and SECRET not in ended.shown
    assert "goes on (cannot terminate" in ended.line and "I have no ***" in ended.line


def make_run(project: Path, server: KfpServer, *arguments: str, **env: str) -> Any:
    settings = {"KFP_HOST": server.url, "ALLOW_UNPINNED": "1", **env}
    return make(project, "run", *arguments, env=settings, timeout=120)


def ops_run(project: Path, server: KfpServer, *arguments: str, **env: str) -> Any:
    """Call what make calls: its exit status is not make's."""
    settings = {"KFP_HOST": server.url, "ALLOW_UNPINNED": "1", **env}
    return subprocess.run(
        [sys.executable, "-m", "kfp_workbench", "run", *arguments],
        cwd=project,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


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
        assert result.stderr.splitlines()[-1].startswith("error: step Div failed (main: Error")
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


# Interrupts of make, in a terminal and without


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
        (["t\n"], "the run was terminated", "FAILED"),
        (["what?\n", "term\n"], "the run was terminated", "FAILED"),
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
        assert len(terminated) == (state == "FAILED")
    assert "Error 130" in started.shown or "Interrupt" in started.shown
    assert started.process.returncode != 0 and "Traceback" not in started.shown


def test_ctrl_c_does_not_ask_when_it_was_told(terminal: Callable[..., Terminal]) -> None:
    with kfp_server(script=[STEPS[0]]) as server:
        started = terminal(server, "ARGS=--on-interrupt terminate")
        started.until("▸ +Add")
        started.type("\x03")
        assert started.end()["state"] == "FAILED"
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
        line = "the run was terminated" if ended else "the run goes on"
        assert error == f"error: interrupted; {line}: {answer['url']}"
        assert answer["state"] == ("FAILED" if ended else "RUNNING")
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
