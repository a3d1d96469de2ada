"""`make run`, against a server that speaks the KFP v2beta1 API."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.cluster import runs, transport
from kfp_workbench.cluster import server as servers
from kfp_workbench.cluster.credentials import Token
from kfp_workbench.errors import WorkbenchError
from servers.kfp_server import KfpServer, kfp_server
from shared.baking import environment, make, submitted

TOKEN = "s3cret-token"


def run(project: Path, server_url: str, *arguments: str, **env: str) -> Any:
    """Submit without a registry: nothing is pushed."""
    settings = {"KFP_HOST": server_url, "ALLOW_UNPINNED": "1", **env}
    return make(project, "run", *arguments, env=settings, timeout=120)


def error(result: Any) -> str:
    """Return the one line that a failed run printed."""
    assert result.returncode != 0 and result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if not line.startswith("make:")]
    assert "Traceback" not in result.stderr
    assert [line for line in lines if line.startswith("error: ")] == [lines[-1]]
    return str(lines[-1])


def start(
    package: Path, host: str, *, namespace: str | None = None, token: str = "", **names: Any
) -> runs.Submission:
    """Call the functions behind `make run`."""
    server = servers.connect(host, namespace, Token(token) if token else None)
    parameters = {"context": {"numbers": [1]}}
    return runs.submit(server, package, parameters, **{"experiment": "e", "run_name": "r", **names})


def refused(package: Path, host: str, **more: Any) -> str:
    with pytest.raises(WorkbenchError) as caught:
        start(package, host, **more)
    message = str(caught.value)
    assert "\n" not in message and TOKEN not in message
    return message


# What is sent


def test_a_run_is_submitted_with_experiment_name_and_parameters(
    default: Path, server: KfpServer
) -> None:
    result = run(default, server.url)
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    (sent,) = [r.body for r in server.requests if r.method == "POST" and r.path.endswith("/runs")]
    (experiment,), (created,) = server.experiments, server.runs
    assert answer == {
        "experiment_id": experiment["experiment_id"],
        "run_id": created["run_id"],
        "url": f"{server.url}/#/runs/details/{created['run_id']}",
    }
    assert experiment["display_name"] == "calculate-average"
    assert sent["display_name"].startswith("calculate-average 2")
    assert sent["pipeline_spec"] == submitted(default), "byte for byte what ran locally"
    assert sent["runtime_config"] == {"parameters": {"context": {"numbers": [1, 2, 3, 4]}}}


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(default: Path, server: KfpServer, closed: str) -> None:
    make(default, "compile")
    command = f'"{sys.executable}" -m kfp_workbench run {closed}'
    env = environment({"KFP_HOST": server.url, "ALLOW_UNPINNED": "1"})
    result = subprocess.run(
        ["sh", "-c", command], cwd=default, env=env, capture_output=True, text=True
    )
    assert result.returncode == 0 and "Traceback" not in result.stderr
    (created,) = server.runs
    assert result.stdout == "" or json.loads(result.stdout)["run_id"] == created["run_id"]
    assert (result.stdout == "") == (closed != "2>&-")


def test_parameters_and_names_can_be_given(default: Path, server: KfpServer) -> None:
    arguments = "-p context='{\"numbers\": [5]}' --name mine --experiment 'a + b 100%'"
    assert run(default, server.url, f"ARGS={arguments}").returncode == 0
    assert server.experiments[0]["display_name"] == "a + b 100%"
    assert server.requests[-1].body["display_name"] == "mine"
    assert server.requests[-1].body["runtime_config"]["parameters"] == {"context": {"numbers": [5]}}


def test_an_experiment_is_described_when_it_is_made(default: Path, server: KfpServer) -> None:
    described = "ARGS=--experiment-description 'Which depth?'"
    assert run(default, server.url, described).returncode == 0
    assert run(default, server.url, "ARGS=--experiment-description Other").returncode == 0
    (experiment,) = server.experiments
    assert experiment["description"] == "Which depth?", "an experiment that is there stays"


@pytest.mark.parametrize("name", ["plain", "a + b", "100 %41", 'quo"te', "é \u2713 日本"])
def test_an_experiment_is_found_again(package: Path, server: KfpServer, name: str) -> None:
    first = start(package, server.url, experiment=name)
    second = start(package, server.url, experiment=name, run_name="r2")
    assert first.experiment_id == second.experiment_id and first.run_id != second.run_id
    assert len(server.experiments) == 1 and len(server.runs) == 2


def test_an_archived_experiment_is_not_used(package: Path, server: KfpServer) -> None:
    start(package, server.url)
    server.experiments[0]["storage_state"] = "ARCHIVED"
    assert "experiment 'e' is archived: restore it" in refused(package, server.url)


def test_several_namespaces(package: Path) -> None:
    with kfp_server(multi_user=True) as server:
        assert "set KFP_NAMESPACE to yours" in refused(package, server.url)
        submission = start(package, f"{server.url}/", namespace="team-a")
        page = f"{server.url}/_/pipeline/?ns=team-a#/runs/details/{submission.run_id}"
        assert submission.url == page


@pytest.mark.parametrize("by", ["variable", "settings"])
def test_a_namespace_that_the_server_does_not_have_is_left_out(
    project: Path, server: KfpServer, by: str
) -> None:
    if by == "settings":
        params = project / "params" / "dev.yaml"
        params.write_text(f"{params.read_text()}.settings: {{namespace: team-a}}\n")
    result = run(project, server.url, **({"KFP_NAMESPACE": "team-a"} if by == "variable" else {}))
    assert result.returncode == 0
    note = f"note: {server.url} has no namespaces: the namespace 'team-a' is not used\n"
    assert result.stderr.endswith(note)


def test_the_token_is_sent_and_never_shown(default: Path) -> None:
    with kfp_server(token=TOKEN) as server:
        result = run(default, server.url, KFP_TOKEN=TOKEN)
        assert result.returncode == 0, result.stderr
        assert {r.headers.get("authorization") for r in server.requests} == {f"Bearer {TOKEN}"}
        assert TOKEN not in result.stdout + result.stderr
    assert not [p for p in default.rglob("*") if p.is_file() and TOKEN.encode() in p.read_bytes()]


def test_no_file_of_the_home_is_read_or_written(
    default: Path, server: KfpServer, tmp_path: Path
) -> None:
    config = tmp_path / ".config" / "kfp" / "context.json"
    config.parent.mkdir(parents=True)
    config.write_text("{ broken")
    env = {"HOME": str(tmp_path), "KF_PIPELINES_IAP_OAUTH2_CLIENT_ID": "x"}
    env["KF_PIPELINES_UI_ENDPOINT"] = "http://elsewhere"
    result = run(default, server.url, **env)
    assert result.returncode == 0, result.stderr
    assert "elsewhere" not in result.stdout
    assert config.read_text() == "{ broken"


# What is refused before anything is sent


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("-p nope=1", "error: -p: the pipeline has no parameter 'nope': it has context"),
        ("-p context='[1]'", "error: -p: context: [1] is a list, not a JSON object"),
        (f"--name {'x' * 256}", "has 256 characters: use 1 to 255"),
        (f"--experiment {'x' * 129}", "has 129 characters: use 1 to 128"),
        (f"--experiment-description {'x' * 256}", "has 256 characters: use 1 to 255"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_sent(
    default: Path, server: KfpServer, arguments: str, line: str
) -> None:
    assert line in error(run(default, server.url, f"ARGS={arguments}"))
    assert server.requests == []


def test_parameters_that_no_cluster_could_hand_on_are_refused(
    project: Path, server: KfpServer
) -> None:
    params = project / "params" / "dev.yaml"
    params.write_text(json.dumps({"context": {"numbers": list(range(100_000))}}))
    assert "and a cluster can hand on 100000" in error(run(project, server.url))
    assert server.requests == []


# Servers that are not there, or not KFP, or refuse


def test_no_server(default: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert error(run(default, url)) == (
        f"error: {url}: no server answers there: connect your cluster (kubectl port-forward "
        f"-n kubeflow svc/ml-pipeline-ui {url.rpartition(':')[2]}:80), or set KFP_HOST"
    )


def test_an_unknown_host(package: Path) -> None:
    host = "http://no-such-host.invalid:8080"
    assert refused(package, host) == f"{host}: the name of this host is not known: check KFP_HOST"


@pytest.mark.parametrize("host", ["nowhere", "ftp://x", "http://me:hunter2@x"])
def test_a_host_that_is_no_url(default: Path, host: str) -> None:
    line = error(run(default, host))
    assert line.startswith("error: KFP_HOST: ") and "hunter2" not in line


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("401", "asks for a login (401): set KFP_TOKEN"),
        ("403", "you may not look at {url} (403: the server says 403): ask for access"),
        ("404", "{url} has no KFP v2 API (404): set KFP_HOST"),
        ("500", "the server failed (500: the server says 500)"),
        ("503", "the server failed (503: the server says 503)"),
        ("html", "is no KFP endpoint: set KFP_HOST"),
        ("empty", "is no KFP endpoint: set KFP_HOST"),
        ("broken", "is no KFP endpoint: set KFP_HOST"),
        ("deep", "is no KFP endpoint: set KFP_HOST"),
        ("redirect", "{url} redirects (302), as a login page does: set KFP_TOKEN"),
        ("ui-only", "its API server is not: start that"),
        ("silent", "no answer within 1 s"),
    ],
)
def test_faults_at_the_first_request(
    package: Path, server: KfpServer, monkeypatch: pytest.MonkeyPatch, fault: str, line: str
) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS", 1.0)
    server.fail(fault)
    assert line.format(url=server.url) in refused(package, server.url)
    assert len(server.requests) == 1, "asked once, nothing followed"


def test_ten_seconds_of_silence_are_waited_for(package: Path, server: KfpServer) -> None:
    """A server with much to do is not asked twice for the same run."""
    server.fail("late", "/runs", method="POST")
    start(package, server.url)
    assert len(server.runs) == 1
    last = server.requests[-1]
    assert (last.method, last.path.rpartition("/")[2]) == ("POST", "runs"), "nor looked for"


@pytest.mark.parametrize("at", ["experiments", "runs"])
@pytest.mark.parametrize(
    "fault", ["401", "403", "404", "500", "html", "empty", "broken", "redirect"]
)
def test_faults_later_on(package: Path, server: KfpServer, at: str, fault: str) -> None:
    server.fail(fault, at)  # "{}" is also what a list without entries looks like
    message = refused(package, server.url, token=TOKEN)
    assert server.url in message
    assert len(server.runs) == 0
    assert "/login" not in [request.path for request in server.requests]


@pytest.mark.parametrize("token", ["s3cret\ntoken", "s3cret token", "s3cret-\N{BULLET}"])
def test_what_is_no_token_is_neither_sent_nor_shown(
    default: Path, server: KfpServer, token: str
) -> None:
    line = error(run(default, server.url, KFP_TOKEN=token))
    assert line.startswith("error: KFP_TOKEN has a space or a character that no token has")
    assert "s3cret" not in line and server.requests == []


def test_a_refused_token_is_said_so(package: Path) -> None:
    with kfp_server(token="other") as server:
        assert "KFP_TOKEN is refused" in refused(package, server.url, token=TOKEN)


def test_a_server_that_repeats_the_token_does_not_get_it_printed(package: Path) -> None:
    with kfp_server() as server:
        server.fail("400", echo=True)
        assert "the server says 400 to Bearer ***" in refused(package, server.url, token=TOKEN)


def test_the_servers_own_reason_is_told(package: Path, server: KfpServer) -> None:
    with pytest.raises(WorkbenchError, match="400: parameter context is not optional, yet has"):
        connected = servers.connect(server.url)
        runs.submit(connected, package, {"nope": 1}, experiment="e", run_name="r")


@pytest.mark.parametrize("fault", ["lost", "torn", "replaced"])
def test_a_lost_answer_does_not_start_the_run_twice(
    package: Path, server: KfpServer, fault: str
) -> None:
    server.fail(fault, "/runs", method="POST")
    submission = start(package, server.url, run_name="unique")
    assert [item["run_id"] for item in server.runs] == [submission.run_id]
    assert len([r for r in server.requests if r.method == "POST" and r.path.endswith("runs")]) == 1


@pytest.mark.parametrize("fault", ["lost", "torn", "504"])
def test_a_run_that_was_started_is_found_when_other_runs_have_its_name(
    package: Path, server: KfpServer, fault: str
) -> None:
    earlier = start(package, server.url, run_name="mine")
    server.fail(fault, "/runs", method="POST")
    names: Any = {"run_name": "mine", "name_is_new": False}
    if fault == "504":  # nothing was started: the earlier run is not taken for it
        assert "no run 'mine' is there: try again" in refused(package, server.url, **names)
        assert len(server.runs) == 1
    else:
        later = start(package, server.url, **names)
        assert later.run_id != earlier.run_id and len(server.runs) == 2


def test_nothing_is_left_changed_in_the_process(package: Path, server: KfpServer) -> None:
    before = dict(os.environ)
    start(package, server.url)
    assert dict(os.environ) == before


def test_the_client_is_loaded_only_when_needed() -> None:
    code = "import sys, kfp_workbench.cluster.runs; assert not {'kfp', 'kfp_server_api'} & set(sys.modules)"
    folder = Path(servers.__file__).parent.parent.parent
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
