"""What the tests of `make run WAIT=1` share: runs, a clock, and a wait for a run."""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.cluster import following, runs, transport, waiting
from kfp_workbench.cluster import server as servers
from kfp_workbench.cluster.credentials import Credentials
from kfp_workbench.local import progress
from kfp_workbench.project import secrecy
from kfp_workbench.signals import Signals
from servers.kfp_server import KfpServer, Moment
from shared.baking import environment, make

PENDING = Moment("PENDING")
# The last lines of a step that failed, which are KFP's launcher's.
GAVE_UP = """\
E1128 13:31:21.777371      16 launcher_v2.go:449] Component failed to execute successfully: exit
I1128 13:31:21.792278      16 launcher_v2.go:206] publish success.
F1128 13:31:21.795105      16 main.go:59] failed to execute component: exit status {status}
"""
STEPS = [
    Moment("RUNNING", {"add": "RUNNING"}),
    Moment("RUNNING", {"add": "SUCCEEDED", "div": "RUNNING"}),
]
SUCCESS = [PENDING, *STEPS, Moment("SUCCEEDED", {"add": "SUCCEEDED", "div": "SUCCEEDED"})]
FAILED = Moment(
    "FAILED",
    {"add": "SUCCEEDED", "div": "FAILED"},
    {"div": "main: Error (exit code 1)"},
    {"div": f"reading\ndiv: cannot divide by 0\n{GAVE_UP.format(status=3)}"},
)
FAILURE = [PENDING, *STEPS, FAILED]
PLACES = [progress.Place((name,), name.capitalize(), 0) for name in ("add", "div")]
SECRET = "hunter2-secret"
CLOCK = re.compile(r"^\d\d:\d\d:\d\d ", re.M)


def places(*paths: str) -> list[progress.Place]:
    """Return the places of tasks by the ways to them; what is around one is a box."""
    found: dict[tuple[str, ...], progress.Place] = {}
    for path in paths:
        parts = tuple(path.split("/"))
        for depth in range(len(parts)):
            part = parts[: depth + 1]
            is_box = depth + 1 < len(parts)
            found.setdefault(part, progress.Place(part, part[-1], depth, is_box))
    return list(found.values())


class Time:
    """A clock that goes on by what is slept; ``at`` is called at that sleep, from 1 on."""

    def __init__(self, at: Mapping[int, Callable[[], object]] | None = None) -> None:
        self.time = 0.0
        self.slept: list[float] = []
        self.at = at or {}

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        self.at.get(len(self.slept), lambda: None)()

    @property
    def clock(self) -> following.Clock:
        return following.Clock(lambda: self.time, self.sleep)


class Ended:
    """What a wait came to."""

    def __init__(self, result: waiting.Result, shown: str) -> None:
        self.answer, self.problem = result
        self.status = result.problem.status if result.problem else 0
        self.line = str(result.problem or "")
        self.shown = CLOCK.sub("", shown)
        assert "\n" not in self.line


class Waiting:
    """A server, and a run on it that is waited for."""

    def __init__(self, server: KfpServer, capsys: pytest.CaptureFixture[str]) -> None:
        self.server, self.capsys = server, capsys
        self.time = Time()
        self.run_id = ""

    def __call__(
        self,
        script: Sequence[Moment] = SUCCESS,
        *,
        timeout: float | None = None,
        on_interrupt: str = "ask",
        credentials: Credentials | None = None,
        at: Mapping[int, Callable[[], object]] | None = None,
        namespace: str | None = None,
        mask: secrecy.Mask = secrecy.NO_MASK,
        places: Sequence[progress.Place] = PLACES,
    ) -> Ended:
        if not self.run_id:
            self.add(script, namespace or "")
        connected = servers.Server(transport.Endpoint(self.server.url, credentials), namespace)
        url = servers.run_url(connected, self.run_id)
        submission = runs.Submission("e", self.run_id, url)
        options = waiting.Options(timeout, on_interrupt)
        self.time = Time(at)
        self.capsys.readouterr()
        with Signals() as signals:
            result = waiting.wait(
                connected, submission, places, options, signals, mask, clock=self.time.clock
            )
        out, shown = self.capsys.readouterr()
        assert out == ""
        return Ended(result, shown)

    def add(self, script: Sequence[Moment], namespace: str = "") -> None:
        experiment = self.server.add_experiment("e", namespace)["experiment_id"]
        self.run_id = self.server.add_run(list(script), experiment_id=experiment)["run_id"]

    @property
    def url(self) -> str:
        return f"{self.server.url}/#/runs/details/{self.run_id}"

    @property
    def looks(self) -> int:
        return len(self.server.calls("GET", f"/v2beta1/runs/{self.run_id}"))


def make_run(project: Path, server: KfpServer, *arguments: str, **env: str) -> Any:
    settings = {"KFP_HOST": server.url, "ALLOW_UNPINNED": "1", **env}
    return make(project, "run", *arguments, env=settings, timeout=120)


def ops_run(project: Path, server: KfpServer, *arguments: str, **env: str) -> Any:
    """Call what make calls: its exit status is not make's."""
    settings = {"KFP_HOST": server.url, "ALLOW_UNPINNED": "1", **env}
    return subprocess.run(
        [sys.executable, "-m", "kfp_workbench", "run", *arguments],
        cwd=project,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
