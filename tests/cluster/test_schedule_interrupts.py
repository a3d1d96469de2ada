"""Schedules that are being changed when somebody interrupts it."""

import itertools
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.cluster import faults, rescheduling, schedules, scheduling
from kfp_workbench.cluster import server as servers
from kfp_workbench.cluster.schedules import Wanted
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import settings as project_settings
from servers.kfp_server import KfpServer, Request, kfp_server
from shared.baking import environment
from shared.schedules import (
    CHANGES,
    NEW,
    NIGHTLY,
    OLD,
    Project,
    add_foreign,
    clear,
    crons,
    make_schedule,
    request_of,
    rows_of,
)


def test_an_interruption_restores_the_old_one(
    server: KfpServer, wanted: Callable[..., Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Project(server.url)
    ours.apply(wanted())
    call, doings = faults.call, iter([True, *[False] * 20])

    def interrupted(endpoint: Any, doing: str, *more: Any) -> Any:
        if doing.startswith("enable") and next(doings):
            raise KeyboardInterrupt
        return call(endpoint, doing, *more)

    monkeypatch.setattr(faults, "call", interrupted)
    with pytest.raises(
        WorkbenchError, match=r"^schedule nightly: interrupted; the old one is in"
    ) as it:
        ours.apply(wanted(cron=NEW))
    assert it.value.status == 130
    assert crons(rows_of(server)) == [OLD] and rows_of(server, on=True)


@pytest.fixture
def signals() -> Iterator[None]:
    """Have signals end a test as they end a verb, also where they were ignored before."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {n: signal.signal(n, signal.default_int_handler) for n in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def signalling(server: KfpServer, first: int, *numbers: int) -> None:
    """Send signals to this process: one with the request ``first``, the next with the next."""
    waiting, seen = list(numbers), itertools.count(1)

    def send(request: Request) -> None:
        if next(seen) >= first and waiting:
            main = threading.main_thread().ident
            assert main
            signal.pthread_kill(main, waiting.pop(0))

    server.before = send


# What the last line may say, and the crons that are in force then.
STATES = {
    "nothing is changed": "old",
    "the old one is in force again": "old",
    "it is in force, as it was": "old",
    "it is in force, as the file has it": "new",
    "it is not in force": "none",
}


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("version", ["2.17.0", "2.15.2"])
@pytest.mark.parametrize(
    "numbers",
    [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGHUP,), (signal.SIGINT,) * 30],
    ids=["int", "term", "hup", "many"],
)
@pytest.mark.parametrize("change", ["replace", *CHANGES])
def test_an_interrupt_anywhere_ends_with_what_is_in_force(
    wanted: Callable[..., Wanted], change: str, numbers: Sequence[int], version: str
) -> None:
    """At each request in turn, and again at all that follow: nobody is left in the dark."""
    changes = {"replace": ({}, {"cron": NEW}), **CHANGES}
    before, after = ([] if more is None else [wanted(**more)] for more in changes[change])
    said = set()
    with kfp_server(version=version) as server:
        ours = Project(server.url)
        assert ours.server.client
        for number in itertools.count(1):
            clear(server)
            foreign = add_foreign(server)
            ours.apply(*before)
            was = [dict(row) for row in rows_of(server)]
            actions = ours.plan(*after)
            server.requests.clear()
            signalling(server, number, *numbers)
            try:
                rescheduling.carry_out(ours.server, ours.owner, actions, ours.said.append)
            except WorkbenchError as error:
                assert error.status == 130
                start, _, state = str(error).partition("; ")
                assert start == "schedule nightly: interrupted"
                said.add(state := state.removesuffix(", and the new one stays, disabled"))
            else:
                state = ""
            server.before, sent = None, len(server.requests)
            on = crons(rows_of(server, on=True))
            if state:
                old, new = ([s.cron for s in side if s.enabled] for side in (before, after))
                assert on == {"old": old, "new": new, "none": []}[STATES[state]], number
            if state in ("nothing is changed", "the old one is in force again"):
                now = [dict(row) for row in rows_of(server)]
                assert now == was or (version == "2.15.2" and now[:-1] == was), number
            ours.apply(*after)
            assert set(ours.apply(*after)) <= {"keep"}
            assert crons(rows_of(server, on=True)) == [s.cron for s in after if s.enabled]
            assert [row for row in server.schedules if row in foreign] == foreign
            assert not server.killed and not server.ghosts
            if sent < number:
                break
    if change == "replace":
        assert said == set(STATES) - {"it is not in force"}


@pytest.mark.parametrize(
    ("at", "state"),
    [
        ((schedules, "listed"), "nothing is changed"),
        ((rescheduling, "carry_out"), "what is in force now is not known: make schedule again"),
    ],
)
def test_an_interrupt_elsewhere(
    folder: Path,
    package: Path,
    settings: project_settings.Settings,
    server: KfpServer,
    monkeypatch: pytest.MonkeyPatch,
    at: tuple[Any, str],
    state: str,
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    request = request_of(folder, package, settings, NIGHTLY)
    monkeypatch.setattr(*at, interrupted)
    with pytest.raises(WorkbenchError) as caught:
        scheduling.schedule(servers.connect(server.url), request, apply=True)
    assert (str(caught.value), caught.value.status) == (f"interrupted; {state}", 130)


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize(
    ("faults", "state"),
    [
        ([(":enable", 1, 1)], "the old one is in force again"),
        (
            [(":enable", 1, 1), ("/recurringruns", 7, 0)],
            r"what is in force now is not known \(.*\): make schedule again",
        ),
        (
            [("/recurringruns", 1, 0)],
            "nothing else is in force than before; it is not known whether another one is there, "
            "disabled: make schedule again",
        ),
    ],
)
def test_an_interrupt_of_a_request_that_fails(
    server: KfpServer, wanted: Callable[..., Wanted], faults: Any, state: str
) -> None:
    """What went wrong is said, too."""
    ours = Project(server.url)
    ours.apply(wanted())
    actions = ours.plan(wanted(cron=NEW))
    for at, first, times in faults:
        server.fail("500", at, first=first, times=times)

    def interrupt(request: Request) -> None:
        main = threading.main_thread().ident
        if main and request.method == "POST" and server.faults[0].at in request.path:
            signal.pthread_kill(main, signal.SIGTERM)

    server.before = interrupt
    with pytest.raises(WorkbenchError) as caught:
        rescheduling.carry_out(ours.server, ours.owner, actions, print)
    start = r"schedule nightly: interrupted; cannot .* the server failed \(500: .*; "
    assert re.fullmatch(start + state, str(caught.value)), caught.value
    assert caught.value.status == 130


def test_two_interrupts_of_make_schedule(project: Path, server: KfpServer) -> None:
    """The second comes while the first is dealt with."""
    (project / "schedules.yaml").write_text(NIGHTLY)
    assert make_schedule(project, server.url, "APPLY=1").returncode == 0
    (project / "schedules.yaml").write_text(NIGHTLY.replace(" 3 ", " 4 "))
    given = {"KFP_HOST": server.url, "ALLOW_UNPINNED": "1", "APPLY": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "kfp_workbench", "schedule"],
        cwd=project,
        env=environment(given),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:

        def interrupt(request: Request) -> None:
            if request.path.endswith((":enable", ":disable")):
                process.send_signal(signal.SIGINT)
                time.sleep(0.2)

        server.requests.clear()
        server.before = interrupt
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.splitlines()[-1].startswith("error: schedule nightly: interrupted; ")
    (row,) = server.schedules
    assert crons([row]) == [OLD] and row["mode"] == "ENABLE"
