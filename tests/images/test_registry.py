"""Asking a registry, with each kind of login, and each way in which it can go wrong.

test_engine does it with a real registry and a real engine's login.
"""

import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.images.registry import RefusedError, Registry
from servers.registry import BASIC, DIGEST, IDENTITY, MANIFEST, PASSWORD, TOKEN, USER, Server, serve


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        yield running


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home without logins; the environment names no other place."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def auths(host: str, password: str = PASSWORD, **more: str) -> dict[str, Any]:
    pair = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return {"auths": {host: more or {"auth": pair}}}


def log_in(folder: Path, host: str, password: str = PASSWORD, **more: str) -> None:
    write(folder / ".docker" / "config.json", auths(host, password, **more))


def helper(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Put a credential helper on PATH."""
    script = folder / "bin" / "docker-credential-x"
    write(script, f"#!/bin/sh\nread -r host\n{answer}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")


def registry(host: str, engine: str = "docker") -> Registry:
    return Registry(f"{host}/team/add", engine)


def refused(asked: Registry, kind: type[WorkbenchError] = WorkbenchError) -> str:
    """Return the message that asking for a digest ends with."""
    with pytest.raises(WorkbenchError) as caught:
        asked.digest("tag")
    message = str(caught.value)
    assert type(caught.value) is kind and caught.value.status == 1
    assert message.startswith(asked.name) and message.isprintable()
    for secret in (PASSWORD, IDENTITY, TOKEN, BASIC.split()[1]):
        assert secret not in message
    return message


# Logins that work


def test_without_a_login(server: Server) -> None:
    asked = registry(server.host)
    assert asked.digest("tag") == DIGEST
    asked.ping()
    assert not asked.wants_login and not asked.has_login
    assert [request["method"] for request in server.requests] == ["HEAD", "GET"]
    accepted = server.requests[0]["headers"]["accept"]
    assert "oci.image.index.v1" in accepted and "manifest.list.v2" in accepted


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_with_a_name_and_a_password(folder: Path, auth: str) -> None:
    with serve(auth=auth) as server:
        log_in(folder, server.host)
        asked = registry(server.host)
        assert asked.digest("tag") == asked.digest("tag") == DIGEST
        asked.ping()
        assert asked.wants_login and asked.has_login
        assert len(server.sent(MANIFEST)) == 3, "asked for a login once"
        given = [request["headers"].get("authorization") for request in server.sent("/token")]
        assert given == ([BASIC] if auth == "bearer" else [])


def test_a_token_for_nobody() -> None:
    """As Docker Hub gives it for pulling."""
    with serve(auth="bearer") as server:
        asked = registry(server.host)
        assert asked.digest("tag") == DIGEST
        assert asked.wants_login and not asked.has_login
        assert "authorization" not in server.sent("/token")[0]["headers"]


def test_with_an_identity_token(folder: Path) -> None:
    with serve(auth="bearer") as server:
        log_in(folder, server.host, identitytoken=IDENTITY)
        assert registry(server.host).digest("tag") == DIGEST
        (sent,) = server.sent("/token")
        assert sent["method"] == "POST" and sent["query"] == {}, "a secret is in no address"


def test_the_token_may_be_called_access_token() -> None:
    with serve(auth="bearer", token=json.dumps({"access_token": TOKEN})) as server:
        assert registry(server.host).digest("tag") == DIGEST


@pytest.mark.parametrize("store", [{"credsStore": "x"}, {"credHelpers": {"HOST": "x"}}])
def test_with_a_credential_helper(
    folder: Path, monkeypatch: pytest.MonkeyPatch, store: dict[str, Any]
) -> None:
    with serve(auth="basic") as server:
        text = json.dumps(store).replace("HOST", server.host)
        write(folder / ".docker" / "config.json", text)
        said = json.dumps({"Username": USER, "Secret": PASSWORD})
        helper(folder, monkeypatch, f"[ \"$1 $host\" = 'get {server.host}' ] && echo '{said}'")
        assert registry(server.host).digest("tag") == DIGEST


@pytest.mark.parametrize("engine", ["podman", "/usr/bin/podman --log-level error", "buildah"])
@pytest.mark.parametrize(
    "place", ["run/containers/auth.json", ".config/containers/auth.json", ".docker/config.json"]
)
def test_with_podmans_login(folder: Path, engine: str, place: str) -> None:
    with serve(auth="basic") as server:
        # A file that has other registries only does not hide those after it.
        write(folder / "run" / "containers" / "auth.json", auths("other.example.com"))
        write(folder / place, auths(server.host))
        assert registry(server.host, engine).digest("tag") == DIGEST


def test_podmans_login_is_not_dockers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(auth="basic") as server:
        monkeypatch.setenv("REGISTRY_AUTH_FILE", str(folder / "auth.json"))
        write(folder / "auth.json", auths(server.host))
        assert registry(server.host, "podman").digest("tag") == DIGEST
        assert "asks for a login" in refused(registry(server.host), RefusedError)


# Logins that do not


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_a_login_is_missing_or_wrong(folder: Path, auth: str) -> None:
    with serve(auth=auth, token=json.dumps({"token": "other"})) as server:
        login = f"(401): docker login {server.host}"
        message = refused(registry(server.host), RefusedError)
        assert message == f"{server.host} asks for a login {login}"
        log_in(folder, server.host, "wr0ng-word")
        message = refused(registry(server.host), RefusedError)
        assert message == f"{server.host} refuses the login that is stored {login}"
        assert "wr0ng-word" not in message


def test_an_identity_token_is_refused(folder: Path) -> None:
    with serve(auth="bearer") as server:
        log_in(folder, server.host, identitytoken="s3cret-old")
        message = refused(registry(server.host), RefusedError)
        assert "refuses the login that is stored" in message and "s3cret-old" not in message


def test_netrc_is_not_asked(folder: Path) -> None:
    with serve(auth="basic") as server, serve(location=f"http://{server.host}{MANIFEST}") as first:
        write(folder / ".netrc", f"machine localhost login {USER} password {PASSWORD}\n")
        (folder / ".netrc").chmod(0o600)
        assert "asks for a login" in refused(registry(server.host), RefusedError)
        assert "asks for a login" in refused(registry(first.host), RefusedError)
        assert all("authorization" not in request["headers"] for request in server.requests)


@pytest.mark.parametrize(
    "realm",
    [
        *("http://auth.example.com/token", "ftp://auth.example.com/", "", "//x", "https://"),
        *("http://[::1", "http://localhost.example.com/token", "http://x/\x1b[31m"),
    ],
)
def test_a_login_is_sent_encrypted_or_not_at_all(folder: Path, realm: str) -> None:
    with serve(auth="bearer", realm=realm or '"') as server:
        log_in(folder, server.host)
        assert "which is no https address: check REGISTRY" in refused(registry(server.host))


@pytest.mark.parametrize(
    "token",
    [
        "<html>",
        "[]",
        "{}",
        "null",
        '{"token": 1}',
        '{"token": ["x"]}',
        f'{{"token": "{TOKEN}\\n"}}',
    ],
)
def test_a_token_endpoint_that_talks_nonsense(token: str) -> None:
    with serve(auth="bearer", token=token) as server:
        assert "/token' gave no token: try again" in refused(registry(server.host))


def test_a_redirect_keeps_the_login_at_home(folder: Path) -> None:
    with serve() as other, serve(auth="basic") as server:
        server.location = f"http://127.0.0.1:{other.port}{MANIFEST}"
        log_in(folder, server.host)
        assert registry(server.host).digest("tag") == DIGEST
        assert server.requests[-1]["headers"]["authorization"] == BASIC
        assert ["authorization" in r["headers"] for r in other.requests] == [False]


def test_an_identity_token_follows_no_redirect(folder: Path) -> None:
    with serve() as other, serve() as moved, serve(auth="bearer") as server:
        moved.give_token = lambda *_: (307, {"Location": f"http://{other.host}/token"}, "")  # type: ignore[method-assign]
        server.realm = f"http://{moved.host}/token"
        log_in(folder, server.host, identitytoken=IDENTITY)
        assert "gave no token" in refused(registry(server.host))
        assert other.requests == []


# Answers


def test_a_tag_that_is_not_there(server: Server) -> None:
    server.status = 404
    assert registry(server.host).digest("tag") is None


def test_what_is_no_registry(server: Server) -> None:
    server.status = 404
    with pytest.raises(
        WorkbenchError, match="what answers there is no registry \\(404\\): check REGI"
    ):
        registry(server.host).ping()


@pytest.mark.parametrize(
    ("status", "digest", "kind", "line"),
    [
        (403, DIGEST, RefusedError, "your login may not use team/add (403): docker login"),
        (500, DIGEST, WorkbenchError, "the registry failed (500): try again"),
        (429, DIGEST, WorkbenchError, "the registry failed (429): try again"),
        (200, "", WorkbenchError, "answered without the digest of team/add:tag"),
        (200, "sha256:abc", WorkbenchError, "answered without the digest of team/add:tag"),
        (200, f"{DIGEST}0", WorkbenchError, "answered without the digest of team/add:tag"),
        (200, f"md5:{'a' * 64}", WorkbenchError, "answered without the digest of team/add:tag"),
    ],
)
def test_answers_that_are_refused(
    server: Server, status: int, digest: str, kind: type[WorkbenchError], line: str
) -> None:
    server.status, server.digest = status, digest
    assert line in refused(registry(server.host), kind)


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        line = f"check REGISTRY, or start one: podman run -d -p {port}:5000 registry:2"
        message = refused(registry(f"localhost:{port}", "podman"))
        assert "no registry answers there (Failed to establish" in message
        assert message.endswith(f": {line}")
    message = refused(registry("no-such-host.invalid"))
    assert message.endswith("): check REGISTRY"), "none of ours can be started there"


@pytest.mark.parametrize(
    "config", ["[]", '{"auths": {"HOST": 1}}', '{"auths": {"HOST": {"auth": "!"}}}']
)
def test_damaged_logins_are_one_line(folder: Path, config: str) -> None:
    with serve(auth="basic") as server:
        write(folder / ".docker" / "config.json", config.replace("HOST", server.host))
        assert "cannot read the engine's logins" in refused(registry(server.host))


def test_a_broken_credential_helper_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(auth="basic") as server:
        write(folder / ".docker" / "config.json", {"credsStore": "x"})
        helper(folder, monkeypatch, "printf 'the keyring is \\033[31mlocked'; exit 1")
        assert r"the keyring is \x1b[31mlocked" in refused(registry(server.host))


# Addresses


@pytest.mark.parametrize(
    ("host", "scheme"),
    [
        *(("localhost:5000", "http"), ("localhost", "http"), ("127.0.0.1:5000", "http")),
        *(("127.8.9.1", "http"), ("[::1]:5000", "http"), ("localhost.example.com", "https")),
        *(("192.168.1.2:5000", "https"), ("registry.example.com", "https"), ("10.0.0.1", "https")),
        *(("127.0.0.1.example.com", "https"), ("[2001:db8::1]:5000", "https")),
    ],
)
def test_plain_http_is_for_this_machine_only(
    monkeypatch: pytest.MonkeyPatch, host: str, scheme: str
) -> None:
    asked = noted(monkeypatch)
    refused(registry(host))
    assert asked == [f"{scheme}://{host}/v2/team/add/manifests/tag"]
    assert registry(host).is_loopback == (scheme == "http")


def test_docker_hub_has_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = noted(monkeypatch)
    hub = Registry("team/add", "docker")
    assert "docker.io" in refused(hub) and hub.login == "docker login"
    assert asked == ["https://registry-1.docker.io/v2/team/add/manifests/tag"]


def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of addresses that are asked from now on; none answers."""
    asked: list[str] = []

    def note(_: Any, method: str, url: str, **more: object) -> None:
        asked.append(url)
        raise requests.exceptions.ConnectionError("noted")

    monkeypatch.setattr(requests.Session, "request", note)
    return asked


def test_a_proxy_is_not_asked_for_this_machine(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert registry(server.host).digest("tag") == DIGEST
    assert registry(f"127.0.0.1:{server.port}").digest("tag") == DIGEST
