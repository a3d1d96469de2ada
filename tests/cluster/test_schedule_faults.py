"""Schedules that are being changed when a server fails, wherever it does."""

import itertools
from collections.abc import Callable

import pytest

from kfp_workbench.cluster import rescheduling, schedules, transport
from kfp_workbench.cluster.schedules import Wanted
from kfp_workbench.errors import WorkbenchError
from servers.kfp_server import KfpServer
from servers.kfp_server.tables import Row
from shared.schedules import (
    CHANGES,
    NEW,
    OLD,
    Project,
    add_foreign,
    broken_off,
    clear,
    crons,
    rows_of,
)

KINDS = [
    *("401", "403", "404", "409", "aborted", "429", "500", "503"),
    *("html", "redirect", "empty", "broken", "null", "reset", "lost", "torn", "silent"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_replacement_that_breaks_off_anywhere(
    server: KfpServer,
    wanted: Callable[..., Wanted],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    """At each request in turn: one schedule is in force, and the next try mends the rest."""
    ours = Project(server.url)
    for number in itertools.count(1):
        clear(server)
        foreign = add_foreign(server)
        ours.apply(wanted())
        server.requests.clear()
        fault = server.fail(kind, first=number, times=1)
        with monkeypatch.context() as patch:
            if kind == "silent":
                patch.setattr(transport, "READ_SECONDS", 0.5)
            problem = broken_off(lambda: ours.apply(wanted(cron=NEW)))
        on = rows_of(server, on=True)
        assert len(on) == 1 and crons(on)[0] in (OLD, NEW), (number, problem)
        assert problem or crons(on) == [NEW]
        server.mend()
        ours.apply(wanted(cron=NEW))
        assert crons(rows_of(server)) == [NEW] and rows_of(server, on=True)
        assert ours.apply(wanted(cron=NEW)) == ["keep"]
        assert [row for row in server.schedules if row in foreign] == foreign
        assert not server.ghosts and not server.killed
        if fault.seen < number:
            break
    assert number > 11, "as many requests as a replacement takes"


@pytest.mark.parametrize("kind", ["500", "empty", "lost", "html"])
@pytest.mark.parametrize("change", CHANGES)
def test_other_changes_that_break_off_anywhere(
    server: KfpServer, wanted: Callable[..., Wanted], kind: str, change: str
) -> None:
    ours = Project(server.url)
    before, after = ([] if more is None else [wanted(**more)] for more in CHANGES[change])
    for number in itertools.count(1):
        clear(server)
        foreign = add_foreign(server)
        ours.apply(*before)
        fault = server.fail(kind, first=number, times=1)
        broken_off(lambda: ours.apply(*after))
        assert len(rows_of(server, on=True)) <= 1
        server.mend()
        ours.apply(*after)
        modes = ["ENABLE" if item.enabled else "DISABLE" for item in after]
        assert [row["mode"] for row in rows_of(server)] == modes, number
        assert set(ours.apply(*after)) <= {"keep"}
        assert [row for row in server.schedules if row in foreign] == foreign
        if fault.seen < number:
            break


@pytest.mark.parametrize("kind", ["500", "reset", "empty", "html", "401"])
def test_a_server_that_is_gone_in_the_middle(
    server: KfpServer, wanted: Callable[..., Wanted], kind: str
) -> None:
    """Nobody can restore anything then; there are never two, and the next try mends it."""
    ours = Project(server.url)
    for number in range(1, 13):
        clear(server)
        ours.apply(wanted())
        server.fail(kind, first=number)
        problem = broken_off(lambda: ours.apply(wanted(cron=NEW)))
        assert problem or (kind == "empty" and number <= 2)
        on = rows_of(server, on=True)
        assert len(on) <= 1
        if not on:
            assert "what is in force now is not known" in problem
        server.mend()
        ours.apply(wanted(cron=NEW))
        assert crons(rows_of(server)) == [NEW] and rows_of(server, on=True)


@pytest.mark.parametrize(
    ("kind", "at", "method", "first", "message"),
    [
        ("500", ":disable", "POST", 1, "the server says 500): see its log, try again; nothing is"),
        ("500", ":enable", "POST", 1, "try again; the old one is in force again"),
        ("400", "/recurringruns", "POST", 1, "it refused (400: the server says 400); nothing is"),
        ("empty", ":disable", "POST", 1, "did not disable the schedule, and said that it did; no"),
        ("empty", ":enable", "POST", 1, "did not enable the schedule, and said that it did; the"),
        ("500", "/recurringruns/", "DELETE", 1, "what was to go is disabled, and still there"),
    ],
)
def test_what_is_said_when_it_breaks_off(
    server: KfpServer,
    wanted: Callable[..., Wanted],
    kind: str,
    at: str,
    method: str,
    first: int,
    message: str,
) -> None:
    ours = Project(server.url)
    ours.apply(wanted())
    server.fail(kind, at, method=method, first=first, times=1)
    problem = broken_off(lambda: ours.apply(wanted(cron=NEW)))
    assert problem.startswith("schedule nightly: ") and message in problem


@pytest.mark.parametrize("kind", ["lost", "torn"])
def test_a_lost_answer_makes_no_second_schedule(
    server: KfpServer, wanted: Callable[..., Wanted], kind: str
) -> None:
    ours = Project(server.url)
    server.fail(kind, "/recurringruns", method="POST")
    assert ours.apply(wanted()) == ["create"]
    assert len(rows_of(server)) == 1 and rows_of(server)[0]["mode"] == "ENABLE"
    assert len([r for r in server.changes() if r.path.endswith("/recurringruns")]) == 1


@pytest.mark.parametrize("mode", ["ENABLE", "DISABLE"])
def test_what_another_made_meanwhile_is_left_alone(
    server: KfpServer, wanted: Callable[..., Wanted], mode: str
) -> None:
    ours = Project(server.url)
    for before in ([], [wanted()], [wanted(cron=NEW, enabled=False)]):
        clear(server)
        ours.apply(*before)
        actions = ours.plan(wanted(cron=NEW))
        text = schedules.describe("p", wanted(cron="0 0 6 * * *"))
        (foreign,) = add_foreign(server, 1)
        theirs = server.schedules.add(
            {**foreign, "recurring_run_id": "theirs", "description": text, "mode": mode}
        )
        there = [dict(row) for row in server.schedules]
        server.requests.clear()
        with pytest.raises(
            WorkbenchError, match=r"^schedule nightly: it is not as it was a moment ago: do "
        ):
            rescheduling.carry_out(ours.server, ours.owner, actions, print)
        assert theirs["mode"] == mode and [dict(row) for row in server.schedules] == there
        assert not server.calls(at="able"), "nothing was switched"


def test_a_server_that_makes_something_else_is_not_trusted(
    server: KfpServer, wanted: Callable[..., Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Project(server.url)
    ours.apply(wanted())
    add = server.schedules.add

    def add_other(row: Row) -> Row:
        return add({**row, "trigger": {"cron_schedule": {"cron": "0 0 5 * * *"}}})

    monkeypatch.setattr(server.schedules, "add", add_other)
    problem = broken_off(lambda: ours.apply(wanted(cron=NEW)))
    assert "made another schedule than was asked for ('0 0 5 * * *' becomes '0 0 4" in problem
    assert crons(rows_of(server)) == [OLD] and rows_of(server, on=True)
