"""A registry that asks for a login, for tests: what it is sent is noted."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from shared.serving import Handler, listening

USER, PASSWORD, IDENTITY, TOKEN = "somebody", "s3cret-word", "s3cret-identity", "s3cret-token"
BASIC = f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
DIGEST = f"sha256:{'a' * 64}"
MANIFEST = "/v2/team/add/manifests/tag"


@dataclass
class Server:
    """A registry with its token endpoint, which notes what it was sent."""

    auth: str = ""  # basic, bearer, or none
    realm: str = ""  # of bearer; by default its own
    status: int = 200  # of whatever is asked with the right login
    digest: str = DIGEST
    token: str = json.dumps({"token": TOKEN})
    location: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    def sent(self, path: str) -> list[dict[str, Any]]:
        return [request for request in self.requests if request["path"] == path]

    def answer(self, request: dict[str, Any]) -> tuple[int, dict[str, str], str]:
        """Return status, headers and body."""
        given = request["headers"].get("authorization")
        if request["path"] == "/token":
            return self.give_token(request, given)
        if self.auth == "basic" and given != BASIC:
            return 401, {"WWW-Authenticate": 'Basic realm="a registry"'}, ""
        if self.auth == "bearer" and given != f"Bearer {TOKEN}":
            realm = self.realm or f"http://{self.host}/token"
            challenge = (
                f'Bearer realm="{realm}",service="a, registry",scope="repository:team/add:pull"'
            )
            return 401, {"WWW-Authenticate": challenge}, ""
        if self.location:
            return 307, {"Location": self.location}, ""
        return self.status, {"Docker-Content-Digest": self.digest} if self.digest else {}, "{}"

    def give_token(
        self, request: dict[str, Any], given: str | None
    ) -> tuple[int, dict[str, str], str]:
        asked = {**request["query"], **request["form"]}
        assert asked["service"] == ["a, registry"]
        if request["method"] == "POST":
            assert given is None and asked["grant_type"] == ["refresh_token"]
            good = asked["refresh_token"] == [IDENTITY]
        else:
            assert asked["scope"] == ["repository:team/add:pull"]
            good = given in (None, BASIC)
        return (200, {}, self.token) if good else (401, {}, "")


@contextmanager
def serve(**options: Any) -> Iterator[Server]:
    state = Server(**options)

    class RegistryHandler(Handler):
        def serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            request = {
                "method": self.command,
                "path": parts.path,
                "query": parse_qs(parts.query),
                "headers": {key.lower(): value for key, value in self.headers.items()},
                "form": parse_qs(self.rfile.read(length).decode()),
            }
            state.requests.append(request)
            status, headers, body = state.answer(request)
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

    with listening(RegistryHandler) as state.port:
        yield state
