"""Sockets, HTTP, and which function answers."""

import email.message
import email.parser
import email.policy
import json
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from servers.kfp_server import experiments, openapi, pipelines, runs, schedules
from servers.kfp_server.faults import AFTERWARDS, LATE, PAGES, Fault
from servers.kfp_server.refusals import PlainError, RefusalError
from servers.kfp_server.requests import Request
from shared.serving import Handler, listening

if TYPE_CHECKING:
    from servers.kfp_server import KfpServer

V2 = "/apis/v2beta1"
V1 = "/apis/v1beta1"
LOGS = "/apis/v1alpha1"
Answerer = Callable[..., Any]


def healthz(server: "KfpServer", request: Request) -> Any:
    """Say what the server is."""
    said = {"commit_sha": "unknown", "tag_name": server.version, "multi_user": server.multi_user}
    return {**said, "pipeline_store": "database"}


def _routes() -> list[tuple[str, re.Pattern[str], Answerer]]:
    modules = (experiments, pipelines, runs, schedules)
    routes = [(V2, *route) for module in modules for route in module.ROUTES]
    routes += [(V1, *route) for route in (*pipelines.V1_ROUTES, *runs.V1_ROUTES)]
    routes += [(LOGS, *route) for route in runs.LOG_ROUTES]
    routes.append((V2, "GET", "/healthz", healthz))
    routes.append(("", "GET", "/k8s/pod/logs", runs.log_page))
    # Fixed words before what is in braces: names/x is no pipeline called names.
    routes.sort(key=lambda route: route[2].count("{"))
    return [
        (method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/:]+)", base + path)), function)
        for base, method, path, function in routes
    ]


ROUTES = _routes()


def answer(server: "KfpServer", request: Request, path: str) -> Any:
    """Return the answer to a request, JSON or text; raises RefusalError."""
    server.authenticate(request)
    for method, pattern, function in ROUTES:
        match = pattern.fullmatch(path)
        if match and method == request.method:
            if request.is_broken:
                raise RefusalError(400, 3, "unexpected EOF")
            parts = {name: unquote(part) for name, part in match.groupdict().items()}
            return function(server, request, **parts)
    if not path.startswith("/apis/"):
        raise PlainError(404, "404 page not found")
    raise RefusalError(404, 5, "Not Found")


@contextmanager
def serve(state: "KfpServer") -> Iterator[None]:
    """Serve a state on a free port of the loopback interface, until the block ends."""

    class KfpHandler(Handler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            request = self.request_read()
            with state.lock:
                state.requests.append(request)
                try:
                    if state.before:
                        state.before(request)
                except RefusalError as refusal:
                    self.reply(refusal.status, refusal.body, refusal.content_type)
                    return
                hits = [fault for fault in list(state.faults) if fault.hits(request)]
            fault = hits[0] if hits else None
            if fault and fault.kind not in AFTERWARDS:
                self.fail(fault, request)
                return
            status, text, kind = self.carried_out(request)
            if fault and fault.kind == "late":
                state.closing.wait(LATE)
                self.reply(status, text, kind)
            elif fault and fault.kind == "replaced":
                status, kind, text = PAGES["html"]
                self.reply(status, text, kind)
            elif fault and status == 200:
                self.lose(text, torn=fault.kind == "torn")
            else:
                self.reply(status, text, kind)

        def request_read(self) -> Request:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key.lower(): value for key, value in self.headers.items()}
            kind = headers.get("content-type", "")
            is_file = kind.startswith("multipart/")
            body, is_broken = (_file(kind, content), False) if is_file else _json(content)
            query = parse_qs(parts.query, keep_blank_values=True)
            query = {name: values for name, values in query.items() if values != [""]}
            return Request(self.command, parts.path, query, headers, body, is_broken)

        def carried_out(self, request: Request) -> tuple[int, str, str]:
            """Return status, body and content type of the answer."""
            path = request.path.removeprefix(state.prefix)
            with state.lock:
                status, body, kind = 200, None, RefusalError.content_type
                try:
                    if not request.path.startswith(state.prefix):
                        raise RefusalError(404, 5, "Not Found")
                    body = answer(state, request, path)
                    text = body if isinstance(body, str) else json.dumps(body)
                    kind = PlainError.content_type if isinstance(body, str) else kind
                except RefusalError as refusal:
                    status, text, kind = refusal.status, refusal.body, refusal.content_type
                state.problems += openapi.problems(request, path, status, body)
            return status, text, kind

        def fail(self, fault: Fault, request: Request) -> None:
            if fault.kind == "silent":
                while not state.closing.wait(0.05):
                    time.sleep(0)
                self.close_connection = True
            elif fault.kind == "reset":
                self.reset()
            else:
                status, kind, text = fault.page(request)
                headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
                if status == 302:
                    headers["Location"] = f"{state.url}/login"
                self.reply(status, text, kind, headers)

        def lose(self, text: str, *, torn: bool) -> None:
            if torn:
                self.head(200, len(text.encode()), "application/json", {})
                self.wfile.write(text.encode()[: len(text) // 2])
                self.reset()
            else:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

        def reset(self) -> None:
            """Close with a reset (RST), as a proxy that dies does."""
            self.wfile.flush()
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()

        def head(self, status: int, length: int, kind: str, headers: dict[str, str]) -> None:
            self.send_response(status)
            sent = {"Content-Type": kind, "Content-Length": str(length), **headers}
            for name, value in sent.items():
                self.send_header(name, value)
            self.end_headers()

        def reply(
            self,
            status: int,
            text: str,
            kind: str = "application/json",
            headers: dict[str, str] | None = None,
        ) -> None:
            content = text.encode()
            self.head(status, len(content), kind, headers or {})
            self.wfile.write(content)

    with listening(KfpHandler, state.ssl) as port:
        scheme = "https" if state.ssl else "http"
        state.url = f"{scheme}://{'localhost' if state.ssl else '127.0.0.1'}:{port}{state.prefix}"
        try:
            yield
        finally:
            state.closing.set()


def _json(content: bytes) -> tuple[Any, bool]:
    """Return what a body holds, and whether it is broken."""
    try:
        return json.loads(content) if content else None, False
    except ValueError:
        return None, True


def _file(kind: str, content: bytes) -> str | None:
    """Return the text of the part called uploadfile of a multipart body."""
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    for part in parser.parsebytes(head + content).iter_parts():
        if part.get_param("name", header="Content-Disposition") == "uploadfile":
            payload = part.get_payload(decode=True)
            return payload.decode() if isinstance(payload, bytes) else None
    return None
