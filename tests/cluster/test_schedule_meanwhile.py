"""Schedules that somebody else changes at the same time."""

import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from kfp_workbench.cluster import faults
from kfp_workbench.cluster.schedules import Wanted
from servers.kfp_server import kfp_server
from shared.schedules import NEW, Project, broken_off, clear, crons, rows_of


class Turns:
    """Lets threads make their calls one at a time, in an order that chance decides."""

    def __init__(self, seed: int, names: Sequence[str]) -> None:
        self._chance, self._turn = random.Random(seed), threading.Condition()
        self._alive, self._waiting = set(names), set[str]()
        self._whose: str | None = None

    def _pass_on(self) -> None:
        if self._whose is None and self._alive and self._waiting == self._alive:
            self._whose = self._chance.choice(sorted(self._alive))
            self._turn.notify_all()

    def wait(self) -> None:
        name = threading.current_thread().name
        with self._turn:
            self._waiting.add(name)
            self._pass_on()
            assert self._turn.wait_for(lambda: self._whose == name, timeout=60)
            self._waiting.discard(name)
            self._whose = None

    def leave(self) -> None:
        with self._turn:
            self._alive.discard(threading.current_thread().name)
            self._pass_on()


@pytest.mark.parametrize("version", ["2.17.0", "2.5.0"])
@pytest.mark.parametrize("crons_wanted", [("0 0 4 * * *", "0 0 5 * * *"), (NEW, NEW)])
def test_two_people_at_once(
    wanted: Callable[..., Wanted],
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    crons_wanted: tuple[str, str],
) -> None:
    """Whatever the order of their requests: never two in force, and none unknown to both."""
    call = faults.call
    with kfp_server(version=version) as server:
        people = [Project(server.url), Project(server.url)]
        for person in people:
            assert person.server.client
        for seed in range(30):
            clear(server)
            monkeypatch.setattr(faults, "call", call)
            people[0].apply(wanted())
            turns, problems = Turns(seed, ["0", "1"]), ["", ""]

            def in_turn(*arguments: Any, turns: Turns = turns) -> Any:
                turns.wait()
                return call(*arguments)

            def act(number: int, turns: Turns = turns, problems: list[str] = problems) -> None:
                try:
                    problems[number] = broken_off(
                        lambda: people[number].apply(wanted(cron=crons_wanted[number]))
                    )
                finally:
                    turns.leave()

            monkeypatch.setattr(faults, "call", in_turn)
            threads = [
                threading.Thread(target=act, args=(number,), name=str(number))
                for number in range(2)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            monkeypatch.setattr(faults, "call", call)
            on = rows_of(server, on=True)
            assert len(on) == 1 or (not on and all(problems)), (seed, problems)
            people[0].apply(wanted(cron=NEW))
            assert crons(rows_of(server, on=True)) == [NEW]
