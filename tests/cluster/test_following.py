"""Following a run to its end, against a server whose runs go on as they are told to."""

import json
import re
import signal
from collections.abc import Iterator, Sequence

import pytest
import urllib3

from kfp_workbench.cluster import following, runs, transport, waiting
from kfp_workbench.cluster import server as servers
from kfp_workbench.cluster.credentials import Token
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import secrecy
from kfp_workbench.signals import Signals
from servers.kfp_server import Moment, kfp_server
from servers.kfp_server.faults import PAGES
from shared.credentials import Rotating
from shared.followed import PENDING, PLACES, SECRET, STEPS, SUCCESS, Time, Waiting


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
    lines = re.sub(r"\d+ s", "*", ended.shown).splitlines()
    assert lines == [
        f"submitted: {wait.url}",
        "the run is pending",
        "the run is running",
        "Add: started",
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
    row["ended"] = {"add": "2026-01-01T11:00:00Z"}
    assert "Add: succeeded after 3600 s" in wait().shown


@pytest.mark.parametrize(
    ("script", "status", "line"),
    [
        ([Moment("SUCCEEDED")], 0, ""),
        ([Moment(""), Moment("SUCCEEDED")], 0, ""),
        ([PENDING, Moment("CANCELING"), Moment("FAILED")], 1, "the run was terminated: {url}"),
        ([PENDING, Moment("CANCELED")], 1, "the run was terminated: {url}"),  # the API has it
        ([Moment("FAILED")], 1, "the run failed: its log: {url}"),
    ],
)
def test_outcomes(wait: Waiting, script: Sequence[Moment], status: int, line: str) -> None:
    ended = wait(script)
    assert (ended.status, ended.line) == (status, line.format(url=wait.url))
    assert ended.answer["state"] == script[-1].state


def test_a_run_that_was_terminated_while_nobody_looked(wait: Waiting) -> None:
    wait.add([Moment("RUNNING")])
    row = wait.server.runs[0]
    row["state_history"].append({"update_time": "2026-01-01T00:00:00Z", "state": "CANCELING"})
    row["script"].append(Moment("FAILED"))
    assert wait().line == f"the run was terminated: {wait.url}"


def test_a_run_that_somebody_terminates(wait: Waiting) -> None:
    def terminate() -> None:
        urllib3.request("POST", f"{wait.server.url}/apis/v2beta1/runs/{wait.run_id}:terminate")

    ended = wait([PENDING, *STEPS], at={3: terminate})
    assert (ended.status, ended.line) == (1, f"the run was terminated: {wait.url}")
    lines = re.sub(r"\d+ s", "*", ended.shown).splitlines()
    assert lines[-2:] == ["the run is being terminated", "Div: interrupted after *"]


@pytest.mark.parametrize("word", ["", "RUNTIME_STATE_UNSPECIFIED"])
def test_a_state_that_is_not_told_is_nobodys_word(wait: Waiting, word: str) -> None:
    """As between PENDING and RUNNING, while Argo has not begun with a run."""
    ended = wait([PENDING, Moment(word), STEPS[0], Moment(word), Moment("SUCCEEDED")])
    said = [line for line in ended.shown.splitlines() if "the run is" in line]
    assert said == ["the run is pending", "the run is running"]


def test_a_run_of_which_nothing_is_told_has_no_state(wait: Waiting) -> None:
    ended = wait([Moment("")], timeout=1)
    assert ended.status == 124 and "state" not in ended.answer
    assert "the run is" not in ended.shown


def test_a_run_that_is_deleted_meanwhile_is_one_line(wait: Waiting) -> None:
    ended = wait([Moment("RUNNING")], at={1: lambda: wait.server.runs.remove(wait.run_id)})
    assert (ended.status, ended.line) == (1, "the run is not there any more: somebody deleted it")
    assert ended.answer["state"] == "RUNNING" and "Traceback" not in ended.shown


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
    wait.server.problems.clear()  # nor does the OpenAPI file


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
    line = f"interrupted; the run is being terminated: {wait.url}"
    assert (ended.status, ended.line) == (130, line)
    assert [r.path[-10:] for r in wait.server.changes()] == [":terminate"]
    assert wait.server.runs[0]["script"][-1].state == "FAILED"
    assert ended.answer["state"] == "CANCELING"


def test_a_run_that_is_terminated_at_once(wait: Waiting) -> None:
    wait.server.fail("lost", ":terminate", times=1)

    def end() -> None:  # before it is asked again
        wait.server.advance(wait.run_id)

    ended = wait(STEPS, on_interrupt="terminate", at={2: interrupt, 3: end})
    assert ended.line == f"interrupted; the run was terminated: {wait.url}"
    assert ended.answer["state"] == "FAILED"


@pytest.mark.parametrize("fault", ["500", "reset", "429"])
def test_terminating_is_tried_again(wait: Waiting, fault: str) -> None:
    wait.server.fail(fault, ":terminate", times=2)
    ended = wait(STEPS, on_interrupt="terminate", at={2: interrupt})
    assert ended.line == f"interrupted; the run is being terminated: {wait.url}"


def test_terminating_whose_answer_is_lost_is_looked_into(wait: Waiting) -> None:
    wait.server.fail("lost", ":terminate")
    ended = wait(STEPS, on_interrupt="terminate", at={2: interrupt})
    assert ended.line == f"interrupted; the run is being terminated: {wait.url}"


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
