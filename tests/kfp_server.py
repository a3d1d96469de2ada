"""A server that speaks the part of the KFP v2beta1 API that submitting uses.

It keeps state, parses each body with KFP's own models (`kfp_server_api`), refuses what
the backend refuses, decodes filters twice as the backend does, and can be told to fail.
Modelled on https://github.com/kubeflow/pipelines/tree/master/backend/src/apiserver
"""

import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import kfp_server_api
from conftest import Handler, listening

API = "/apis/v2beta1"
LIMITS = {"experiment": 128, "run": 255}
TYPES: Mapping[str, tuple[type, ...]] = {
    "STRING": (str,),
    "NUMBER_INTEGER": (int, float),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
}


class RefusalError(Exception):
    """An HTTP status and gRPC code with a message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Request:
    """One request that came in, as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


@dataclass
class KfpServer:
    """The server's state, and how it is to fail.

    ``fault`` is one of: an HTTP status (``"500"``), ``html``, ``redirect``, ``empty``,
    ``broken``, ``silent``, ``ui-only``; it applies to requests whose path contains
    ``at``. ``lose`` cuts the connection after a run was created; ``echo`` puts the
    request's Authorization header into the message of a fault.
    """

    fault: str = ""
    at: str = ""
    lose: bool = False
    echo: bool = False
    token: str = ""
    multi_user: bool = False
    version: str = "2.17.0"
    requests: list[Request] = field(default_factory=list)
    experiments: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def answer(self, request: Request) -> Any:
        """Return the JSON answer to a request; raises RefusalError."""
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            raise RefusalError(401, 16, "Request header error: there is no user identity header.")
        routes = {
            ("GET", "/healthz"): self.healthz,
            ("GET", "/experiments"): lambda _: self.find("experiments", request),
            ("POST", "/experiments"): self.create_experiment,
            ("GET", "/runs"): lambda _: self.find("runs", request),
            ("POST", "/runs"): self.create_run,
        }
        route = routes.get((request.method, request.path.removeprefix(API)))
        if route is None:
            raise RefusalError(404, 5, "Not Found")
        return route(request)

    def healthz(self, request: Request) -> Any:
        return {"commit_sha": "x", "tag_name": self.version, "multi_user": self.multi_user}

    def find(self, kind: str, request: Request) -> Any:
        self.check_namespace(request.query.get("namespace", [""])[0])
        wanted = None
        for encoded in request.query.get("filter", []):
            # parse_qs decoded it once; the backend decodes it a second time.
            (predicate,) = json.loads(unquote(encoded.replace("+", " ")))["predicates"]
            assert predicate["operation"] == "EQUALS" and predicate["key"] == "display_name"
            wanted = predicate["string_value" if "string_value" in predicate else "stringValue"]
        items: list[dict[str, Any]] = getattr(self, kind)
        found = [item for item in items if wanted in (None, item["display_name"])]
        return {kind: found, "total_size": len(found)} if found else {}

    def create_experiment(self, request: Request) -> Any:
        body = parse(request.body, "V2beta1Experiment")
        self.check_namespace(body.namespace or "")
        self.check_name("experiment", body.display_name)
        if any(item["display_name"] == body.display_name for item in self.experiments):
            raise RefusalError(409, 6, f"Already exist error: {body.display_name}")
        created = {"experiment_id": str(uuid.uuid4()), "display_name": body.display_name}
        self.experiments.append({**created, "storage_state": "AVAILABLE"})
        return self.experiments[-1]

    def create_run(self, request: Request) -> Any:
        body = parse(request.body, "V2beta1Run")
        self.check_name("run", body.display_name)
        if body.experiment_id not in [item["experiment_id"] for item in self.experiments]:
            raise RefusalError(404, 5, f"Experiment {body.experiment_id} not found")
        spec = body.pipeline_spec
        spec = spec.get("pipeline_spec", spec)
        declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
        given = body.runtime_config.parameters or {}
        for name, value in given.items():
            if name not in declared:
                raise RefusalError(400, 3, f"parameter {name} is not defined in the pipeline")
            if not isinstance(value, TYPES[declared[name]["parameterType"]]):
                raise RefusalError(400, 3, f"parameter {name} is of the wrong type")
        created = {"run_id": str(uuid.uuid4()), "display_name": body.display_name}
        self.runs.append({**created, "experiment_id": body.experiment_id, "state": "PENDING"})
        return self.runs[-1]

    def check_namespace(self, namespace: str) -> None:
        if self.multi_user and not namespace:
            raise RefusalError(
                400, 3, "Invalid input error: namespace is required in multi-user mode"
            )
        if not self.multi_user and namespace:
            raise RefusalError(400, 3, "In single-user mode, the namespace must be empty")

    def check_name(self, kind: str, name: str | None) -> None:
        if not name:
            raise RefusalError(400, 3, f"Invalid input error: {kind} name is empty")
        if len(name) > LIMITS[kind]:
            raise RefusalError(500, 13, "Internal Server Error")


def parse(body: Any, model: str) -> Any:
    """Return ``body`` as one of KFP's models; a field that it does not have is refused."""
    known = set(getattr(kfp_server_api, model).attribute_map.values())
    if unknown := set(body) - known:
        raise RefusalError(400, 3, f"unknown field {sorted(unknown)}")
    response = SimpleNamespace(data=json.dumps(body))
    return kfp_server_api.ApiClient().deserialize(response, model)


@contextmanager
def kfp_server(**options: Any) -> Iterator[KfpServer]:
    """Run a server on a free port of the loopback interface."""
    state = KfpServer(**options)

    class KfpHandler(Handler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            headers = {key.lower(): value for key, value in self.headers.items()}
            query = parse_qs(parts.query)
            request = Request(self.command, parts.path, query, headers, body)
            state.requests.append(request)
            if state.fault and state.at in request.path:
                self.fail(state.fault)
                return
            try:
                answer = state.answer(request)
            except RefusalError as refusal:
                error = {"error": str(refusal), "code": refusal.code, "message": str(refusal)}
                self.reply(refusal.status, json.dumps({**error, "details": []}))
                return
            if state.lose and self.command == "POST" and request.path.endswith("/runs"):
                self.close_connection = True
                self.connection.close()
                return
            self.reply(200, json.dumps(answer))

        def fail(self, fault: str) -> None:
            pages = {
                "html": "<html>Sign in</html>",
                "empty": "{}",
                "broken": '{"run_id": ',
                "ui-only": '{"apiServerReady": false}',
            }
            if fault == "silent":
                while not state.closing.wait(0.05):
                    time.sleep(0)
                self.close_connection = True
            elif fault == "redirect":
                self.reply(302, "", location=f"{state.url}/login")
            elif fault in pages:
                self.reply(200, pages[fault])
            else:
                said = f"the server says {fault}"
                if state.echo:
                    said += f" to {self.headers['Authorization']}"
                message = {"message": said, "details": []}
                self.reply(int(fault), json.dumps(message))

        def reply(self, status: int, text: str, location: str = "") -> None:
            content = text.encode()
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with listening(KfpHandler) as port:
        state.url = f"http://127.0.0.1:{port}"
        try:
            yield state
        finally:
            state.closing.set()
