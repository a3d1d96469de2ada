"""What is told of a run's steps, by the rows that the API has of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from kfp_workbench.cluster import nodes, tasks
from kfp_workbench.local import progress
from servers.kfp_server.nodes import rows
from servers.kfp_server.workflows import Workflow
from shared.followed import CLOCK, PLACES, places

RUN = {"run_id": "00000000-0000-4000-8000-000000000001", "created_at": "2026-01-01T00:00:00Z"}
Row = dict[str, Any]


def at(second: int) -> str:
    return f"2026-01-01T00:00:{second:02}Z" if second else "0001-01-01T00:00:00Z"


def listed(
    states: Mapping[str, str],
    times: Mapping[str, tuple[int, int]] | None = None,
    *,
    retries: bool = True,
) -> list[Row]:
    """Return the API's rows when a run's tasks are so; each began at 1 and ended at 5."""

    def span(way: str) -> tuple[str, str]:
        start, end = (times or {}).get(way, (1, 1 if states.get(way) == "REUSED" else 5))
        return at(start), at(end)

    workflow = Workflow("w-abcde", states, span, {}, retries=retries)
    return rows(RUN, workflow.nodes.values())


def told(
    *moments: Sequence[Mapping[str, Any]],
    of: Iterable[progress.Place] = PLACES,
    terminated: bool = False,
) -> list[str]:
    """Return what is told when the server says this of its tasks, time after time."""

    class Told(progress.Lines):
        def _print(self, text: str) -> None:
            lines.append(CLOCK.sub("", text))

    lines: list[str] = []
    known = tasks.Tasks(of, Told())
    for moment in moments:
        known.update(moment, terminated=terminated)
        lines.append("--")
    return lines


# Both ways in which Argo may be set: KFP's own, and without anything that is tried again.
both = pytest.mark.parametrize("retries", [True, False], ids=["kfp", "plain"])


@both
def test_a_step_begins_and_ends(retries: bool) -> None:
    begun = listed({"add": "RUNNING"}, retries=retries)
    ended = listed({"add": "SUCCEEDED", "div": "PENDING"}, retries=retries)
    both_ended = listed({"add": "SUCCEEDED", "div": "FAILED"}, {"div": (5, 9)}, retries=retries)
    assert told(begun, begun, ended, both_ended) == [
        *("Add: started", "--", "--", "Add: succeeded after 4 s", "--"),
        *("Div: started", "Div: failed after 4 s", "--"),
    ]


@both
def test_what_is_reused_never_began(retries: bool) -> None:
    states = {"add": "REUSED", "div": "SUCCEEDED"}
    assert told(listed(states, {"add": (1, 1), "div": (1, 7)}, retries=retries)) == [
        *("Add: reused from an earlier run", "Div: started", "Div: succeeded after 6 s", "--"),
    ]


def test_a_step_that_takes_no_time_is_reused_only_where_an_executor_was_passed_over() -> None:
    fast = listed({"add": "SUCCEEDED", "div": "REUSED"}, {"add": (1, 1), "div": (5, 6)})
    assert told(fast) == [
        *("Add: started", "Add: succeeded after 0 s", "Div: reused from an earlier run", "--")
    ]


LOOP = places("load", "for-loop-1/train", "for-loop-1/test")


@both
def test_iterations_of_a_loop_are_told_apart(retries: bool) -> None:
    begun = {f"for-loop-1[{number}]/train": "RUNNING" for number in range(3)}
    times = {way: (1 + number, 9 - number) for number, way in enumerate(begun)}
    ended = {**begun, "for-loop-1[2]/train": "SUCCEEDED", "for-loop-1[1]/train": "REUSED"}
    times["for-loop-1[1]/train"] = (8, 8)
    first = listed({**begun, "for-loop-1[1]/train": "PENDING"}, times, retries=retries)
    assert told(first, listed(ended, times, retries=retries), of=LOOP) == [
        *("train [0]: started", "train [2]: started", "--"),
        *("train [2]: succeeded after 4 s", "train [1]: reused from an earlier run", "--"),
    ]


@both
def test_iterations_of_loops_in_loops_are_told_apart(retries: bool) -> None:
    ways = [f"for-loop-1[{outer}]/for-loop-2[{inner}]/x" for outer in (0, 1) for inner in (0, 1)]
    states = dict.fromkeys((*ways, "for-loop-1[0]/x", "for-loop-1[1]/x", "x"), "SUCCEEDED")
    times = {way: (1 + number, 11 + number) for number, way in enumerate(states)}
    of = places("x", "for-loop-1/x", "for-loop-1/for-loop-2/x")
    lines = told(listed(states, times, retries=retries), of=of)
    names = ["x [0][0]", "x [0][1]", "x [1][0]", "x [1][1]", "x [0]", "x [1]", "x"]
    assert lines == [
        *(f"{name}: started" for name in names),
        *(f"{name}: succeeded after 10 s" for name in names),
        "--",
    ]


@both
def test_steps_of_one_name_are_told_apart(retries: bool) -> None:
    of = [*places("add"), progress.Place(("inner",), "Inner", 0, is_box=True)]
    of += [progress.Place(("inner", "add"), "Other", 1)]
    rows = listed({"inner/add": "FAILED", "add": "OMITTED"}, retries=retries)
    assert told(rows, of=of) == ["Other: started", "Other: failed after 4 s", "--"]


@both
def test_what_follows_on_a_failure_is_told(retries: bool) -> None:
    """An exit task is a hook of Argo's, beside the task that it waits for."""
    states = {"exit-handler-1/add": "FAILED", "show@exit-handler-1": "RUNNING"}
    times = {"show@exit-handler-1": (6, 9)}
    moments = [
        listed({**states, "show@exit-handler-1": state}, times, retries=retries)
        for state in ("RUNNING", "SUCCEEDED")
    ]
    assert told(*moments, of=places("exit-handler-1/add", "show")) == [
        *("add: started", "add: failed after 4 s", "show: started", "--"),
        *("show: succeeded after 3 s", "--"),
    ]


def test_a_driver_that_fails_is_its_steps_failure() -> None:
    for retries in (True, False):
        assert told(listed({"add": "DRIVER", "div": "OMITTED"}, retries=retries)) == [
            *("Add: started", "Add: failed after 4 s", "--")
        ]


def test_what_kubernetes_refuses_is_tried_again_and_told_twice() -> None:
    """As Argo tries the step's container, the step, and all that is around it."""
    found = listed({"add": "FORBIDDEN", "div": "OMITTED"})
    assert sum(row.get("display_name") == "add" for row in found) == 9
    assert told(found) == [
        *("Add: started", "Add (attempt 2): started"),
        *("Add: failed after 4 s", "Add (attempt 2): failed after 4 s", "--"),
    ]


def test_a_step_that_its_last_attempt_made_good() -> None:
    rows = listed({"add": "FORBIDDEN"})
    (last, *_) = [row for row in rows if row.get("display_name") == "add"]
    last.update(state="SUCCEEDED", start_time=at(6), end_time=at(8))
    assert told(rows)[-2:] == ["Add (attempt 9): succeeded after 2 s", "--"]


def test_what_a_terminated_run_leaves_was_interrupted() -> None:
    rows = listed({"add": "SUCCEEDED", "div": "FAILED"}, {"div": (5, 9)})
    assert told(rows, terminated=True)[-2:] == ["Div: interrupted after 4 s", "--"]


def test_what_is_omitted_is_not_told_and_what_is_skipped_is() -> None:
    assert told(listed({"add": "SKIPPED", "div": "OMITTED"})) == ["Add: skipped", "--"]


def test_only_steps_are_told() -> None:
    states = {"condition-1/add": "SUCCEEDED", "condition-2": "SKIPPED"}
    of = [*places("condition-1/add", "condition-2/div")]
    assert told(listed(states), of=of) == ["add: started", "add: succeeded after 4 s", "--"]
    assert told(listed(states), of=[]) == ["--"]


def test_what_happened_between_two_looks_is_told_in_its_order() -> None:
    rows = listed({"div": "SUCCEEDED", "add": "SUCCEEDED"}, {"div": (5, 9), "add": (1, 5)})
    assert told(rows) == [
        *("Add: started", "Add: succeeded after 4 s", "Div: started", "Div: succeeded after 4 s"),
        "--",
    ]


# Rows that do not tell which node they are, as an importer's, which has none below it


def row(name: str, state: str, start: int = 0, end: int = 0) -> Row:
    return {"display_name": name, "state": state, "start_time": at(start), "end_time": at(end)}


def test_what_cannot_be_told_apart_is_counted() -> None:
    begun = [row("add", "RUNNING", 1), row("add", "RUNNING", 2)]
    first = [row("add", "SUCCEEDED", 1, 5), row("add", "RUNNING", 2)]
    both_ended = [row("add", "SUCCEEDED", 2, 9), row("add", "SUCCEEDED", 1, 5)]
    assert told(begun, first, first, both_ended) == [
        *("--", "Add: started", "Add: succeeded after 4 s", "--", "--"),
        *("Add: started", "Add: succeeded after 7 s", "--"),
    ]


@pytest.mark.parametrize("never", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "", "soon"])
def test_a_time_that_never_was_makes_no_length(never: str) -> None:
    ended = {**row("add", "FAILED", 1, 2), "start_time": never}
    assert told([ended]) == ["Add: started", "Add: failed after 0 s", "--"]


def test_a_driver_of_which_no_more_is_known() -> None:
    failed = row("add-driver", "FAILED", 1, 2)
    assert told([failed]) == ["Add: started", "Add: failed after 1 s", "--"]
    assert told([{**failed, "state": "SUCCEEDED"}]) == ["--"]


@pytest.mark.parametrize(
    "rows",
    [
        *(None, {}, "x", [None, 1, "x", {}]),
        [{"display_name": ["add"], "state": {}}],
        [{"display_name": "add", "state": "SUCCEEDED", "start_time": 1, "end_time": "soon"}],
        [{"display_name": "add", "state": "SUCCEEDED", "start_time": "0001-01-01T00:00:00Z"}],
        [{"display_name": "add", "state": "RUNNING", "child_tasks": children} for children in (1, [1])],
        [{"display_name": "add", "child_tasks": [{"pod_name": 1}, {"pod_name": "x"}, {}]}],
        [{"display_name": f"iteration-iterations({'9' * 9999}:0)"}],
    ],
)  # fmt: skip
def test_rows_that_are_none_do_no_harm(rows: object) -> None:
    tasks.Tasks(PLACES, progress.Lines()).update(rows)


# Names of nodes


@pytest.mark.parametrize(
    ("name", "path", "iterations", "is_driver"),
    [
        ("w", (), (), False),
        ("w(0).root-driver(0)", (), (), True),
        ("w(0).root(1).add(0).executor(2)", ("add",), (), False),
        ("w.root.add.executor", ("add",), (), False),
        ("w.root.add-driver", ("add",), (), True),
        ("w.root.executor.executor", ("executor",), (), False),
        ("w(0).root(0).a(0).iteration-driver(0)", ("a",), (), True),
        ("w.root.a.iteration-iterations(2:2).iteration-item-driver", ("a",), (2,), True),
        (
            "w(0).root(0).a(0).iteration-iterations(2:2)(0).iteration-item(0).b(0)."
            "iteration-iterations(10:10)(1).iteration-item(0).train(0).executor(0)",
            *(("a", "b", "train"), (2, 10), False),
        ),
        ("w.root.exit-handler-1.onExit.show-driver", ("show",), (), True),
        ("w(0).root(0).make.onExit(0).show(0).executor(0)", ("show",), (), False),
        *[(name, (), (), False) for name in ("w.onExit", "w.onExit.onExit", "")],
    ],
)
def test_the_name_of_a_node_tells_its_task(
    name: str, path: tuple[str, ...], iterations: tuple[int, ...], is_driver: bool
) -> None:
    assert nodes.read(name, "w") == nodes.Task(path, iterations, is_driver)


def test_what_people_call_a_task() -> None:
    known = tasks.Tasks([*PLACES, *LOOP], progress.Lines())
    labels = [
        known.label(nodes.Task(path, (2, 0)[: len(path) - 1]))
        for path in (("add",), ("for-loop-1", "train"), ("for-loop-1",), ("none",))
    ]
    assert labels == ["Add", "train [2]", "", ""]
