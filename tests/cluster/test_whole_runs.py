"""What is shown of whole runs, from the first line to the last: runs of our own, and recorded ones.

The steps, names and states of our own are those of runs on a KFP 2.17.0.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from servers.kfp_server import Moment, kfp_server, replay
from shared import golden
from shared.followed import PENDING, Waiting, places

LOG = """\
I1128 10:00:21.678338      16 main.go:67] Setting log level to: '1'
I1128 10:00:21.680924      16 cache.go:89] Connecting to cache endpoint ml-pipeline:8887
add: --context: numbers: expected a list with at least one number
E1128 10:00:21.777371      16 launcher_v2.go:449] Component failed to execute successfully: exit
I1128 10:00:21.784614      16 object_store.go:231] uploadFile(localFilePath="/x", blobFilePath="y")
I1128 10:00:21.792278      16 launcher_v2.go:206] publish success.
F1128 10:00:21.795105      16 main.go:59] failed to execute component: exit status 2
"""
FORBIDDEN = (
    'pods "w-system-container-impl-1" is forbidden: violates PodSecurity "restricted:latest": '
    'runAsNonRoot != true (pod or container "main" must set securityContext.runAsNonRoot=true)'
)
CURE = (
    "take run_as_non_root: false out of kubernetes.yaml, use KFP 2.16 or later, "
    "or ask who administers the namespace"
)
BEFORE_ROOT = Moment("RUNNING", {"": "PENDING"})
TRAIN = [f"for-loop-1[{number}]/train" for number in range(3)]
# A run's moments, and what is shown; "*" is a time in seconds, POD the pod of the step that failed.
RUNS: Mapping[str, tuple[Sequence[Moment], Sequence[str]]] = {
    "succeeded": (
        [
            BEFORE_ROOT,
            Moment("RUNNING", {"add": "PENDING"}),
            Moment("RUNNING", {"add": "RUNNING"}),
            Moment("RUNNING", {"add": "SUCCEEDED", "div": "PENDING"}),
            Moment("RUNNING", {"add": "SUCCEEDED", "div": "RUNNING"}),
            Moment("SUCCEEDED", {"add": "SUCCEEDED", "div": "SUCCEEDED"}),
        ],
        [
            *("add: started", "add: succeeded after * s", "div: started"),
            *("div: succeeded after * s", "the run succeeded: URL"),
        ],
    ),
    "failed": (
        [
            Moment("RUNNING", {"add": "RUNNING"}),
            Moment(
                "FAILED",
                {"add": "FAILED", "div": "OMITTED"},
                {"add": "main: Error (exit code 1)"},
                {"add": LOG},
            ),
        ],
        [
            *("add: started", "add: failed after * s", "", "The last lines of add:"),
            "  add: --context: numbers: expected a list with at least one number",
            "error: step add failed with exit status 2: its log: "
            "kubectl logs -n kubeflow POD -c main, or URL",
        ],
    ),
    "every step reused": (
        [
            Moment("RUNNING", {"add": "PENDING"}),
            Moment("RUNNING", {"add": "REUSED", "div": "PENDING"}),
            Moment("SUCCEEDED", {"add": "REUSED", "div": "REUSED"}),
        ],
        [
            *("add: reused from an earlier run", "div: reused from an earlier run"),
            "the run succeeded: URL",
        ],
    ),
    "forbidden by the namespace": (
        [
            Moment("RUNNING", {"add": "PENDING"}),
            Moment("FAILED", {"add": "FORBIDDEN", "div": "OMITTED"}, {"add": FORBIDDEN}),
        ],
        [
            *("add: started", "add (attempt 2): started"),
            *("add: failed after * s", "add (attempt 2): failed after * s"),
            f"error: step add failed: Kubernetes refuses its pod ({FORBIDDEN}): {CURE}: URL",
        ],
    ),
    "a loop": (
        [
            Moment("RUNNING", {TRAIN[0]: "PENDING", TRAIN[1]: "PENDING", TRAIN[2]: "PENDING"}),
            Moment("RUNNING", {TRAIN[0]: "PENDING", TRAIN[1]: "REUSED", TRAIN[2]: "RUNNING"}),
            Moment("RUNNING", {TRAIN[0]: "RUNNING", TRAIN[1]: "REUSED", TRAIN[2]: "SUCCEEDED"}),
            Moment("SUCCEEDED", {TRAIN[0]: "SUCCEEDED", TRAIN[1]: "REUSED", TRAIN[2]: "SUCCEEDED"}),
        ],
        [
            *("train [1]: reused from an earlier run", "train [2]: started"),
            *("train [0]: started", "train [2]: succeeded after * s"),
            *("train [0]: succeeded after * s", "the run succeeded: URL"),
        ],
    ),
    "terminated": (
        [
            Moment("RUNNING", {"add": "RUNNING"}),
            Moment("CANCELING", {"add": "RUNNING"}),
            Moment("FAILED", {"add": "FAILED", "div": "OMITTED"}),
        ],
        [
            *("add: started", "the run is being terminated", "add: interrupted after * s"),
            "error: the run was terminated: URL",
        ],
    ),
    "its condition does not hold": (
        [Moment("SUCCEEDED", {"add": "SUCCEEDED", "condition-2": "SKIPPED"})],
        ["add: started", "add: succeeded after * s", "the run succeeded: URL"],
    ),
}
PLACES = places("load", "split", "add", "div", "for-loop-1/train", "evaluate", "report")
PLACES += places("condition-2/publish")


@pytest.fixture
def wait(capsys: pytest.CaptureFixture[str]) -> Iterator[Waiting]:
    with kfp_server() as server:
        yield Waiting(server, capsys)


def shown(wait: Waiting, script: Sequence[Moment]) -> list[str]:
    """Return all that is shown of a run, without what differs from run to run."""
    ended = wait(script, places=PLACES)
    text = ended.shown + (f"error: {ended.line}\n" if ended.problem else "")
    text = re.sub(r"\S+-system-container-impl-\d+ ", "POD ", text.replace(wait.url, "URL"))
    return re.sub(r"after \d+ s", "after * s", text).splitlines()


@pytest.mark.parametrize("retries", [True, False], ids=["kfp", "plain"])
@pytest.mark.parametrize("name", RUNS)
def test_all_that_is_shown_of_a_run(wait: Waiting, name: str, retries: bool) -> None:
    wait.server.retries = retries
    script, lines = RUNS[name]
    lines = [line for line in lines if retries or "(attempt 2)" not in line]
    ends = name == "its condition does not hold"
    states = [] if ends else ["the run is running"]
    found = shown(wait, [PENDING, Moment(""), *script])
    assert found[:2] == ["submitted: URL", "the run is pending"]
    assert [line for line in found[2:] if line not in states] == lines
    assert all(found.count(line) == 1 for line in states)


TRAINING = {
    **{"load": "SUCCEEDED", "split": "SUCCEEDED", "evaluate": "SUCCEEDED"},
    **{"report": "SUCCEEDED", "condition-2/publish": "SUCCEEDED"},
}
TOLD = "{name}: started", "{name}: succeeded after * s"
RECORDED: Mapping[str, tuple[Mapping[str, str], Mapping[str, str], Sequence[str]]] = {
    "succeeded": ({"add": "SUCCEEDED", "div": "SUCCEEDED"}, {}, RUNS["succeeded"][1]),
    "failed": (
        {"add": "FAILED", "div": "OMITTED"},
        {"add": "main: Error (exit code 1)"},
        RUNS["failed"][1],
    ),
    "every step reused": ({"add": "REUSED", "div": "REUSED"}, {}, RUNS["every step reused"][1]),
    "forbidden by the namespace": (  # of whose rows the record has a part
        {"add": "FORBIDDEN", "div": "OMITTED"},
        {"add": FORBIDDEN},
        ["add: started", "add: failed after * s", RUNS["forbidden by the namespace"][1][-1]],
    ),
    "training": (
        TRAINING,
        {},
        [
            *(line.format(name=name) for name in ("load", "split") for line in TOLD),
            *("train [2]: started", "train [3]: started", "train [2]: succeeded after * s"),
            *("train [0]: started", "train [1]: started", "train [0]: succeeded after * s"),
            *("train [1]: succeeded after * s", "train [3]: succeeded after * s"),
            *(line.format(name=n) for n in ("evaluate", "report", "publish") for line in TOLD),
            "the run succeeded: URL",
        ],
    ),
}


@pytest.mark.skipif(not golden.FOLDER.is_dir(), reason=golden.MISSING)
@pytest.mark.parametrize("name", RECORDED)
def test_all_that_is_shown_of_a_recorded_run(wait: Waiting, name: str) -> None:
    recorded: Any = json.loads((golden.FOLDER / "runs.json").read_text(encoding="utf-8"))
    tasks, reasons, lines = RECORDED[name]
    logs = {"add": next(iter(recorded["logs"].values()))["body"]} if name == "failed" else {}
    script = replay.script(recorded[name], tasks, reasons=reasons, logs=logs)
    (first, *_) = (
        row for row in recorded[name]["run_details"]["task_details"] if "child_tasks" in row
    )
    wait.server.workflow = first["child_tasks"][0]["pod_name"].rpartition("-")[0]
    states = ["submitted: URL", "the run is pending", "the run is running"]
    assert [line for line in shown(wait, script) if line not in states] == lines
