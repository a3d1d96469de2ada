"""The ways in which the server can be told to fail."""

import json
import re
from dataclasses import dataclass

from servers.kfp_server.requests import Request

PAGES = {
    "html": (200, "text/html", "<html>Sign in</html>"),
    "empty": (200, "application/json", "{}"),
    "broken": (200, "application/json", '{"run_id": '),
    "deep": (200, "application/json", "[" * 100_000),
    "text": (200, "text/plain", "it works"),
    "null": (200, "application/json", "null"),
    "ui-only": (200, "application/json", '{"apiServerReady": false}'),
    "redirect": (302, "text/html", ""),
}
# The server does what it was asked, and the answer does not arrive, or only after a while.
AFTERWARDS = ("lost", "torn", "late", "replaced")
LATE = 10.0  # seconds
INSTEAD = (*PAGES, "silent", "reset", "aborted")


@dataclass
class Fault:
    """One fault, and which requests get it: see `KfpServer.fail`."""

    kind: str
    at: str = ""
    method: str = ""
    first: int = 1
    times: int = 0
    retry_after: str = ""
    echo: bool = False
    seen: int = 0

    def __post_init__(self) -> None:
        status = re.fullmatch("[345][0-9][0-9]", self.kind)
        assert status or self.kind in (*INSTEAD, *AFTERWARDS), self.kind

    def hits(self, request: Request) -> bool:
        """Tell whether this request gets the fault; counts the ones that could."""
        if self.at not in request.path or self.method not in ("", request.method):
            return False
        self.seen += 1
        last = self.first + self.times - 1 if self.times else self.seen
        return self.first <= self.seen <= last

    def page(self, request: Request) -> tuple[int, str, str]:
        """Return status, content type and body of what is answered instead."""
        if self.kind in PAGES:
            return PAGES[self.kind]
        status, code = (409, 10) if self.kind == "aborted" else (int(self.kind), 13)
        said = f"the server says {self.kind}"
        if self.echo:
            said += f" to {request.headers.get('authorization')}"
            said += f" with {request.headers['cookie']}" if "cookie" in request.headers else ""
        code = {409: 6, 404: 5, 403: 7, 401: 16}.get(status, code) if code == 13 else code
        body = {"code": code, "message": said}
        return status, "application/json", json.dumps(body)
