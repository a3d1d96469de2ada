"""Why a run failed, as far as the server tells: the step, the reason, its log, the cure."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from kfp_workbench.cluster import failures, logs, refusals, runs, transport, waiting
from kfp_workbench.cluster import server as servers
from kfp_workbench.cluster.credentials import Token
from kfp_workbench.signals import Signals
from servers.kfp_server import Moment, kfp_server
from shared.followed import FAILED, FAILURE, GAVE_UP, PLACES, Waiting, places


@pytest.fixture
def wait(capsys: pytest.CaptureFixture[str]) -> Iterator[Waiting]:
    with kfp_server() as server:
        yield Waiting(server, capsys)


def failed(message: str = "", log: str = "", state: str = "FAILED") -> list[Moment]:
    """Return a run whose step div failed."""
    tasks = {"add": "SUCCEEDED", "div": state}
    return [Moment("FAILED", tasks, {"div": message}, {"div": log} if log else {})]


def test_the_step_that_failed_its_status_and_its_log(wait: Waiting) -> None:
    ended = wait(FAILURE)
    pod = re.search(r"run-00001-system-container-impl-\d+", ended.line)
    assert ended.status == 1 and pod
    assert ended.line == (
        "step Div failed with exit status 3: its log: "
        f"kubectl logs -n kubeflow {pod[0]} -c main, or {wait.url}"
    )
    assert ended.shown.endswith("\nThe last lines of Div:\n  reading\n  div: cannot divide by 0\n")
    assert ended.answer["state"] == "FAILED"


def test_what_to_type_runs_nothing_that_a_server_says(wait: Waiting) -> None:
    wait.server.workflow = "x; touch pwned $(touch pwned)"
    said = wait(FAILURE).line
    command = said[said.index("kubectl") : said.index(", or ")]
    words = shlex.split(command)
    assert words[:4] == ["kubectl", "logs", "-n", "kubeflow"] and words[5:] == ["-c", "main"]
    assert "touch pwned" in words[4]


DRIVER = """\
I1128 13:31:21.678338      16 main.go:120] Setting log level to: '1'
I1128 13:31:21.680924      16 main.go:307] input ComponentSpec:{
  "inputDefinitions": {}
}
F1128 13:31:21.795105      16 main.go:127] KFP driver: driver.Container(pipelineName=a, \
runID=b, taskDisplayName="Div") failed: failed to resolve inputs: the resolved input is null: n
"""
ARGO = "main: Error (exit code 1)"  # which is the launcher's own


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (failed(ARGO, GAVE_UP.format(status=137)), " with exit status 137: its log: kubectl "),
        (failed(ARGO, "reading\n"), ": its log: kubectl "),
        (failed(ARGO), ": its log: kubectl "),
        (failed("", GAVE_UP.format(status=3)), " with exit status 3: its log: kubectl "),
        (failed("OOMKilled (exit code 137)"), " (OOMKilled (exit code 137)): its log: kubectl "),
        (
            failed("OOMKilled (exit code 137)", GAVE_UP.format(status=137)),
            " (OOMKilled (exit code 137)): its log: kubectl ",
        ),
        (failed("Error (exit code 137)"), " (Error (exit code 137)): its log: kubectl "),
        (
            failed("Pod was active on the node longer than the specified deadline", "reading\n"),
            " (Pod was active on the node longer than the specified deadline): its log: kubectl ",
        ),
        (
            failed(ARGO, GAVE_UP.format(status=1).replace("exit status 1", "signal: killed")),
            " (signal: killed): its log: kubectl ",
        ),
        (
            failed(ARGO, DRIVER, "DRIVER"),
            " (failed to resolve inputs: the resolved input is null: n): its log: kubectl ",
        ),
    ],
)
def test_the_reason_is_that_of_the_step(wait: Waiting, script: list[Moment], said: str) -> None:
    ended = wait(script)
    assert ended.line.startswith(f"step Div failed{said}")
    assert "error_message" not in ended.shown and "error_message" not in ended.line
    assert ("The last lines of Div:\n  reading\n" in ended.shown) == (
        script[0].logs.get("div") == "reading\n"
    )
    assert "inputDefinitions" not in ended.shown, "what a driver was given"


def test_an_iteration_of_a_loop_is_named(wait: Waiting) -> None:
    ways = {f"for-loop-1[{number}]/train": "SUCCEEDED" for number in range(3)}
    script = [Moment("FAILED", {**ways, "for-loop-1[1]/train": "FAILED"})]
    ended = wait(script, places=places("for-loop-1/train"))
    assert ended.line.startswith("step train [1] failed: its log: ")


def test_the_driver_of_a_box_is_named(wait: Waiting) -> None:
    ended = wait([Moment("FAILED", {"add": "SUCCEEDED", "condition-1": "DRIVER"})])
    assert ended.line.startswith("step condition-1-driver failed: its log: kubectl logs ")


# What Kubernetes refuses


FORBIDDEN = 'pods "w-1" is forbidden: '
RESTRICTED = f'{FORBIDDEN}violates PodSecurity "restricted:latest": '
ADMIN = ", or ask who administers the namespace"


@pytest.mark.parametrize(
    ("message", "cure"),
    [
        (
            f"{RESTRICTED}runAsNonRoot != true (pod must set securityContext.runAsNonRoot=true)",
            "take run_as_non_root: false out of kubernetes.yaml, use KFP 2.16 or later",
        ),
        (
            f'{RESTRICTED}restricted volume types (volume "data" uses hostPath)',
            "change what it names in kubernetes.yaml",
        ),
        (
            f'{FORBIDDEN}error looking up service account a/b: serviceaccount "b" not found',
            "set service_account in params/<ENV>.yaml to one that is there",
        ),
        (
            f"{FORBIDDEN}failed quota: q: must specify limits.cpu",
            "set cpu and memory in kubernetes.yaml as it says",
        ),
        (
            f"{FORBIDDEN}maximum memory usage per Container is 1Gi, but limit is 2Gi",
            "set cpu and memory in kubernetes.yaml as it says",
        ),
        (
            'Pod "w-1" is invalid: spec.containers[1].env[0].valueFrom: Invalid value: ""',
            "correct what it names in kubernetes.yaml",
        ),
        ('admission webhook "x" denied the request: no latest', ""),
    ],
)
def test_what_kubernetes_refuses_is_told_once_with_its_cure(
    wait: Waiting, message: str, cure: str
) -> None:
    ended = wait(failed(message, state="FORBIDDEN"))
    does = f"{cure}{ADMIN}" if cure else ADMIN.removeprefix(", or ")
    assert (
        ended.line == f"step Div failed: Kubernetes refuses its pod ({message}): {does}: {wait.url}"
    )
    assert "is forbidden" not in ended.shown and "error_message" not in ended.shown
    assert not wait.server.calls(at="log"), "there is none"


@pytest.mark.parametrize("message", ["", ARGO, "the pod is forbidden: fruit", "OOMKilled"])
def test_what_is_no_refusal_has_no_cure(message: str) -> None:
    assert refusals.cure(message) == ""


# Logs


FIRST = "I1128 13:31:21.678338      16 main.go:67] Setting log level to: '1'\n"
# A step in Go, with a logger like that of KFP's launcher.
GO = "I1128 13:31:21.700000      41 main.go:12] reading\n"


@pytest.mark.parametrize(
    ("text", "lines", "reason"),
    [
        ("", [], ""),
        ("one\n\n  two\n", ["one", "  two"], ""),
        (f"{FIRST}one\n{GAVE_UP.format(status=2)}", ["one"], "exit status 2"),
        (f"{FIRST}one{GAVE_UP.format(status=2)}", ["one"], "exit status 2"),
        (f"{FIRST}{GO}{GAVE_UP.format(status=1)}", [GO.rstrip()], "exit status 1"),
        (GO, [GO.rstrip()], ""),
        (f"{FIRST}killed", ["killed"], ""),
        ('one\n{"error_message": "x"}\n', ["one", '{"error_message": "x"}'], ""),
        ('one\n{"error_message":"x","error_details":"y\\nz"}', ["one"], ""),
        ('one{"error_message":"x","error_details":"y"}', ["one"], ""),
        ('{"error_message":' * 10_000, ['{"error_message":' * 10_000], ""),
    ],
)  # fmt: skip
def test_what_a_log_holds(text: str, lines: list[str], reason: str) -> None:
    assert logs.parse(text) == logs.Log(lines, reason)


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


def test_only_the_end_of_a_log_is_shown_and_cannot_steer_the_terminal(wait: Waiting) -> None:
    token = "s3cret-token"
    log = "x" * 200_000 + "".join(f"\nline {n}" for n in range(50)) + f"\n\x1b[2J\x07{token}\rend\n"
    wait.server.token = token
    ended = wait(failed(f"\x1b]0;t\x07 {token}", log), credentials=Token(token))
    lines = ended.shown.partition("The last lines of Div:\n")[2].splitlines()
    assert lines == [*(f"  line {n}" for n in range(31, 50)), "  ?[2J?***?end"]
    assert token not in ended.shown + ended.line and "\x1b" not in ended.shown + ended.line


def test_the_reason_in_a_log_cannot_steer_the_terminal(wait: Waiting) -> None:
    log = GAVE_UP.format(status=1).replace("exit status 1", "\x1b[2J" + "x" * 1000)
    ended = wait(failed(ARGO, log))
    assert "(?[2Jxxx" in ended.line and len(ended.line) < 600


# Workflows


def pod(name: str, phase: str = "Failed", **more: str) -> dict[str, Any]:
    own = {"id": f"w-{len(name)}", "name": name, "displayName": name.rpartition(".")[2]}
    return {**own, "type": "Pod", "templateName": "t", "phase": phase, **more}


@pytest.mark.parametrize(
    ("nodes", "line"),
    [
        ([], "the run failed (child failed): its log: {url}"),
        # A driver, whose step never began.
        (
            [pod("w.root.add-driver", message="no such image")],
            "step Add failed (no such image): its log: kubectl logs -n ns w-t-17 -c main, or {url}",
        ),
        # What is no step.
        (
            [pod("w.root-driver")],
            "step root-driver failed: its log: kubectl logs -n ns w-t-13 -c main, or {url}",
        ),
        # The first of two, of which one was tried again.
        (
            [
                pod("w.root.div.executor(0)", finishedAt="1"),
                pod("w.root.div.executor(1)", finishedAt="2", id="w-2"),
                pod("w.root.add.executor", finishedAt="3"),
            ],
            "step Div failed: its log: kubectl logs -n ns w-t-2 -c main, or {url}",
        ),
        # What was around it was tried again.
        (
            [
                pod("w(0).root(0).div(0).executor(0)", finishedAt="1"),
                {"name": "w(0).root(1)"},
                pod("w(0).root(1).add(0).executor(0)", finishedAt="2", id="w-2"),
            ],
            "step Add failed: its log: kubectl logs -n ns w-t-2 -c main, or {url}",
        ),
        # A try that failed, and was made good.
        (
            [pod("w.root.add.executor(0)"), pod("w.root.add.executor(1)", "Succeeded")],
            "the run failed (child failed): its log: {url}",
        ),
        # Things that are none.
        ([pod("x")], "step x failed: its log: kubectl logs -n ns w-t-1 -c main, or {url}"),
        ([1], "the run failed: its log: {url}"),
        (1, "the run failed: its log: {url}"),
        ([{"type": "Pod", "phase": "Failed"}], "the run failed: its log: {url}"),
    ],
)
def test_what_a_workflow_tells(
    wait: Waiting, monkeypatch: pytest.MonkeyPatch, nodes: Any, line: str
) -> None:
    listed = dict(enumerate(nodes)) if isinstance(nodes, list) else nodes
    status = {"nodes": listed, "message": "child failed"}
    workflow = {"metadata": {"name": "w", "namespace": "ns"}, "status": status}
    monkeypatch.setattr(failures, "_workflow", lambda *_: workflow)
    assert wait([Moment("FAILED")]).line == line.format(url=wait.url)


def test_without_the_old_api_the_step_is_told(wait: Waiting) -> None:
    wait.server.fail("404", "/apis/v1beta1/")
    assert wait(FAILURE).line == f"step Div failed: its log: {wait.url}"
