"""The server that the tests use instead of a cluster: that it behaves as KFP's does."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import kfp_server_api
import pytest
import urllib3
from kfp_server_api import ApiException

from kfp_workbench.cluster.server import matching, predicates
from servers.kfp_server import KfpServer, Moment, kfp_server, openapi
from servers.kfp_server.nodes import node_id
from servers.kfp_server.requests import Request
from shared.baking import make

SPEC = {"pipelineInfo": {"name": "p"}, "root": {"dag": {}}, "schemaVersion": "2.1.0"}


@pytest.fixture
def server() -> Iterator[KfpServer]:
    with kfp_server() as running:
        yield running


def api(server: KfpServer) -> Any:
    return kfp_server_api.ApiClient(kfp_server_api.Configuration(host=server.url))


def pipelines(server: KfpServer) -> Any:
    return kfp_server_api.PipelineServiceApi(api(server))


def uploads(server: KfpServer) -> Any:
    return kfp_server_api.PipelineUploadServiceApi(api(server))


def runs(server: KfpServer) -> Any:
    return kfp_server_api.RunServiceApi(api(server))


def schedules(server: KfpServer) -> Any:
    return kfp_server_api.RecurringRunServiceApi(api(server))


def status(action: Callable[[], Any]) -> int:
    with pytest.raises(ApiException) as caught:
        action()
    return int(caught.value.status)


@pytest.fixture(scope="session")
def package(default: Path) -> Path:
    assert make(default, "compile").returncode == 0
    return default / "build" / "pipeline.yaml"


# Pipelines


def test_an_upload_makes_a_pipeline_and_a_version_of_its_name(
    server: KfpServer, package: Path
) -> None:
    made = uploads(server).upload_pipeline(str(package), name="calculate-average", description="d")
    assert made.pipeline_id == server.pipelines[0]["pipeline_id"] and made.description == "d"
    (version,) = server.versions
    assert version["name"] == "calculate-average" and version["pipeline_id"] == made.pipeline_id
    assert version["pipeline_spec"]["pipeline_spec"]["pipelineInfo"]["name"] == "calculate-average"
    assert status(lambda: uploads(server).upload_pipeline(str(package), name=made.name)) == 409


def test_versions_are_uploaded_listed_and_deleted(server: KfpServer, package: Path) -> None:
    made = server.add_pipeline("p")["pipeline_id"]
    upload = uploads(server).upload_pipeline_version
    first = upload(str(package), name="v1", pipelineid=made, tags=json.dumps({"commit": "abc"}))
    second = upload(str(package), name="v2", pipelineid=made)
    assert first.tags == {"commit": "abc"}
    assert status(lambda: upload(str(package), name="v2", pipelineid=made)) == 409
    assert status(lambda: upload(str(package), name="v3", pipelineid="none")) == 400
    assert status(lambda: upload(str(package), name="v" * 128, pipelineid=made)) == 400
    assert (
        status(
            lambda: upload(
                str(package), name="v4", pipelineid=made, tags='{"a": "%s"}' % ("x" * 64)
            )
        )
        == 400
    )
    listing = pipelines(server).pipeline_service_list_pipeline_versions
    assert [v.name for v in listing(made, sort_by="created_at desc").pipeline_versions] == [
        "v2",
        "v1",
    ]
    (found,) = listing(made, filter=matching(name="v1")).pipeline_versions
    assert found.pipeline_version_id == first.pipeline_version_id
    get = pipelines(server).pipeline_service_get_pipeline_version
    assert get(made, first.pipeline_version_id).pipeline_spec == found.pipeline_spec
    delete = pipelines(server).pipeline_service_delete_pipeline_version
    delete(made, second.pipeline_version_id)
    assert status(lambda: get(made, second.pipeline_version_id)) == 404
    assert status(lambda: pipelines(server).pipeline_service_delete_pipeline(made)) == 400
    pipelines(server).pipeline_service_delete_pipeline(made, cascade=True)
    assert not list(server.pipelines) and not list(server.versions)


def test_pipelines_are_shared_or_a_namespaces(package: Path) -> None:
    with kfp_server(multi_user=True, namespaces={"mine"}) as server:
        upload = uploads(server).upload_pipeline
        by_name = pipelines(server).pipeline_service_get_pipeline_by_name
        shared = upload(str(package), name="p")
        mine = upload(str(package), name="p", namespace="mine")
        assert by_name("p").pipeline_id == shared.pipeline_id
        assert by_name("p", namespace="mine").pipeline_id == mine.pipeline_id
        # An upload that is not allowed is answered like one that is wrong.
        assert status(lambda: upload(str(package), name="p", namespace="theirs")) == 400
        assert status(lambda: by_name("p", namespace="theirs")) == 403


def test_a_row_that_a_crash_left_is_hidden_and_in_the_way(server: KfpServer, package: Path) -> None:
    server.add_pipeline("p", hidden=True)
    by_name = pipelines(server).pipeline_service_get_pipeline_by_name
    assert status(lambda: by_name("p")) == 404
    assert status(lambda: uploads(server).upload_pipeline(str(package), name="p")) == 409


@pytest.mark.parametrize(
    ("text", "said"),
    [("[1", "failed to parse pipeline spec YAML: "), ("a: 1", "unknown template format")],
)
def test_what_is_no_pipeline_is_refused(
    server: KfpServer, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text(text)
    with pytest.raises(ApiException) as caught:
        uploads(server).upload_pipeline(str(path), name="p")
    body = json.loads(caught.value.body)
    assert caught.value.status == 400 and body["error_message"].startswith(said)
    assert body == {"error_message": body["error_message"], "error_details": body["error_message"]}


# Runs


SCRIPT = [
    Moment("PENDING"),
    Moment("RUNNING", {"add": "RUNNING", "div": "PENDING"}),
    Moment("RUNNING", {"add": "SUCCEEDED", "div": "RUNNING"}),
    Moment("FAILED", {"add": "SUCCEEDED", "div": "FAILED"}, {"div": "exit code 2"}, {"div": "bad"}),
]


def test_a_run_progresses_by_being_asked_for(server: KfpServer) -> None:
    run = server.add_run(SCRIPT)
    answers = [runs(server).run_service_get_run(run["run_id"]) for _ in range(5)]
    assert [a.state for a in answers] == ["PENDING", "RUNNING", "RUNNING", "FAILED", "FAILED"]
    assert [h.state for h in answers[-1].state_history] == ["PENDING", "RUNNING", "FAILED"]
    assert answers[0].run_details is None
    rows = {t.display_name: t for t in answers[2].run_details.task_details}
    steps = ("root", "root-driver", "add", "add-driver", "executor", "div", "div-driver")
    attempts = {f"{name}(0)" for name in (*steps, run["k8s_name"])}
    assert set(rows) == {*steps, *attempts, run["k8s_name"], None}
    assert rows["div"].end_time.year == 1 and rows["add"].end_time.year == 2026
    assert rows["div"].error is None and rows["div"].pod_name is None
    own = node_id("run-00001", "run-00001(0).root(0).div(0)")
    assert [child.pod_name for child in rows["div"].child_tasks] == [own]


def test_a_run_progresses_on_demand(server: KfpServer) -> None:
    server.on_demand = True
    run = server.add_run(SCRIPT)
    get = partial(runs(server).run_service_get_run, run["run_id"])
    assert [get().state, get().state] == ["PENDING", "PENDING"]
    server.advance(run["run_id"])
    assert get().state == "RUNNING"


def test_a_run_can_be_terminated_once(server: KfpServer) -> None:
    run = server.add_run(SCRIPT[1:2])
    terminate = partial(runs(server).run_service_terminate_run, run["run_id"])
    terminate()
    assert status(terminate) == 400
    answers = [runs(server).run_service_get_run(run["run_id"]) for _ in range(3)]
    assert [answer.state for answer in answers] == ["CANCELING", "FAILED", "FAILED"]
    histories = [[item.state for item in answer.state_history] for answer in answers]
    assert histories[:2] == [["RUNNING"], ["RUNNING", "CANCELING", "FAILED"]]
    assert status(terminate) == 400


def test_the_old_api_tells_reasons_and_logs(server: KfpServer) -> None:
    run = server.add_run(SCRIPT[-1:])
    http = urllib3.PoolManager()
    old = http.request("GET", f"{server.url}/apis/v1beta1/runs/{run['run_id']}").json()
    nodes = json.loads(old["pipeline_runtime"]["workflow_manifest"])["status"]["nodes"]
    (failed,) = [n for n in nodes.values() if n["type"] == "Pod" and n["phase"] == "Failed"]
    assert failed["message"] == "exit code 2"
    assert failed["name"] == "run-00001(0).root(0).div(0).executor(0)"
    pod = f"run-00001-system-container-impl-{failed['id'].rpartition('-')[2]}"
    base = f"{server.url}/apis/v1alpha1/runs/{run['run_id']}/nodes"
    assert http.request("GET", f"{base}/{pod}/log").data == b"bad"
    missing = http.request("GET", f"{base}/none/log")
    assert missing.status == 200 and "error_message" in json.loads(missing.data)


# What the API's rows say of a run whose name is w: display name, state, what follows.
NODES: Mapping[str, Sequence[tuple[str, str | None, Sequence[str]]]] = {
    "RUNNING": [
        ("add", "RUNNING", ["add(0)"]),
        ("add(0)", "RUNNING", ["add(0).executor"]),
        ("executor", "RUNNING", ["add(0).executor(0)"]),
        ("executor(0)", "RUNNING", []),
    ],
    "REUSED": [
        ("add", "SUCCEEDED", ["add(0)"]),
        ("add(0)", "SUCCEEDED", ["add(0).executor"]),
        ("executor", "SKIPPED", []),
    ],
    "OMITTED": [("add", None, [])],
    "SKIPPED": [("add", "SKIPPED", [])],
    "PENDING": [],
}


@pytest.mark.parametrize("state", NODES)
def test_a_step_has_several_nodes(server: KfpServer, state: str) -> None:
    run = server.add_run([Moment("RUNNING", {"add": state})], k8s_name="w")
    found = runs(server).run_service_get_run(run["run_id"]).run_details.task_details
    rows = {
        row.display_name: (row.state, [child.pod_name for child in row.child_tasks or ()])
        for row in found
        if row.display_name and not re.match(r"(w|root|add-driver)\b", row.display_name)
    }
    assert rows == {
        name: (said, [node_id("w", f"w(0).root(0).{child}") for child in children])
        for name, said, children in NODES[state]
    }


@pytest.mark.parametrize(("text", "number"), [("a", 0xE40C292C), ("foobar", 0xBF9CF968)])
def test_the_id_of_a_node_is_a_hash_of_its_name(text: str, number: int) -> None:
    """By the values that FNV's authors publish for 32 bits, FNV-1a."""
    assert node_id("w", text) == f"w-{number}"


@pytest.mark.parametrize(
    ("value", "is_refused"),
    [(1, False), (1.5, False), ("1", True), (True, True), (None, True)],
)
def test_parameters_are_checked_as_the_backend_does(
    server: KfpServer, value: object, is_refused: bool
) -> None:
    inputs = {"parameters": {"n": {"parameterType": "NUMBER_INTEGER"}}}
    body = {
        "display_name": "r",
        "experiment_id": server.add_experiment()["experiment_id"],
        "pipeline_spec": {**SPEC, "root": {"inputDefinitions": inputs}},
        "runtime_config": {"parameters": {"n": value}},
    }
    create = partial(runs(server).run_service_create_run, run=body)
    if is_refused:
        assert status(create) == 400 and len(server.runs) == 0
    else:
        assert create().run_id


# Recurring runs


def recurring(server: KfpServer, **more: Any) -> Any:
    experiments = server.experiments.named("e") or [server.add_experiment()]
    body = {
        "display_name": "nightly",
        "experiment_id": experiments[0]["experiment_id"],
        "pipeline_spec": SPEC,
        "max_concurrency": "1",
        "mode": "ENABLE",
        "trigger": {"cron_schedule": {"cron": "0 0 3 * * *"}},
        **more,
    }
    return schedules(server).recurring_run_service_create_recurring_run(recurring_run=body)


def test_a_recurring_run_is_made_switched_and_deleted(server: KfpServer) -> None:
    made = recurring(server, no_catchup=False)
    assert (made.status, made.mode, made.max_concurrency) == ("ENABLED", "ENABLE", "1")
    assert made.no_catchup is None
    schedules(server).recurring_run_service_disable_recurring_run(made.recurring_run_id)
    get = schedules(server).recurring_run_service_get_recurring_run
    assert get(made.recurring_run_id).status == "DISABLED"
    schedules(server).recurring_run_service_enable_recurring_run(made.recurring_run_id)
    assert get(made.recurring_run_id).status == "ENABLED"
    schedules(server).recurring_run_service_delete_recurring_run(made.recurring_run_id)
    assert status(lambda: get(made.recurring_run_id)) == 404


def test_recurring_runs_are_found_by_name_and_by_part_of_the_description(server: KfpServer) -> None:
    for number in range(3):
        recurring(server, display_name=f"n{number % 2}", description=f"owner=a;key={number}")
    conditions = [("EQUALS", "display_name", "n0"), ("IS_SUBSTRING", "description", "key=2")]
    listing = schedules(server).recurring_run_service_list_recurring_runs
    (found,) = listing(filter=predicates(conditions)).recurring_runs
    assert found.description == "owner=a;key=2"


@pytest.mark.parametrize(
    ("more", "trigger"),
    [
        ({"trigger": {}}, {}),
        ({"trigger": None}, {}),
        *[
            ({"trigger": {"cron_schedule": {"cron": cron}}}, {"cron_schedule": {"cron": cron}})
            for cron in ("*/5 * * * *", "0 3 * * MON-FRI")  # whose first field is seconds
        ],
    ],
)
def test_what_a_recurring_run_is_taken_for_silently(
    server: KfpServer, more: Any, trigger: Any
) -> None:
    recurring(server, **more)
    assert server.schedules[0]["trigger"] == trigger


def test_a_long_description_starts_an_invisible_schedule(server: KfpServer) -> None:
    assert status(lambda: recurring(server, description="d" * 256)) == 500
    assert len(server.schedules) == 0 and len(server.ghosts) == 1


@pytest.mark.parametrize(
    ("version", "policy", "killed"),
    [
        ("2.17.0", "", 1),
        ("2.17.0", "ORPHAN", 0),
        ("2.15.2", "ORPHAN", 1),
        ("2.17.0", "FOREGROUND", 1),
    ],
)
def test_deleting_a_recurring_run_kills_its_runs_but_for_orphan(
    version: str, policy: str, killed: int
) -> None:
    with kfp_server(version=version) as server:
        made = recurring(server).recurring_run_id
        run = server.add_run([Moment("RUNNING")], recurring_run_id=made)
        done = server.add_run([Moment("SUCCEEDED")], recurring_run_id=made)
        delete = schedules(server).recurring_run_service_delete_recurring_run
        delete(made, **({"propagation_policy": policy} if policy else {}))
        assert len(server.killed) == killed and done["state"] == "SUCCEEDED"
        assert run["state"] == ("FAILED" if killed else "RUNNING")


# Listings


def test_a_filter_is_decoded_twice(server: KfpServer) -> None:
    server.add_experiment("a+b")
    listing = kfp_server_api.ExperimentServiceApi(api(server)).experiment_service_list_experiments
    text = '{"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": "%s"}]}'
    assert listing(filter=text % "a+b").experiments is None
    assert status(lambda: listing(filter=text % "100 %")) == 400
    assert listing(filter=matching(display_name="a+b")).experiments


@pytest.mark.parametrize(
    "query",
    [
        {"filter": "nonsense"},
        {"filter": matching(nope="x")},
        {"sort_by": "nope"},
        {"page_token": "nope"},
    ],
)
def test_what_is_no_listing_is_refused(server: KfpServer, query: dict[str, str]) -> None:
    listing = kfp_server_api.ExperimentServiceApi(api(server)).experiment_service_list_experiments
    assert status(lambda: listing(**query)) == 400


def test_a_row_that_is_added_while_paging_shifts_nothing(server: KfpServer) -> None:
    for number in range(4):
        server.add_experiment(f"e{number}")
    listing = kfp_server_api.ExperimentServiceApi(api(server)).experiment_service_list_experiments
    first = listing(page_size=2, sort_by="created_at desc")
    server.add_experiment("later")
    second = listing(page_size=2, sort_by="created_at desc", page_token=first.next_page_token)
    names = [e.display_name for e in (*first.experiments, *second.experiments)]
    assert names == ["e3", "e2", "e1", "e0"]


def test_experiments_and_runs_are_a_namespaces() -> None:
    with kfp_server(multi_user=True, namespaces={"mine"}) as server:
        theirs = server.add_experiment("e", "theirs")
        listing = kfp_server_api.ExperimentServiceApi(
            api(server)
        ).experiment_service_list_experiments
        assert status(listing) == 400
        assert status(lambda: listing(namespace="theirs")) == 403
        assert listing(namespace="mine").experiments is None
        run = server.add_run(experiment_id=theirs["experiment_id"])
        assert status(lambda: runs(server).run_service_get_run(run["run_id"])) == 403


def test_one_of_ten_thousand_runs_is_found_in_one_request(server: KfpServer) -> None:
    experiment = server.add_experiment()["experiment_id"]
    for number in range(10_000):
        server.add_run(display_name=f"r{number}", experiment_id=experiment)
    listing = runs(server).run_service_list_runs
    found = listing(experiment_id=experiment, filter=matching(display_name="r9999"))
    assert [run.display_name for run in found.runs] == ["r9999"] and found.next_page_token is None
    assert len(listing(experiment_id=experiment, page_size=1000).runs) == 200


# Faults


def test_a_fault_hits_the_requests_that_it_is_meant_for(server: KfpServer) -> None:
    server.fail("500", "/experiments", method="GET", first=2, times=2)
    listing = kfp_server_api.ExperimentServiceApi(api(server)).experiment_service_list_experiments

    def answer() -> int:
        try:
            listing()
        except ApiException as error:
            return int(error.status)
        return 200

    assert [answer() for _ in range(5)] == [200, 500, 500, 200, 200]
    server.fail("503", "/runs")
    assert answer() == 200
    assert status(runs(server).run_service_list_runs) == 503
    server.mend()
    assert runs(server).run_service_list_runs()


@pytest.mark.parametrize("fault", ["lost", "torn", "reset"])
def test_what_is_lost_was_done_and_what_is_reset_was_not(server: KfpServer, fault: str) -> None:
    server.fail(fault, "/experiments")
    experiments = kfp_server_api.ExperimentServiceApi(api(server))
    with pytest.raises(urllib3.exceptions.HTTPError):
        experiments.experiment_service_create_experiment(experiment={"display_name": "e"})
    assert len(server.experiments) == (fault != "reset")


# The OpenAPI file


def test_requests_are_checked_against_the_openapi_file_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = {"type": "object", "properties": {"display_name": {"type": "string"}}}
    body = {"name": "run", "in": "body", "schema": {"$ref": "#/definitions/Run"}}
    size = {"name": "page_size", "in": "query", "type": "integer"}
    responses = {"200": {"schema": {"$ref": "#/definitions/Run"}}}
    document = {
        "paths": {
            "/apis/v2beta1/runs": {"post": {"parameters": [body, size], "responses": responses}}
        },
        "definitions": {"Run": run},
    }
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document))
    monkeypatch.setenv("KFP_OPENAPI", str(path))
    openapi.document.cache_clear()
    try:
        runs_path = "/apis/v2beta1/runs"

        def problems(body: Any, answer: Any = None, **query: list[str]) -> list[str]:
            request = Request("POST", runs_path, query, {}, body)
            return [p.partition(": ")[2] for p in openapi.problems(request, runs_path, 200, answer)]

        assert problems({"display_name": "r"}, {"display_name": "r"}, page_size=["1"]) == []
        assert problems({"display_name": 1}) == ["body.display_name: 1 is no string"]
        assert problems({"name": "r"}) == ["body: no such field: name"]
        assert problems({}, {"name": "r"}) == ["answer: no such field: name"]
        assert problems({}, page_size=["x"], nope=["1"]) == [
            "page_size is no number: 'x'",
            "no such parameter: nope",
        ]
        elsewhere = Request("GET", "/apis/v2beta1/nope", {}, {}, None)
        assert "no such operation" in openapi.problems(elsewhere, elsewhere.path, 200, {})[0]
    finally:
        openapi.document.cache_clear()
