"""The KFP server of the tests, held to what a real one was recorded to say.

Each request is sent again, in its order. Ids, times, tokens and texts of plug-ins are another
server's; lists were cut to three.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import urllib3

from servers.kfp_server import KfpServer, Moment, kfp_server, workflows
from servers.kfp_server.nodes import rows
from shared.golden import FOLDER as RECORDS
from shared.golden import MISSING

pytestmark = pytest.mark.skipif(not RECORDS.is_dir(), reason=MISSING)

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
CUT = 3
SPEC = {
    "pipelineInfo": {"name": "golden-average"},
    "root": {
        "dag": {"tasks": {}},
        "inputDefinitions": {"parameters": {"context": {"parameterType": "STRUCT"}}},
    },
    "schemaVersion": "2.1.0",
}
# What the records leave out of requests: files, and a body that is none.
BODIES = {
    "run: no JSON": b'{"display_name": "r"',
    "upload nonsense": "nonsense",
    "upload a pipeline of a taken name": json.dumps(SPEC),
    "upload": json.dumps(SPEC),
    "upload a version": json.dumps(SPEC),
    "upload the version again": json.dumps(SPEC),
}


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


@pytest.fixture(scope="module")
def recorded() -> Any:
    return json.loads((RECORDS / "api.json").read_text(encoding="utf-8"))


@pytest.fixture
def server() -> Iterator[KfpServer]:
    """Run a server with what was on the other when the first request came."""
    with kfp_server(version="unknown") as server:
        described = "All runs created without specifying an experiment will be grouped here."
        server.add_experiment("Default", experiment_id=uuid(1), description=described)
        ran = {"last_run_created_at": "2026-01-01T00:00:00Z"}
        server.add_experiment("golden-average", experiment_id=uuid(2), **ran)
        server.add_experiment("flowers", experiment_id=uuid(4), **ran)
        for name in ("arg_concat", "arg_concat", "loop_nested_item", *["r"] * 309):
            ended = [Moment("PENDING"), Moment("RUNNING"), Moment("SUCCEEDED", {"a": "SUCCEEDED"})]
            run = server.add_run(
                ended if name != "r" else None,
                **{"display_name": name, "experiment_id": uuid(1)},
                **{"pipeline_spec": SPEC, "service_account": "pipeline-runner"},
            )
            server.advance(run["run_id"])
            server.advance(run["run_id"])
        described = "Calculates the average of a list of numbers"
        server.add_pipeline("golden-average", pipeline_id=uuid(20), description=described)
        for number in range(3):
            key = "often" if number == 0 else f"k{number}"
            server.schedules.add(
                {
                    **{"recurring_run_id": uuid(27 + number), "experiment_id": uuid(2)},
                    "display_name": f"golden-average {key}",
                    "description": "owner=golden-average;key=often;env=dev;"
                    "h=d3bc0d0b29e0305aa468b612b409a67b",
                    "pipeline_spec": SPEC,
                    "runtime_config": {"parameters": {"context": {"numbers": [1, 2, 3]}}},
                    "service_account": "pipeline-runner",
                    "max_concurrency": "1",
                    "trigger": {"periodic_schedule": {"interval_second": "45"}},
                    **{"mode": "DISABLE", "status": "DISABLED", "no_catchup": True},
                    **{"namespace": "kubeflow", "updated_at": "2026-01-01T00:00:00Z"},
                }
            )
        yield server


class Replay:
    """Sends requests again, with the ids that this server has in place of the recorded ones."""

    def __init__(self, server: KfpServer) -> None:
        self.server, self.ids = server, dict[str, str]()
        self.http = urllib3.PoolManager()

    def send(self, name: str, request: Mapping[str, Any]) -> Any:
        url = self.server.url + self.ours(request["path"])
        method, body = request["method"], request["body"]
        if "/upload" in url:
            return self.http.request(method, url, fields={"uploadfile": ("p.yaml", BODIES[name])})
        if name in BODIES:
            return self.http.request(method, url, body=BODIES[name])
        if body is None:
            return self.http.request(method, url)
        if body.get("pipeline_spec") == "SPEC":
            broken = {"pipelineInfo": {"name": "p"}, "nonsense": 1}
            body = {**body, "pipeline_spec": broken if name == "run: broken spec" else SPEC}
        return self.http.request(method, url, json=json.loads(self.ours(json.dumps(body))))

    def ours(self, text: str) -> str:
        return ID.sub(lambda match: self.ids.get(match[0], match[0]), text)

    def compare(self, theirs: Any, ours: Any, place: str) -> list[str]:
        """Return what differs between a recorded answer and this one."""
        if isinstance(theirs, dict) and isinstance(ours, dict):
            if theirs.keys() != ours.keys():
                return [f"{place}: fields {sorted(theirs)}, here {sorted(ours)}"]
            pairs = [(theirs[key], ours[key], f"{place}.{key}") for key in theirs]
            return [line for pair in pairs for line in self.compare(*pair)]
        if isinstance(theirs, list) and isinstance(ours, list):
            return self.compare_lists(theirs, ours, place)
        if isinstance(theirs, str) and isinstance(ours, str):
            return self.compare_texts(theirs, ours, place)
        if theirs == "SPEC" and isinstance(ours, dict):
            return []
        return [] if theirs == ours else [f"{place}: {theirs!r}, here {ours!r}"]

    def compare_lists(self, theirs: list[Any], ours: list[Any], place: str) -> list[str]:
        if place.endswith(".task_details"):
            return [line for row in ours for line in row_problems(row, place)]
        if len(theirs) != (len(ours) if place.endswith("history") else min(len(ours), CUT)):
            return [f"{place}: {len(theirs)} items, here {len(ours)}"]
        left = list(ours)
        found = []
        for item in theirs:  # rows of one second come in any order
            name = item.get("display_name") if isinstance(item, dict) else None
            same = [each for each in left if name is None or each.get("display_name") == name]
            if not same:
                return [f"{place}: no {name} here"]
            left.remove(same[0])
            found += self.compare(item, same[0], f"{place}[]")
        return found

    def compare_texts(self, theirs: str, ours: str, place: str) -> list[str]:
        if TIME.fullmatch(theirs):
            fits = TIME.fullmatch(ours) and theirs.startswith("1970") == ours.startswith("1970")
            return [] if fits else [f"{place}: {theirs}, here {ours}"]
        if theirs == "TOKEN" or place.endswith(".state_message"):
            return [] if ours else [f"{place}: nothing here"]
        ids = ID.findall(theirs), ID.findall(ours)
        for their, our in zip(*ids, strict=False):
            self.ids.setdefault(their, our)
        return [] if self.ours(theirs) == ours else [f"{place}: {theirs!r}, here {ours!r}"]


FIELDS = {"run_id", "task_id", "create_time", "start_time", "end_time"}


def row_problems(row: Mapping[str, Any], place: str) -> list[str]:
    """Return what a row of ``task_details`` has that no recorded one has, or lacks."""
    of_node = {"display_name", "state_history"} <= row.keys() and row.keys() <= {
        *FIELDS,
        *("display_name", "state", "state_history", "child_tasks"),
    }
    if row.keys() >= FIELDS and (of_node or row.keys() == {*FIELDS, "execution_id"}):
        return []
    return [f"{place}: a row has the fields {sorted(row)}"]


def test_every_answer_is_as_recorded(server: KfpServer, recorded: Any) -> None:
    replay = Replay(server)
    problems = []
    for each in recorded:
        name, wanted = each["name"], each["answer"]
        if name == "terminated, later":  # which it was by then
            replay.send(name, each["request"])
        answer = replay.send(name, each["request"])
        content = answer.json() if each["type"] == "application/json" else answer.data.decode()
        found = (
            [] if answer.status == each["status"] else [f"{each['status']}, here {answer.status}"]
        )
        kind = answer.headers["Content-Type"]
        found += [] if kind == each["type"] else [f"{each['type']}, here {kind}"]
        found += replay.compare(wanted, content, "answer")
        problems += [f"{name}: {problem}" for problem in found]
    assert problems == []
    server.problems.clear()  # some requests were wrong on purpose


# The nodes of whole runs


RUNS = {
    "succeeded": {"add": "SUCCEEDED", "div": "SUCCEEDED"},
    "failed": {"add": "FAILED", "div": "OMITTED"},
    "every step reused": {"add": "REUSED", "div": "REUSED"},
    "forbidden by the namespace": {"add": "FORBIDDEN", "div": "OMITTED"},
    "training": {
        **{"load": "SUCCEEDED", "split": "SUCCEEDED"},
        **{f"for-loop-1[{number}]/train": "SUCCEEDED" for number in range(4)},
        **{"evaluate": "SUCCEEDED", "condition-2/publish": "SUCCEEDED", "report": "SUCCEEDED"},
    },
}


def of_nodes(listed: list[Any]) -> Counter[Any]:
    """Return what rows say of a workflow's nodes; what follows on several is in another order."""
    found: Counter[Any] = Counter()
    for row in listed:
        children = sorted(child["pod_name"] for child in row.get("child_tasks", ()))
        found[row.get("display_name", ""), row.get("state", ""), tuple(children)] += 1
    return found


@pytest.mark.parametrize("name", RUNS)
def test_the_nodes_of_a_run_have_their_names_ids_and_states(name: str) -> None:
    run = json.loads((RECORDS / "runs.json").read_text(encoding="utf-8"))[name]
    theirs = run["run_details"]["task_details"]
    children = [child["pod_name"] for row in theirs for child in row.get("child_tasks", ())]
    workflow = workflows.Workflow(
        children[0].rpartition("-")[0], RUNS[name], lambda _: ("", ""), {}, retries=True
    )
    ours = rows({"run_id": uuid(1), "created_at": ""}, workflow.nodes.values())
    assert [line for row in theirs for line in row_problems(row, name)] == []
    if name == "training":  # where each step waits for more than one
        known = {child["pod_name"] for row in ours for child in row.get("child_tasks", ())}
        assert known == set(children) and len(ours) == len(theirs)
    elif name.startswith("forbidden"):  # of which the record has a part
        assert of_nodes(theirs) <= of_nodes(ours)
    else:
        assert of_nodes(theirs) == of_nodes(ours)
