"""A server that speaks KFP's v2beta1 API, for tests: with state, and with faults.

    with kfp_server(token="t") as server:
        server.fail("500", at="/runs", method="POST", times=1)
        ...
        (run,) = server.runs

Pipelines, versions, experiments, runs that progress (`Moment`), recurring runs,
namespaces, logins; filters and pages as the backend has them, its limits and its
traps too. Bodies are parsed with KFP's own models, and a field that they do not have
is refused. With KFP_OPENAPI naming KFP's OpenAPI file, requests and answers are also
checked against that. Modelled on
https://github.com/kubeflow/pipelines/tree/master/backend/src/apiserver and held to what a
KFP 2.17.0 said (test_kfp_recorded.py).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from servers.kfp_server.faults import Fault
from servers.kfp_server.refusals import RefusalError, invalid
from servers.kfp_server.requests import Request
from servers.kfp_server.runs import NEVER, Moment, add, advance
from servers.kfp_server.serving import serve
from servers.kfp_server.tables import Row, Table

__all__ = ["Fault", "KfpServer", "Moment", "Request", "kfp_server"]


@dataclass
class KfpServer:
    """The server's state; tests read it, and may change it at any time.

    ``token`` and ``cookie`` (``name=value``) are what lets requests in; with neither,
    everybody is. ``namespaces`` are those that the caller may use, all if it is None.
    """

    token: str = ""
    cookie: str = ""
    multi_user: bool = False
    namespaces: set[str] | None = None
    version: str = "2.17.0"
    prefix: str = ""  # of every path, such as /pipeline
    ssl: Any = None  # an ssl.SSLContext
    script: Sequence[Moment] = (Moment("PENDING"),)  # of new runs
    on_demand: bool = False  # runs move on by `advance` alone
    workflow: str = ""  # what Argo calls new runs
    retries: bool = True  # whether Argo tries nodes again, as by KFP's own settings
    before: Callable[[Request], None] | None = None  # called with each request, before its answer
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    experiments: Table = field(default_factory=lambda: Table("experiment_id"))
    pipelines: Table = field(default_factory=lambda: Table("pipeline_id"))
    versions: Table = field(default_factory=lambda: Table("pipeline_version_id"))
    runs: Table = field(default_factory=lambda: Table("run_id"))
    schedules: Table = field(default_factory=lambda: Table("recurring_run_id"))
    ghosts: list[Row] = field(default_factory=list)  # live schedules that nothing shows
    killed: list[str] = field(default_factory=list)  # runs that died with their schedule
    problems: list[str] = field(default_factory=list)  # what the OpenAPI file does not allow
    lock: threading.RLock = field(default_factory=threading.RLock)
    closing: threading.Event = field(default_factory=threading.Event)

    def fail(
        self,
        kind: str,
        at: str = "",
        *,
        method: str = "",
        first: int = 1,
        times: int = 0,
        retry_after: str = "",
        echo: bool = False,
    ) -> Fault:
        """Fail the requests whose path contains ``at``, from the ``first`` of them on.

        ``times`` is how many of them, 0 for all. ``kind`` is an HTTP status ("429",
        with ``retry_after`` as its header) or

        - ``html``, ``redirect``: a login page, in place of the answer or elsewhere;
        - ``empty``, ``broken``, ``text``, ``null``: ``{}``, half of some JSON, no JSON;
        - ``ui-only``: what KFP's page says when its API server is down;
        - ``aborted``: a 409 that is no duplicate;
        - ``silent``: no answer, until the test ends;
        - ``reset``: the connection is reset at once;
        - ``lost``, ``torn``: the request is carried out; the connection is closed
          before the answer, or reset in the middle of it;
        - ``replaced``: the request is carried out, and a page of a proxy's is the answer;
        - ``late``: the request is carried out, and the answer comes after ten seconds.

        ``echo`` puts the request's credentials into the message.
        """
        fault = Fault(kind, at, method, first, times, retry_after, echo)
        self.faults.append(fault)
        return fault

    def mend(self) -> None:
        """Let nothing fail any more."""
        self.faults.clear()

    def calls(self, method: str = "", at: str = "") -> list[Request]:
        """Return the requests that came in, by method and part of the path."""
        return [r for r in self.requests if method in ("", r.method) and at in r.path]

    def changes(self) -> list[Request]:
        """Return the requests that were more than questions."""
        return [r for r in self.requests if r.method != "GET"]

    def add_run(self, script: Sequence[Moment] | None = None, **row: Any) -> Row:
        """Add a run that nobody submitted; its experiment is made where none is given."""
        if "experiment_id" not in row:
            row["experiment_id"] = self.add_experiment()["experiment_id"]
        experiment = self.experiments.get(row["experiment_id"])
        assert experiment, "there is no such experiment"
        return add(self, {"display_name": "r", "namespace": experiment["namespace"], **row}, script)

    def add_experiment(self, name: str = "e", namespace: str = "", **row: Any) -> Row:
        """Add an experiment that nobody asked for."""
        names = {"display_name": name, "namespace": namespace, "storage_state": "AVAILABLE"}
        return self.experiments.add({**names, "last_run_created_at": NEVER, **row})

    def add_pipeline(self, name: str, namespace: str = "", **row: Any) -> Row:
        """Add a pipeline without versions; ``hidden=True`` is what a crash leaves behind."""
        names = {"name": name, "display_name": name, "namespace": namespace}
        return self.pipelines.add({**names, "description": "", **row})

    def advance(self, run_id: str) -> None:
        """Move a run on to the next moment of its script."""
        with self.lock:
            row = self.runs.get(run_id)
            assert row, "there is no such run"
            advance(row)

    def authenticate(self, request: Request) -> None:
        """Raise RefusalError where the request brings neither the token nor the cookie."""
        brought = request.headers.get("cookie", "").split("; ")
        wanted = [
            self.token and request.headers.get("authorization") == f"Bearer {self.token}",
            self.cookie and self.cookie in brought,
        ]
        if (self.token or self.cookie) and not any(wanted):
            said = "Request header error: there is no user identity header."
            raise RefusalError(401, 16, f"Unauthenticated: {said}", said)

    def namespace_of(self, request: Request) -> str:
        """Return the namespace that a request names; there is none where all is one user's."""
        return request.value("namespace") if self.multi_user else ""

    def check_namespace(self, namespace: str) -> None:
        """Refuse a namespace that is missing, not there, or not the caller's."""
        if not self.multi_user:
            return
        if not namespace:
            raise invalid("namespace is required in multi-user mode")
        if self.namespaces is not None and namespace not in self.namespaces:
            said = f"User is not authorized in the namespace {namespace}"
            raise RefusalError(403, 7, f"PermissionDenied: {said}", said)

    def check_pipelines(self, namespace: str) -> None:
        """Refuse another's namespace; pipelines without one are shared."""
        if namespace:
            self.check_namespace(namespace)


@contextmanager
def kfp_server(**options: Any) -> Iterator[KfpServer]:
    """Run a server on a free port of the loopback interface."""
    state = KfpServer(**options)
    with serve(state):
        yield state
    assert not state.problems, state.problems
