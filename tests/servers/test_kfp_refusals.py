"""What the KFP server of the tests refuses, in the words of a KFP 2.17.0.

These are the main ones of what such a server was seen to say; test_kfp_recorded.py has them all,
where the records are at hand.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import kfp_server_api
import pytest
import urllib3

from servers.kfp_server import KfpServer, Moment, kfp_server

SPEC = {"pipelineInfo": {"name": "p"}, "root": {"dag": {}}, "schemaVersion": "2.1.0"}


@pytest.fixture
def server() -> Iterator[KfpServer]:
    with kfp_server() as running:
        yield running


# Method, path and body of a request; the status; what the message begins with, and what is wrong.
# The latter stands alone in the details, where KFP thinks that it is for callers.
E, R, S = "/experiments", "/runs", "/recurringruns"
NEW = {"display_name": "x", "pipeline_spec": SPEC}
PLAN = {**NEW, "mode": "ENABLE", "max_concurrency": "1"}
CREATE, FETCH = "Failed to create a new run: ", "due to error fetching manifest: "
REPRESENT = "Failed to convert a API recurring run to its internal representation: "
CONVERT = "Failed to create a recurring run due to conversion error: "
LIST = "Failed to create list options: "
REFUSED: Mapping[str, tuple[str, str, Any, int, str, str]] = {
    "no such path": ("GET", "/x", None, 404, "", "Not Found"),
    "no experiment": (
        *("GET", f"{E}/x", None, 404, "Failed to fetch experiment: ResourceNotFoundError: "),
        "Experiment x not found",
    ),
    "no run": (
        *("GET", f"{R}/x", None, 404),
        "Failed to get a run: Failed to fetch run x: ResourceNotFoundError: ",
        "Run x not found",
    ),
    "no schedule": (
        *("GET", f"{S}/x", None, 404),
        "Failed to fetch a recurring run: ResourceNotFoundError: ",
        "Job x not found",
    ),
    "no pipeline": (
        *("GET", "/pipelines/names/x", None, 404),
        "Failed to get a pipeline with name x and namespace . Check error stack.: "
        "Failed to get a pipeline named x in namespace : ResourceNotFoundError: ",
        "Namespace/Pipeline /x not found",
    ),
    "page": (
        *("GET", f"{R}?page_token=zzz", None, 400, f"{LIST}InvalidInputError: "),
        "Invalid page token",
    ),
    "filter": (
        *("GET", f"{R}?filter=zzz", None, 400, f"{LIST}Invalid input error: "),
        'failed to parse valid filter from "zzz": '
        "proto: syntax error (line 1:1): invalid value zzz",
    ),
    "size": (
        *("GET", f"{R}?page_size=-1", None, 400, f"{LIST}Invalid input error: "),
        "The page size should be greater than 0. Got -1",
    ),
    "order": (
        *("GET", f"{R}?sort_by=x", None, 400, f"{LIST}Invalid input error: "),
        'Invalid sorting field: "x" on listable type Run',
    ),
    "experiment without a name": (
        *("POST", E, {}, 500),
        "[ExperimentServer]: Failed to create a experiment due to conversion error: "
        "InternalServerError: Failed to convert API experiment to model experiment: "
        "Invalid input error: Experiment must have a non-empty name",
        "Internal Server Error",
    ),
    "unknown field": ("POST", R, {"x": 1}, 400, "", 'proto: (line 1:2): unknown field "x"'),
    "run without a name": (
        *("POST", R, None, 500),
        "CreateJob(job.ToV2())Failed to create a run due to conversion error: "
        "InternalServerError: Failed to convert a API run detail to its internal representation: "
        "Invalid input error: Run name cannot be empty",
        "Internal Server Error",
    ),
    "run with a long name": (
        *("POST", R, {**NEW, "display_name": "x" * 256}, 500, f"{CREATE}InternalServerError: "),
        "Internal Server Error",
    ),
    "run of nothing": (
        *("POST", R, {"display_name": "x"}, 500),
        f"{CREATE}InternalServerError: Failed to create a run {FETCH}"
        "Invalid input error: Failed to fetch a template with an empty pipeline spec manifest",
        "Internal Server Error",
    ),
    "run of no pipeline": (
        *("POST", R, {"display_name": "x", "pipeline_spec": {"x": 1}}, 500),
        f"{CREATE}InternalServerError: Failed to create a run {FETCH}"
        "Failed to fetch a template with an invalid pipeline spec manifest: "
        "InvalidInputError: unknown template format: pipeline spec is invalid",
        "Internal Server Error",
    ),
    "run elsewhere": (
        *("POST", R, {**NEW, "experiment_id": "x"}, 404),
        f"{CREATE}Failed to create a run due to invalid experimentId and namespace combination: "
        "Failed to fetch namespace for experiment x: "
        "Failed to fetch namespace from experiment x: ResourceNotFoundError: ",
        "Experiment x not found",
    ),
    "run with something else": (
        *("POST", R, {**NEW, "runtime_config": {"parameters": {"y": 1}}}, 400),
        f"{CREATE}Failed to generate the ExecutionSpec: invalid pipeline job inputs: "
        "Invalid input error: ",
        "parameter(s) provided are not required by pipeline: y",
    ),
    "schedule without a name": (
        *("POST", S, {**PLAN, "display_name": ""}, 500),
        f"{CONVERT}InternalServerError: {REPRESENT}"
        "Invalid input error: Recurring run's name cannot be empty",
        "Internal Server Error",
    ),
    "schedule of nothing": (
        *("POST", S, {**PLAN, "pipeline_spec": None}, 500),
        f"Failed to create a recurring run: InternalServerError: Failed to create a recurring run "
        f"{FETCH}Invalid input error: Failed to fetch a template with an empty pipeline spec "
        "manifest",
        "Internal Server Error",
    ),
    "eleven at a time": (
        *("POST", S, {**PLAN, "max_concurrency": "11"}, 400, f"{CONVERT}Invalid input error: "),
        "Max concurrency of a recurring run must be at least 1 and at most 10. Received 11",
    ),
    "every 0 s": (
        *("POST", S, {**PLAN, "trigger": {"periodic_schedule": {"interval_second": "0"}}}, 400),
        f"{CONVERT}Invalid input error: ",
        "Found invalid period schedule interval 0. Set at interval to least 1 second",
    ),
    "cron": (
        *("POST", S, {**PLAN, "trigger": {"cron_schedule": {"cron": "* * * * *x"}}}, 400),
        f"{CONVERT}Invalid input error: ",
        "Schedule cron is not a supported format(https://godoc.org/github.com/robfig/cron). "
        'Error: Failed to parse int from *x: strconv.Atoi: parsing "*x": invalid syntax',
    ),
    "cron of four": (
        *("POST", S, {**PLAN, "trigger": {"cron_schedule": {"cron": "* * * *"}}}, 400),
        f"{CONVERT}Invalid input error: ",
        "Schedule cron is not a supported format(https://godoc.org/github.com/robfig/cron). "
        "Error: Expected 5 to 6 fields, found 4: * * * *",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_told_as_the_backend_does(
    server: KfpServer, case: tuple[str, str, Any, int, str, str]
) -> None:
    method, path, body, expected, before, told = case
    url = f"{server.url}/apis/v2beta1{path}"
    answer = urllib3.PoolManager().request(method, url, **({"json": body} if body else {}))
    code = {400: 3, 404: 5, 500: 13}[expected]
    said = answer.json()
    assert (answer.status, said["code"]) == (expected, code)
    is_internal = told == "Internal Server Error"
    assert said["message"].startswith(before if is_internal else before + told)
    kind = "type.googleapis.com/google.rpc.Status"
    details = {"details": [{"@type": kind, "code": code, "message": told}]}
    rest = {key: value for key, value in said.items() if key not in ("code", "message")}
    assert rest == (details if before else {}), "what the gateway refuses has no details"
    assert not list(server.runs) and not list(server.schedules) and not server.ghosts
    server.problems.clear()  # that is what the OpenAPI file says, too


def test_what_is_no_api_is_no_json(server: KfpServer) -> None:
    answer = urllib3.PoolManager().request("GET", f"{server.url}/")
    assert (answer.status, answer.data) == (404, b"404 page not found\n")


def test_a_body_that_is_cut_off_is_refused(server: KfpServer) -> None:
    url = f"{server.url}/apis/v2beta1/runs"
    answer = urllib3.PoolManager().request("POST", url, body=b"{")
    assert (answer.status, answer.json()) == (400, {"code": 3, "message": "unexpected EOF"})


def test_without_namespaces_none_counts(server: KfpServer) -> None:
    server.add_experiment("e")
    api = kfp_server_api.ApiClient(kfp_server_api.Configuration(host=server.url))
    listing = kfp_server_api.ExperimentServiceApi(api).experiment_service_list_experiments
    assert [item.display_name for item in listing(namespace="other").experiments] == ["e"]


def test_what_is_there_already_is_told_as_the_backend_does(server: KfpServer) -> None:
    def said(method: str, path: str, body: Any = None) -> Any:
        url = f"{server.url}/apis/v2beta1{path}"
        answer = urllib3.PoolManager().request(method, url, **({"json": body} if body else {}))
        (detail,) = answer.json()["details"]
        assert detail["code"] == answer.json()["code"]
        return answer.status, detail["code"], answer.json()["message"], detail["message"]

    server.add_experiment("e")
    taken = "The name e already exists. Please specify a new name"
    told = f"Failed to create a new experiment. {taken}"
    message = f"Failed to create a experiment: Already exist error: {told}"
    assert said("POST", E, {"display_name": "e"}) == (409, 6, message, told)

    run = server.add_run([Moment("SUCCEEDED")])["run_id"]
    told = f"Failed to terminate a run {run}. Row not found"
    ended = f"Failed to terminate run {run}: Invalid input error: {told}"
    message = f"Failed to terminate a run: {ended}"
    assert said("POST", f"{R}/{run}:terminate") == (400, 3, message, told)

    pipeline = server.add_pipeline("p")["pipeline_id"]
    names = {"name": "v", "display_name": "v", "pipeline_id": pipeline}
    version = server.versions.add(names)["pipeline_version_id"]
    told = (
        f"Failed to delete pipeline with id {pipeline} as it has existing pipeline versions "
        f"(e.g. {version}). Set cascade=true to delete all versions"
    )
    failed = f"Failed to delete pipeline {pipeline}. Check error stack: Invalid input error: "
    assert said("DELETE", f"/pipelines/{pipeline}") == (400, 3, failed + told, told)
