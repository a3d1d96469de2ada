"""The comparison itself: what is held to a record is found when it differs, and nothing else."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance import comparing, failures, normalising, outcomes
from conformance.failures import DRIVER, EXECUTOR, IMPORTER, Failure

UUID = "12345678-1234-1234-1234-123456789abc"
URI = f"minio://mlpipeline/v2/artifacts/name/RUN_ID/make/{UUID}/data"
SEEN = {
    "argv": ["--n", "1", URI],
    "env": {"PATH": "/usr/bin", "ONE": "1"},
    "executor_input": {
        "inputs": {"artifacts": {"data": {"artifacts": [{"name": "7", "uri": URI}]}}}
    },
}
ARTIFACT = {"key": "data", "type": "system.Dataset", "uri": URI, "metadata": {"rows": 3.0}}
RECORD: dict[str, Any] = {
    "runs": [
        {
            "state": "failed",
            "messages": ["omitted"],
            "failed": [
                {"where": "root.loop.iteration-iterations(1:1).iteration-item.make.executor",
                 "why": "exit status 3"},
                {"where": "driver of root.late-driver", "why": "input parameter type mismatch"},
            ],
            "tasks": [
                {"path": "loop", "kind": "dag", "state": "unfinished", "inputs": {"x": 1.0}},
                {"path": "loop/loop[1]/make", "kind": "container", "state": "failed",
                 "said": [SEEN], "outputs": {"sum": 1.0, "flag": True}},
                {"path": "loop/loop[0]/make", "kind": "container", "state": "succeeded",
                 "said": [SEEN], "outputs": {"sum": 1.0}, "artifacts_out": [ARTIFACT],
                 "artifacts_in": [ARTIFACT, {**ARTIFACT, "metadata": {}}]},
                {"path": "got", "kind": "importer", "state": "succeeded"},
                {"path": "late", "kind": "container", "state": "unfinished"},
            ],
        }
    ]
}  # fmt: skip


def read(record: dict[str, Any], *, addresses: bool = True) -> list[outcomes.Run]:
    return outcomes.of_record(record, normalising.words({}, addresses=addresses))


def changed(*place: Any, to: Any) -> dict[str, Any]:
    """Return the record with another value at a place of its run."""
    record: dict[str, Any] = json.loads(json.dumps(RECORD))  # which shares no parts
    inner: Any = record["runs"][0]
    for part in place[:-1]:
        inner = inner[part]
    if to is None:
        del inner[place[-1]]
    else:
        inner[place[-1]] = to
    return record


TASK = ("tasks", 2)
HELD: dict[str, tuple[tuple[Any, ...], Any]] = {
    "the run's state": (("state",), "succeeded"),
    "a task that is not there": (("tasks", 3), None),
    "a path": (("tasks", 3, "path"), "imported"),
    "an iteration": ((*TASK, "path"), "loop/loop[2]/make"),
    "a task's state": ((*TASK, "state"), "reused"),
    "what was said": ((*TASK, "said", 0, "argv", 1), "2"),
    "a blank in what was said": ((*TASK, "said", 0, "argv", 1), "1 "),
    "a variable": ((*TASK, "said", 0, "env", "ONE"), "2"),
    "nothing said": ((*TASK, "said"), []),
    "a number": ((*TASK, "outputs", "sum"), 1.5),
    "a number as text": ((*TASK, "outputs", "sum"), "1"),
    "a flag as a number": (("tasks", 1, "outputs", "flag"), 1.0),
    "an output that is not there": ((*TASK, "outputs", "sum"), None),
    "an output more": ((*TASK, "outputs", "more"), ""),
    "an artifact's key": ((*TASK, "artifacts_out", 0, "key"), "other"),
    "an artifact's type": ((*TASK, "artifacts_out", 0, "type"), "system.Model"),
    "an artifact's metadata": ((*TASK, "artifacts_out", 0, "metadata", "rows"), 4.0),
    "an address's end": ((*TASK, "artifacts_out", 0, "uri"), URI.replace("/make/", "/other/")),
    "the order of one list": ((*TASK, "artifacts_in", 0, "metadata"), {}),
    "where it failed": (("failed", 1, "where"), "driver of root.later-driver"),
    "in which part": (("failed", 0, "where"), "driver of root.loop-driver"),
    "in which iteration": (
        ("failed", 0, "where"),
        "root.loop.iteration-iterations(0:0).iteration-item.make.executor",
    ),
    "with which status": (("failed", 0, "why"), "exit status 4"),
    "for which reason": (("failed", 1, "why"), "the resolved input parameter is null"),
}
FREE: dict[str, tuple[tuple[Any, ...], Any]] = {
    "messages": (("messages",), []),
    "a DAG's state": (("tasks", 0, "state"), "succeeded"),
    "a DAG's inputs": (("tasks", 0, "inputs"), {}),
    "a DAG": (("tasks", 0), None),
    "another random part": ((*TASK, "artifacts_out", 0, "uri"), URI.replace("1234", "abcd")),
    "another bucket's pipeline": (
        (*TASK, "artifacts_out", 0, "uri"),
        URI.replace("artifacts/name", "artifacts/other"),
    ),
    "a variable of the machine": ((*TASK, "said", 0, "env", "PATH"), "/bin"),
    "an artifact's number": (
        (*TASK, "said", 0, "executor_input", "inputs", "artifacts", "data", "artifacts", 0, "name"),
        "8",
    ),
    "a whole number": ((*TASK, "outputs", "sum"), 1),
    "the words of a reason": (("failed", 1, "why"), "type mismatch: expect NUMBER_INTEGER"),
    "an entry of what its driver stopped": (("tasks", 4), None),
}


@pytest.mark.parametrize(("place", "value"), HELD.values(), ids=HELD)
def test_what_is_held_to_a_record_is_found(place: tuple[Any, ...], value: Any) -> None:
    other = changed(*place, to=value)

    assert comparing.differences(read(RECORD), read(other))
    assert comparing.differences(read(other), read(RECORD))


@pytest.mark.parametrize(("place", "value"), FREE.values(), ids=FREE)
def test_what_differs_from_run_to_run_is_not_compared(place: tuple[Any, ...], value: Any) -> None:
    assert comparing.differences(read(RECORD), read(changed(*place, to=value))) == []


def test_one_run_is_not_two() -> None:
    twice = {"runs": RECORD["runs"] * 2}

    assert comparing.differences(read(RECORD), read(twice)) == ["runs: 1 there, 2 here"]
    assert comparing.differences(read({"state": "not compiled"}), read(RECORD))


def test_the_order_of_tasks_and_of_keys_is_free() -> None:
    other = copy.deepcopy(RECORD)
    other["runs"][0]["tasks"].reverse()
    more = {**ARTIFACT, "key": "more"}
    one = changed(*TASK, "artifacts_out", to=[ARTIFACT, more])
    another = changed(*TASK, "artifacts_out", to=[more, ARTIFACT])

    assert comparing.differences(read(RECORD), read(other)) == []
    assert comparing.differences(read(one), read(another)) == []


def test_a_difference_says_where_and_what() -> None:
    other = changed(*TASK, "said", 0, "argv", 1, to="2")

    assert comparing.differences(read(RECORD), read(other)) == [
        'loop/loop[0]/make: said[0].argv[1]: "1" there, "2" here'
    ]


def test_a_reason_in_unknown_words_is_not_compared_but_its_place_is() -> None:
    there = changed("failed", 1, "why", to="a reason that nobody knows")
    elsewhere = changed("failed", 1, "where", to="driver of root.other-driver")

    assert comparing.differences(read(there), read(RECORD)) == []
    assert comparing.differences(read(there), read(elsewhere))


WHERE: dict[str, tuple[str, str]] = {
    "root.make.executor": ("make", EXECUTOR),
    "root.got": ("got", IMPORTER),
    "driver of root.say-driver": ("say", DRIVER),
    "driver of root.a.b-2-driver": ("a/b-2", DRIVER),
    "driver of root.make.onExit.show-driver": ("show", DRIVER),
    "driver of root.loop-1.iteration-iterations(1:1).iteration-item.loop-2.iteration-driver": (
        "loop-1/loop-1[1]/loop-2",
        DRIVER,
    ),
    "root.loop-2.iteration-iterations(10:10).iteration-item.say.executor": (
        "loop-2/loop-2[10]/say",
        EXECUTOR,
    ),
}


@pytest.mark.parametrize(("where", "expected"), WHERE.items(), ids=WHERE)
def test_argo_s_names_are_paths_of_tasks(where: str, expected: tuple[str, str]) -> None:
    failure = failures.of_record(where, "exit status 3", timed_out=False)

    assert failure == Failure(*expected, "exit-status 3")


KINDS = {
    'exec: "no-such": executable file not found in $PATH': "command-not-found",
    "signal: killed": "signal",
    'failed to read output parameter name="out" path="/x": no such file': "output-missing",
    'strconv.ParseInt: parsing "1.5": invalid syntax': "output-type",
    "unexpected type": "output-type",
    'failed to resolve input parameters: parameter "n" not found in executor input': "no-value",
    "failed to resolve inputs: the resolved input parameter is null: n": "null",
    "ERROR: <input>:1:53: Syntax error: token recognition error at: ''C:": "condition",
    "failed to marshal ExecutorInput to JSON: google.protobuf.Value cannot have Inf or NaN": "type",
    "a reason that nobody knows": failures.UNSAID,
}


@pytest.mark.parametrize(("reason", "kind"), KINDS.items(), ids=KINDS)
def test_a_reason_has_a_kind(reason: str, kind: str) -> None:
    assert failures.kind_of(reason) == kind


def test_a_failure_without_words_is_a_time_limit_or_comes_from_upstream() -> None:
    where = "root.wait.executor"

    assert failures.of_record(where, None, timed_out=True).kind == failures.TIME_LIMIT
    assert failures.of_record(where, None, timed_out=False).kind == failures.UNSAID


def test_a_word_of_the_record_stands_for_any_such_value_and_for_no_other() -> None:
    there = changed(*TASK, "said", 0, "argv", 1, to="<EXECUTION_ID> of POD")
    same, other = (changed(*TASK, "said", 0, "argv", 1, to=text) for text in WORDED)

    assert comparing.differences(read(there), read(same)) == []
    assert comparing.differences(read(there), read(other))


WORDED = ("<12> of a-pod-1.x", "<x> of a-pod-1.x")


def test_an_address_is_a_path_to_a_process_only() -> None:
    other = changed(*TASK, "said", 0, "argv", 2, to=URI.replace("minio://", "/minio/"))

    assert comparing.differences(read(RECORD), read(other))
    as_process = [read(record, addresses=False) for record in (RECORD, other)]
    assert comparing.differences(*as_process) == []


TEXTS: dict[str, tuple[str, str]] = {
    "an artifact's number in JSON": ('{"name":"12","type":1}', '{"name":"ARTIFACT_ID","type":1}'),
    "another number in JSON": ('{"named":"12"}', '{"named":"12"}'),
    "a time": ("at 2026-01-02T03:04:05Z", "at TIME"),
    "an id": (f"<{UUID}>", "<UUID>"),
    "how a store is reached": (
        json.dumps({"store_session_info": '{"Provider":"minio","Params":{"a":"b"}}', "x": 1}),
        '{"store_session_info": "STORE", "x": 1}',
    ),
}


@pytest.mark.parametrize(("text", "expected"), TEXTS.values(), ids=TEXTS)
def test_words_stand_for_what_differs_from_run_to_run(text: str, expected: str) -> None:
    assert normalising.words({}, addresses=True).apply([text]) == [expected]


def test_the_longest_literal_text_is_replaced_first() -> None:
    words = normalising.words({"/run": "", "/run/tasks/1": ""}, addresses=True)

    assert words.apply({"/run/tasks/1/tmp/kfp": "/run/x"}) == {"/tmp/kfp": "/x"}


OWN = Path(__file__).parent
RECORDS = sorted((OWN / "records").glob("*.json"))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_every_fact_in_a_record_counts(path: Path) -> None:
    """Each leaf of what our records keep is changed, one after the other."""
    record = json.loads(path.read_text(encoding="utf-8"))
    there = read(record)
    for other in mutations(record):
        assert comparing.differences(there, read(other)), other


# Where a record is from, what Argo said of nodes, and how a store is reached.
UNSAID = {"from", "messages", "store_session_info"}


def mutations(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a record with one leaf changed, for each, but for words of the backend."""
    for inner, place in list(leaves(record)):
        before = inner[place]
        inner[place] = "changed"
        yield copy.deepcopy(record)
        inner[place] = before


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what holds a leaf, and where in it."""
    places = value.keys() - UNSAID if isinstance(value, dict) else range(len(value))
    for place in places:
        if isinstance(value[place], (dict, list)) and value[place]:
            yield from leaves(value[place])
        elif place != "why" or "where" in value:  # else it is that of a refused run
            yield value, place
