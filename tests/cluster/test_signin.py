"""Signing in to a KFP endpoint, against servers that do what oauth2-proxy and Dex do."""

import base64
import datetime
import ipaddress
import itertools
import json
import os
import ssl
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kfp_workbench.cluster import dex, pages, runs, signin
from kfp_workbench.cluster.credentials import Credentials, SignInError
from kfp_workbench.cluster.server import connect
from kfp_workbench.cluster.session import DexSession
from kfp_workbench.cluster.signin import credentials
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import venvs
from kfp_workbench.local.containers import ContainerRunner
from kfp_workbench.project import secrecy
from kfp_workbench.project.steps import Step
from servers.kfp_server import kfp_server
from servers.kubeflow_server import PASSWORD, USER, Kubeflow, Reply, Request, kubeflow
from shared.baking import PROJECT, environment, files_of, make
from shared.jobs import job, run
from shared.serving import Handler, listening

TOKEN = "eyJhbGciOi.s3cret-token"
HOST = "http://127.0.0.1:1"
LOGIN = {"KFP_USERNAME": USER, "KFP_PASSWORD": PASSWORD}
OTHERWISE = "set KFP_TOKEN or KFP_COOKIE, instead of KFP_USERNAME"


@pytest.fixture
def server() -> Iterator[Kubeflow]:
    with kubeflow() as running:
        yield running


def user(host: str, ca: Path | None = None, connector: str = "") -> Credentials:
    """Return the credentials of the user that the servers know."""
    return credentials(host, {**LOGIN, "KFP_CONNECTOR": connector}, ca)


def status(host: str, found: Credentials) -> int:
    """Return what KFP's API says to these credentials."""
    answer = requests.get(
        f"{host}/apis/v2beta1/healthz",
        headers=dict(found.headers()),
        timeout=10,
        allow_redirects=False,
    )
    return int(answer.status_code)


def refused(call: Callable[[], object], code: int = 1) -> str:
    """Return the one line of an error, which holds nothing secret, its traceback neither."""
    with pytest.raises(WorkbenchError) as caught:
        call()
    line = str(caught.value)
    assert caught.value.status == code and "\n" not in line
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame for frame in shown.stack if "/kfp_workbench/" in frame.filename]
    shown.stack = traceback.StackSummary.from_list([])
    variables = [
        text for frame in ours for name, text in (frame.locals or {}).items() if name != "environ"
    ]
    text = "\n".join([line, *shown.format(), *variables])
    for secret in (PASSWORD, TOKEN):
        assert secret not in text
    return line


# Dex


@pytest.mark.parametrize("proxy", ["oauth2-proxy", "authservice", "authservice-ui"])
@pytest.mark.parametrize("approval", [False, True])
@pytest.mark.parametrize(
    "connectors",
    [
        [("local", "local")],
        [("ldap", "ldap")],
        [("github", "github"), ("local", "local")],
        [("corp & co", "ldap"), ("github", "github")],
    ],
)
def test_dex_lets_a_user_in(proxy: str, approval: bool, connectors: list[tuple[str, str]]) -> None:
    with kubeflow(proxy=proxy, approval=approval, connectors=connectors) as server:
        assert status(server.url, credentials(server.url, {})) in (401, 302)
        found = user(server.url)
        assert status(server.url, found) == 200
        assert status(server.url, found) == 200
        assert server.passwords == [PASSWORD], "one session serves all requests"
        assert "/" not in [r.path for r in server.requests] or proxy == "authservice-ui"


def test_a_server_takes_no_code_without_its_csrf_cookie(server: Kubeflow) -> None:
    """As these tests rely on."""
    start = requests.get(f"{server.url}/oauth2/start?rd=/", allow_redirects=False, timeout=5)
    nonce = start.headers["Location"].partition("state=")[2].partition("%3A")[0]
    server.codes.add("c")
    callback = f"{server.url}/oauth2/callback?code=c&state={nonce}:/"
    assert requests.get(callback, timeout=5).status_code == 403
    jar = {"oauth2_proxy_kubeflow_csrf": nonce}
    answer = requests.get(callback, cookies=jar, allow_redirects=False, timeout=5)
    assert answer.status_code == 302


def test_a_session_in_several_cookies() -> None:
    with kubeflow(session_bytes=9000) as server:
        found = user(server.url)
        assert status(server.url, found) == 200
        assert sorted(server.requests[-1].cookies) == [
            f"oauth2_proxy_kubeflow_{n}" for n in (0, 1, 2)
        ]


def test_an_endpoint_below_a_path(server: Kubeflow) -> None:
    host = f"{server.url}/pipeline"
    found = user(host)
    assert status(host, found) == 200
    assert server.requests[0].path == "/oauth2/start", "the sign-in is at the top"


def test_a_session_that_has_ended_is_begun_anew(server: Kubeflow) -> None:
    found = user(server.url)
    assert status(server.url, found) == 200
    first = found.headers()["cookie"]
    server.sessions.clear()
    assert status(server.url, found) == 401
    assert found.refresh() and status(server.url, found) == 200
    second = found.headers()["cookie"]
    values = [cookie.partition("=")[2] for cookie in (first, second)]
    assert first != second and {first, second, *values, PASSWORD} <= set(found.secrets())


def test_a_cookie_that_has_expired_is_not_sent(server: Kubeflow) -> None:
    found = user(server.url)
    first = found.headers()["cookie"]
    assert isinstance(found, DexSession) and found._cookies is not None
    for cookie in found._cookies:
        cookie.expires = 1
    assert found.headers()["cookie"] not in ("", first)
    assert len(server.passwords) == 2


@pytest.mark.parametrize(("code", "form"), [(401, ""), (200, ""), (401, "<h1>No</h1>")])
def test_a_wrong_password(code: int, form: str) -> None:
    with kubeflow(refusal=code, users={USER: "other"}) as server:

        def login(request: Request) -> Reply | None:
            server.form = form if request.form else ""
            return server.usual(request)

        server.instead["/dex/auth/local/login"] = login
        line = refused(user(server.url).headers)
    text = f"refuses the password of '{USER}': check KFP_USERNAME and KFP_PASSWORD"
    assert line == f"the sign-in at {server.url} {text}"
    assert server.passwords == [PASSWORD], "asked once: an account may be locked for more"


def test_a_password_that_is_no_longer_right(server: Kubeflow) -> None:
    found = user(server.url)
    assert status(server.url, found) == 200
    server.users[USER] = "changed"
    server.sessions.clear()
    assert "refuses the password" in refused(found.refresh)


@pytest.mark.parametrize(
    ("connectors", "wanted", "text"),
    [
        (
            [("github", "github"), ("saml", "saml")],
            "",
            "has no connector for passwords, but github, saml: set KFP_CONNECTOR to one that",
        ),
        (
            [("ldap", "ldap"), ("local", "local")],
            "",
            "has several connectors for passwords: ldap, local: set KFP_CONNECTOR to the one",
        ),
        (
            [("ldap", "ldap"), ("local", "local")],
            "corp",
            "has no connector 'corp', but ldap, local: set KFP_CONNECTOR to one that takes",
        ),
        (
            [("github", "github")],
            "",
            f"leads to https://github.invalid, another server: {OTHERWISE}",
        ),
    ],
)
def test_connectors_that_do_not_fit(
    connectors: list[tuple[str, str]], wanted: str, text: str
) -> None:
    with kubeflow(connectors=connectors) as server:
        assert text in refused(user(server.url, connector=wanted).headers)
        assert server.passwords == []


@pytest.mark.parametrize("icons", [True, False])
def test_the_connector_can_be_chosen(icons: bool) -> None:
    with kubeflow(connectors=[("local", "local"), ("corp", "ldap")], icons=icons) as server:
        assert status(server.url, user(server.url, connector="corp")) == 200
        assert [r.path for r in server.requests if r.form] == ["/dex/auth/corp/login"]


@pytest.mark.parametrize(
    ("path", "reply", "text"),
    [
        (
            "/dex/auth/local/login",
            Reply(500, "<h2>Internal Server Error</h2><p>Login error.</p>"),
            "failed, with the page /dex/auth/local/login (500: Internal Server Error Login error.)",
        ),
        (
            "/oauth2/callback",
            Reply(403, "<h1>403</h1><p>Unable to find a valid CSRF token.</p>"),
            "failed, with the page /oauth2/callback (403: 403 Unable to find a valid CSRF token.)",
        ),
        (
            "/oauth2/callback",
            Reply(200, "<h2>Enter your code</h2><form method=post><input name=totp></form>"),
            "gave no session for the password, but the page /oauth2/callback (200: Enter your code)",
        ),
        (
            "/oauth2/start",
            Reply(200, "<title>KFP</title><script>x</script>Kubeflow Pipelines"),
            "has no page of Dex's to sign in at, but the page /oauth2/start "
            "(200: Kubeflow Pipelines): unset KFP_USERNAME if it wants no sign-in",
        ),
        ("/oauth2/start", Reply(503, "no healthy upstream"), "(503: no healthy upstream)"),
        ("/dex/auth/local/login", Reply(400, f"no {PASSWORD}"), "(400: no ***)"),
        ("/dex/auth/local/login", Reply(400, "x" * 195 + PASSWORD), f"({400}: {'x' * 195}***)"),
        ("/dex/auth/local/login", Reply(400, "\x1b[31mred"), "/login (400): try again"),
        ("/dex/auth/local/login", Reply(307, location="/dex/auth/x"), "password sent once more"),
        ("/dex/auth", Reply(302), "leads from page to page, 20 and no end"),
        ("/dex/auth", Reply(302, location="/dex/auth"), "leads from page to page, 20 and no end"),
    ],
)
def test_what_is_no_sign_in(server: Kubeflow, path: str, reply: Reply, text: str) -> None:
    def instead(request: Request) -> Reply | None:
        return server.usual(request) if path.endswith("login") and not request.form else reply

    server.instead[path] = instead
    assert text in refused(user(server.url).headers)
    assert len(server.requests) <= dex.MAX_REQUESTS


@pytest.mark.parametrize("code", [401, 403, 400])
def test_where_there_is_no_dex(code: int) -> None:
    """As where KFP takes bearer tokens alone."""
    said = json.dumps({"error": "Request header error: there is no user identity header."})
    with kubeflow() as server:
        server.instead["/"] = server.instead["/oauth2/start"] = lambda _: Reply(code, said)
        line = refused(user(server.url).headers)
        assert line == (
            f"the sign-in at {server.url} has no page of Dex's to sign in at, but the page "
            f"/oauth2/start ({code}): {OTHERWISE}"
        )
        assert server.passwords == []


# Where the password goes


@pytest.fixture
def stranger() -> Iterator[Kubeflow]:
    """Another server, which would take the password too."""
    with kubeflow() as running:
        yield running


@pytest.mark.parametrize("path", ["/oauth2/start", "/dex/auth", "/dex/auth/local/login"])
@pytest.mark.parametrize("form", ["{0}", "//{1}", "http://user@{1}", "/\\{1}", "http:{1}"])
def test_another_server_is_never_asked(
    server: Kubeflow, stranger: Kubeflow, path: str, form: str
) -> None:
    place = stranger.url.partition("//")[2]
    server.detours[path] = form.format(stranger.url, place) + "/dex/auth/local/login"
    refused(user(server.url).headers)
    assert stranger.requests == []


@pytest.mark.parametrize(
    "action",
    [
        "{0}/x",
        "//{1}/x",
        "HTTP://{1}/x",
        "http://127.0.0.1@{1}/x",
        "https://127.0.0.1/x",
        "http://127.0.0.1/x",
        "javascript:alert(1)",
        "http://[",
        "file:///etc/passwd",
    ],
)
def test_no_form_sends_the_password_elsewhere(
    server: Kubeflow, stranger: Kubeflow, action: str
) -> None:
    place = action.format(stranger.url, stranger.url.partition("//")[2])
    server.form = (
        f'<form method="post" action="{place}"><input name=login><input name=password></form>'
    )
    assert "leads to " in refused(user(server.url).headers)
    assert stranger.requests == [] and server.passwords == []


FORM = '<input name="login"><input type="password" name="password">'
SECRET_FORM = FORM + '<input type="hidden" name="kept" value="a&amp;b&#34;">'


@pytest.mark.parametrize(
    "page",
    [
        f'<form method="post" action="{{action}}">{SECRET_FORM}</form>',
        f"<FORM METHOD=POST ACTION='{{action}}'>{SECRET_FORM}",
        f'<form method="post">{SECRET_FORM}</form>',
        f'<form method="post" action=" ../local/login?%s">{SECRET_FORM}</form>',
        f'<form action="/search"><input name="q"></form><form method="post" action="{{action}}">'
        f"{SECRET_FORM}</form><form method=post action=/logout><input name=x></form>",
        f'<!-- <form method="post" action="http://evil.invalid">{FORM}</form> --> '
        f'<script>"<form method=post action=//evil.invalid>{FORM}</form>"</script>'
        f'<base href="http://evil.invalid/"><form method="post" action="{{action}}">'
        f"{SECRET_FORM}</form>",
        f'<form method="get" action="/leak">{FORM}</form>'
        f'<form method="post" action="{{action}}" action="http://evil.invalid">'
        f'<input name><input>{SECRET_FORM}<div <p <a "></form>',
    ],
)
def test_pages_in_any_shape(server: Kubeflow, page: str) -> None:
    def login(request: Request) -> Reply | None:
        query = "&amp;".join(f"{key}={value}" for key, value in request.query.items())
        server.form = page.replace("%s", query)
        return server.usual(request)

    server.instead["/dex/auth/local/login"] = login
    assert status(server.url, user(server.url)) == 200
    (sent,) = [request.form for request in server.requests if request.form]
    assert sent == {"login": USER, "password": PASSWORD, "kept": 'a&b"'}


@pytest.mark.parametrize("unit", ["<a ", "<", "</", "<!", "&", "<a b='", "<![", "<form><input>"])
def test_a_page_that_parsers_choke_on_is_read(unit: str) -> None:
    """Python's own needs minutes for some of these, if it is given all at once."""
    page = pages.read(f"<h1>{unit * (dex.MAX_PAGE // len(unit))}")
    assert isinstance(page.text, str)


def test_text_of_a_page() -> None:
    page = pages.read("<head><title>t</title><style>s</style></head>a<br>b &amp; c\n<![x[ d")
    assert page.text == "a b & c"
    assert pages.read("Not Found").text == "Not Found"


@pytest.mark.parametrize(
    ("proxied", "name"),
    [({"HTTP_PROXY", "http_proxy", "ALL_PROXY"}, "proxy"), ({"HTTP_PROXY"}, "netrc")],
)
def test_only_what_is_said_here_counts(
    server: Kubeflow,
    stranger: Kubeflow,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    proxied: set[str],
    name: str,
) -> None:
    """Not a proxy of the environment, which KFP's client does not use, and not ~/.netrc."""
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    for variable in proxied:
        monkeypatch.setenv(variable, stranger.url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password netrc-pass\n")
    user(server.url).headers()
    assert stranger.requests == []
    assert not [r for r in server.requests if "authorization" in r.headers]


# Servers that do not end


def endless(server: Kubeflow, piece: bytes, pause: float) -> Iterator[bytes]:
    while not server.closing.wait(pause):
        yield piece


@pytest.mark.parametrize(
    ("piece", "pause", "text"),
    [
        (b"x" * 65536, 0.0, "has a page of more than 128 kB"),
        (b"x", 0.01, "takes longer than 1 s: try again"),
        (b"", 0.01, "does not answer within 0 s: try again"),
    ],
    ids=["huge", "slow", "silent"],
)
def test_a_page_that_does_not_end(
    server: Kubeflow,
    monkeypatch: pytest.MonkeyPatch,
    piece: bytes,
    pause: float,
    text: str,
) -> None:
    monkeypatch.setattr(dex, "SECONDS", 0.6)
    monkeypatch.setattr(dex, "READ_SECONDS", 0.4)
    server.instead["/dex/auth"] = lambda _: Reply(200, endless(server, piece, pause))
    assert text in refused(user(server.url).headers)


def test_a_redirect_is_followed_without_its_body(server: Kubeflow) -> None:
    def start(request: Request) -> Reply | None:
        reply = server.usual(request)
        assert reply is not None
        reply.body = endless(server, b"x" * 65536, 0.0)
        return reply

    server.instead["/oauth2/start"] = start
    assert status(server.url, user(server.url)) == 200


def test_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    with kubeflow() as server:
        monkeypatch.setattr(dex, "READ_SECONDS", 0.3)
        server.instead["/oauth2/start"] = lambda _: (
            Reply(200, iter([])) if server.closing.wait(9) else None
        )
        line = refused(user(server.url).headers)
    text = "does not answer within 0 s: try again, or check KFP_HOST"
    assert line == f"the sign-in at {server.url} {text}"


def test_no_server() -> None:
    line = refused(user(HOST).headers)
    assert line.startswith(f"{HOST}: no server answers there: connect your cluster (kubectl ")


def test_what_is_no_http() -> None:
    class Rude(Handler):
        def serve(self) -> None:
            self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    with listening(Rude) as port:
        line = refused(user(f"http://127.0.0.1:{port}").headers)
    assert "cannot be asked (" in line


# Encryption


class Authority:
    """A private CA, in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path, self.folder, self._key = folder / f"{name}.pem", folder, _key()
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        basic = x509.BasicConstraints(ca=True, path_length=None)
        self._certificate = _certificate(self._name, self._name, self._key, self._key, basic)
        self.path.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def server(self) -> ssl.SSLContext:
        """Return what a server on this machine needs, with a certificate of this CA."""
        key = _key()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        names = x509.SubjectAlternativeName([address])
        certificate = _certificate(subject, self._name, key, self._key, names)
        both = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (self.folder / "server.pem").write_bytes(both)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem")
        return context


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - day).not_valid_after(now + day)
    return builder.add_extension(extension, critical=True).sign(signer, hashes.SHA256())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "ca")


@pytest.fixture
def secure(authority: Authority) -> Iterator[Kubeflow]:
    with kubeflow(context=authority.server()) as running:
        yield running


def test_a_private_ca(secure: Kubeflow, authority: Authority) -> None:
    found = user(secure.url, authority.path)
    assert found.headers()["cookie"].startswith("oauth2_proxy_kubeflow=")


@pytest.mark.parametrize("own", [True, False])
def test_a_certificate_that_is_not_trusted(secure: Kubeflow, tmp_path: Path, own: bool) -> None:
    other = Authority(tmp_path, "other").path if own else None
    line = refused(user(secure.url, other).headers)
    assert line.startswith(f"{secure.url}: its certificate is not trusted (")
    assert "(unable to get local issuer certificate)" in line
    assert line.endswith("check KFP_HOST, or set KFP_CA to your CA's certificate")
    assert secure.requests == []


@pytest.mark.parametrize("path", ["/oauth2/start", "/dex/auth/local/login"])
def test_from_https_to_http_is_no_way(
    secure: Kubeflow, stranger: Kubeflow, authority: Authority, path: str
) -> None:
    secure.detours[path] = f"{stranger.url}/dex/auth/local/login"
    line = refused(user(secure.url, authority.path).headers)
    assert f"leads to {stranger.url}, where the password would go unencrypted" in line
    assert stranger.requests == []


def test_from_http_to_https_the_address_is_told(server: Kubeflow) -> None:
    server.detours["/oauth2/start"] = "https://127.0.0.1/oauth2/start?rd=%2F"
    line = refused(user(f"{server.url}/pipeline").headers)
    assert line.endswith("leads to https://127.0.0.1: set KFP_HOST=https://127.0.0.1/pipeline")


# Tokens and cookies


def test_nobody() -> None:
    found = credentials(HOST, {})
    assert (found.headers(), found.refresh(), found.secrets()) == ({}, False, [])
    assert found.describe() == "no sign-in"


@pytest.mark.parametrize(
    ("environ", "headers", "hidden"),
    [
        ({"KFP_TOKEN": f" {TOKEN}\n"}, {"authorization": f"Bearer {TOKEN}"}, [TOKEN]),
        (
            {"KFP_COOKIE": "session=s3cret=; _x=1;"},
            {"cookie": "session=s3cret=; _x=1"},
            ["session=s3cret=; _x=1", "s3cret="],
        ),
        ({"KFP_COOKIE": "a=b:c/d e"}, {"cookie": "a=b:c/d e"}, ["a=b:c/d e"]),
    ],
)
def test_what_the_environment_holds(
    environ: Mapping[str, str], headers: Mapping[str, str], hidden: list[str]
) -> None:
    found = credentials(HOST, environ)
    assert found.headers() == headers and not found.refresh()
    assert found.secrets()[: len(hidden)] == hidden
    assert found.describe() == next(iter(environ))


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first-token\n")
    found = credentials(HOST, {"KFP_TOKEN_FILE": str(file)})
    assert found.describe() == f"KFP_TOKEN_FILE ({file})"
    assert found.headers() == {"authorization": "Bearer first-token"}
    assert not found.refresh()
    stamp = file.stat().st_mtime_ns
    file.write_text("other-token\n")
    os.utime(file, ns=(stamp, stamp))  # the clock of a file system may be coarse
    assert found.refresh() and not found.refresh()
    assert found.headers() == {"authorization": "Bearer other-token"}
    file.write_text("third-token")
    assert found.headers() == {"authorization": "Bearer third-token"}
    assert found.secrets() == ["first-token", "other-token", "third-token"]


@pytest.mark.parametrize("content", [None, b"", b"half a", b"\xff\x00", b"x" * 99_999])
def test_a_file_that_is_being_written(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token"
    file.write_text("good-token")
    found = credentials(HOST, {"KFP_TOKEN_FILE": str(file)})
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    assert not found.refresh()
    assert found.headers() == {"authorization": "Bearer good-token"}


def test_kubernetes_swaps_a_link(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(f"token-{name}")
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "token").symlink_to("data/token")
    found = credentials(HOST, {"KF_PIPELINES_SA_TOKEN_PATH": str(tmp_path / "token")})
    assert found.headers() == {"authorization": "Bearer token-one"}
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").replace(tmp_path / "data")
    assert found.headers() == {"authorization": "Bearer token-two"}


def test_a_pod_has_its_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    monkeypatch.setattr(signin, "SERVICE_ACCOUNT", file)
    assert credentials(HOST, {}).headers() == {}
    file.write_text(TOKEN)
    found = credentials(HOST, {})
    assert found.headers() == {"authorization": f"Bearer {TOKEN}"}
    assert found.describe() == f"the service account's token ({file})"
    other = credentials(HOST, {"KFP_TOKEN": "mine", "KF_PIPELINES_SA_TOKEN_PATH": str(file)})
    assert other.headers() == {"authorization": "Bearer mine"}, "what is set wins"


def test_a_token_that_has_expired_is_called_so() -> None:
    for end, said in ((1_700_000_000, "2023-11-14 22:13 UTC"), (99_999_999_999, "")):
        claims = base64.urlsafe_b64encode(json.dumps({"exp": end}).encode()).decode().rstrip("=")
        text = credentials(HOST, {"KFP_TOKEN": f"h.{claims}.s"}).describe()
        assert text == (f"KFP_TOKEN, which expired {said}," if said else "KFP_TOKEN")


@pytest.mark.parametrize("token", ["a.b.c", "a.e30.c", "a.bnVsbA.c", "a.eyJleHAiOiJ4In0.c", "..."])
def test_a_token_with_nothing_to_read_is_a_token(token: str) -> None:
    assert credentials(HOST, {"KFP_TOKEN": token}).describe() == "KFP_TOKEN"


def test_the_password_can_be_in_a_file(server: Kubeflow, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\r\n")
    environ = {"KFP_USERNAME": USER, "KFP_PASSWORD_FILE": str(file)}
    found = credentials(server.url, environ)
    assert status(server.url, found) == 200
    assert found.describe() == f"KFP_USERNAME ({USER}, by Dex)"


ONE = {
    "KFP_TOKEN": TOKEN,
    "KFP_TOKEN_FILE": "/dev/null",
    "KFP_COOKIE": "session=s3cret",
    "KFP_USERNAME": USER,
}


@pytest.mark.parametrize("pair", itertools.combinations(ONE, 2))
def test_ways_that_contradict_each_other(pair: tuple[str, str]) -> None:
    environ = {name: ONE[name] for name in pair}
    line = refused(lambda: credentials(HOST, environ), 2)
    assert line == f"{pair[0]} and {pair[1]} are set, and only one can sign in: unset the others"
    empty = {**environ, pair[1]: " "}
    if pair[0] == "KFP_TOKEN":
        assert credentials(HOST, empty).describe() == "KFP_TOKEN", "what is empty is not set"


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({"KFP_USERNAME": USER}, "KFP_USERNAME is set, KFP_PASSWORD is not: set it, or none"),
        ({"KFP_PASSWORD": "p"}, "KFP_PASSWORD is set, KFP_USERNAME is not: set it, or none"),
        (
            {"KFP_PASSWORD_FILE": "/p"},
            "KFP_PASSWORD_FILE is set, KFP_USERNAME is not: set it, or none",
        ),
        ({"KFP_CONNECTOR": "x"}, "KFP_CONNECTOR is set, KFP_USERNAME is not: set it, or none"),
        (
            {**LOGIN, "KFP_PASSWORD_FILE": "/p"},
            "KFP_PASSWORD and KFP_PASSWORD_FILE are set: unset one",
        ),
        (
            {"KFP_USERNAME": USER, "KFP_PASSWORD_FILE": "/nowhere/p"},
            "KFP_PASSWORD_FILE: '/nowhere/p': No such file or directory: correct or unset it",
        ),
        (
            {"KFP_USERNAME": USER, "KFP_PASSWORD_FILE": "/dev/null"},
            "KFP_PASSWORD_FILE: '/dev/null' is empty: write the password",
        ),
        (
            {"KFP_TOKEN": TOKEN, "KFP_PASSWORD": PASSWORD},
            "KFP_TOKEN and KFP_PASSWORD are set, and only one can sign in: unset the others",
        ),
        (
            {**ONE, "KFP_PASSWORD": PASSWORD},
            "KFP_TOKEN and KFP_TOKEN_FILE and KFP_COOKIE and KFP_USERNAME are set, and only one "
            "can sign in: unset the others",
        ),
        (
            {"KFP_TOKEN": f"Bearer {TOKEN}"},
            "KFP_TOKEN has a space or a character that no token has: set it anew",
        ),
        (
            {"KFP_TOKEN": f"{TOKEN}\r\nX-Evil: 1"},
            "KFP_TOKEN has a space or a character that no token has: set it anew",
        ),
        (
            {"KFP_TOKEN_FILE": "/nowhere/t"},
            "KFP_TOKEN_FILE: '/nowhere/t': No such file or directory: correct or unset it",
        ),
        ({"KFP_TOKEN_FILE": "/"}, "KFP_TOKEN_FILE: '/': Is a directory: correct or unset it"),
        ({"KFP_TOKEN_FILE": "/dev/null"}, "KFP_TOKEN_FILE: '/dev/null' is empty: write the token"),
        (
            {"KFP_TOKEN_FILE": "/dev/zero"},
            "KFP_TOKEN_FILE: '/dev/zero' is too large: give another file",
        ),
        (
            {"KF_PIPELINES_SA_TOKEN_PATH": "/nowhere/t"},
            "KF_PIPELINES_SA_TOKEN_PATH: '/nowhere/t': No such file or directory: correct or unset it",
        ),
        *(
            (
                {"KFP_COOKIE": cookie},
                'KFP_COOKIE is no cookie: give it as the browser sends it: "name=value; name2=value2"',
            )
            for cookie in ("s3cret", "a=b\r\nX: 1", "a=b\nc=d", "a=\xe9", "Cookie: a=b", ";", "=x")
        ),
    ],
)
def test_what_cannot_be(environ: Mapping[str, str], line: str) -> None:
    assert refused(lambda: credentials(HOST, environ), 2) == line


# A run, each way


def ways(folder: Path, server: Kubeflow) -> dict[str, dict[str, str]]:
    """Return the variables of each way to sign in, with something good in them."""
    for name in ("token", "password"):
        (folder / name).write_text({"token": TOKEN, "password": PASSWORD}[name])
    session = "5e55101" * 8
    server.sessions.add(session)
    return {
        "token": {"KFP_TOKEN": TOKEN},
        "token-file": {"KFP_TOKEN_FILE": str(folder / "token")},
        "cookie": {"KFP_COOKIE": f"{server.session}={session}"},
        "service-account": {"KF_PIPELINES_SA_TOKEN_PATH": str(folder / "token")},
        "dex": LOGIN,
        "dex-file": {"KFP_USERNAME": USER, "KFP_PASSWORD_FILE": str(folder / "password")},
    }


WAYS = ("token", "token-file", "cookie", "service-account", "dex", "dex-file")


@pytest.fixture(scope="session")
def package(default: Path) -> Path:
    """Return a compiled pipeline."""
    assert make(default, "compile").returncode == 0
    return default / "build" / "pipeline.yaml"


@pytest.mark.parametrize("way", WAYS)
def test_a_run_is_submitted(
    default: Path, package: Path, tmp_path: Path, authority: Authority, way: str
) -> None:
    """Through the gateway, encrypted, and no way leaves a trace of its secret."""
    with (
        kfp_server(multi_user=True) as kfp,
        kubeflow(backend=kfp.url, tokens={TOKEN}, context=authority.server()) as gateway,
    ):
        settings = {
            "KFP_HOST": gateway.url,
            "KFP_CA": str(authority.path),
            "KFP_NAMESPACE": "team-a",
            "ALLOW_UNPINNED": "1",
            "HOME": str(tmp_path),
        }
        environ = ways(tmp_path, gateway)[way]
        result = subprocess.run(
            [sys.executable, "-m", "kfp_workbench", "run"],
            cwd=default,
            env=environment({**settings, **environ}),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == 0, result.stderr
        (run,) = kfp.runs
        assert json.loads(result.stdout)["run_id"] == run["run_id"]
        assert len(gateway.passwords) == (1 if way.startswith("dex") else 0)
        hidden = [TOKEN, PASSWORD, *gateway.sessions]
    written = {**files_of(default / "build"), **files_of(tmp_path)}
    kept = {name: text for name, text in written.items() if name not in ("token", "password")}
    for text in (result.stdout.encode(), result.stderr.encode(), *kept.values()):
        assert not [secret for secret in hidden if secret.encode() in text]


@pytest.mark.parametrize("proxy", ["oauth2-proxy", "authservice"])
def test_a_session_that_ends_while_it_is_needed(package: Path, proxy: str) -> None:
    """The one answers 401 then, the other one with a redirect."""
    with kfp_server() as kfp, kubeflow(proxy=proxy, backend=kfp.url) as gateway:
        connected = connect(gateway.url, credentials=user(gateway.url))
        gateway.sessions.clear()
        numbers = {"context": {"numbers": [1]}}
        runs.submit(connected, package, numbers, experiment="e", run_name="r")
        assert len(kfp.runs) == 1 and gateway.passwords == [PASSWORD] * 2


@pytest.mark.parametrize(
    ("way", "line"),
    [
        ("token", "sign in anew, KFP_TOKEN is refused"),
        ("token-file", "sign in anew, KFP_TOKEN_FILE ({folder}/token) is refused"),
        ("cookie", "sign in anew, KFP_COOKIE is refused"),
        ("dex", "refuses the password of 'user@example.com': check KFP_USERNAME and"),
    ],
)
@pytest.mark.parametrize("proxy", ["oauth2-proxy", "authservice"])
def test_who_is_not_let_in_is_told_why(tmp_path: Path, proxy: str, way: str, line: str) -> None:
    with kubeflow(proxy=proxy, users={}) as gateway:
        found = credentials(gateway.url, ways(tmp_path, gateway)[way])
        gateway.sessions.clear()
        with pytest.raises(SignInError) as caught:
            connect(gateway.url, credentials=found)
    assert line.format(folder=tmp_path) in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_repeats_what_it_is_sent(tmp_path: Path, way: str) -> None:
    """The message of KFP, and how it is cut, shows no part of any secret."""
    with kubeflow(tokens={TOKEN}) as gateway:
        found = credentials(gateway.url, ways(tmp_path, gateway)[way])
        for length in (0, 250, 299):

            def repeat(request: Request, length: int = length) -> Reply:
                said = [request.headers.get(name, "") for name in ("authorization", "cookie")]
                text = "x" * length + " ".join([*said, PASSWORD if "dex" in way else ""])
                return Reply(400, json.dumps({"message": text}))

            gateway.instead["/apis/v2beta1/healthz"] = repeat
            with pytest.raises(WorkbenchError) as caught:
                connect(gateway.url, credentials=found)
            line = str(caught.value)
            assert "***" in line or length == 299
            for secret in (TOKEN, PASSWORD, *gateway.sessions):
                assert not [secret[:n] for n in range(3, len(secret)) if secret[:n] in line]


# Secrets


@pytest.mark.parametrize(
    "environ", [{"KFP_TOKEN": TOKEN}, {"KFP_COOKIE": f"session={TOKEN}"}, LOGIN]
)
def test_no_object_shows_its_secret(environ: Mapping[str, str]) -> None:
    found = credentials(HOST, environ)
    texts = [repr(found), str(found), found.describe()]
    if environ is not LOGIN:
        texts.append(repr(found.headers()))
    assert not [text for text in texts if TOKEN in text or PASSWORD in text]


@pytest.mark.parametrize(
    "text",
    [
        PASSWORD,
        f"({PASSWORD!r})",
        json.dumps({"password": PASSWORD}),
        json.dumps({"password": PASSWORD}, ensure_ascii=False),
        requests.models.RequestEncodingMixin._encode_params({"password": PASSWORD}),
        requests.utils.quote(PASSWORD),
        "s3cret &#43;&amp;&#34;%é pass",
        "s3cret +&amp;&quot;%é pass",
    ],
)
def test_a_secret_is_hidden_however_a_server_echoes_it(text: str) -> None:
    shown = secrecy.Mask([PASSWORD], shortest=1)(text)
    assert "s3cret" not in shown and "***" in shown


def test_of_two_secrets_the_longer_one_is_hidden_first() -> None:
    assert secrecy.Mask(["abc", "", "session=abcdef"], shortest=1)("a session=abcdef") == "a ***"


def test_steps_and_builds_get_no_way_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*secrecy.SIGN_IN, "MAKEFLAGS", "MAKEOVERRIDES"):
        monkeypatch.setenv(name, "s3cret")
    given: list[Any] = []

    def run(words: Any, **more: Any) -> Any:
        given.append(more.get("env"))
        if "install" in words:
            raise WorkbenchError("not here")
        return real(words, **more)

    real = subprocess.run
    monkeypatch.setattr("kfp_workbench.setup.installers.subprocess.run", run)
    folder = tmp_path / "steps" / "add"
    folder.mkdir(parents=True)
    (folder / "requirements.txt").write_text("numpy")
    with pytest.raises(WorkbenchError, match="not here"):
        venvs.python_folder(Step("add", folder), tmp_path)
    assert given
    for environ in given:
        assert "s3cret" not in environ.values() and "PATH" in environ


def test_containers_get_no_way_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in secrecy.SIGN_IN:
        monkeypatch.setenv(name, "s3cret")
    given: dict[str, Any] = {}

    def create(image: str, **options: Any) -> None:
        given.update(options)
        raise docker.errors.DockerException("not here")

    images = SimpleNamespace(get=lambda image: None)
    client = SimpleNamespace(containers=SimpleNamespace(create=create), images=images, info=dict)
    own = {"SEED": "1"}
    made = job("add:1", ["python", "main.py"], tmp_path, own, is_rooted=True)
    assert run(ContainerRunner(client, "run"), made)[0] == 125
    assert given["environment"] == own and "s3cret" not in str(given)


SIGN_IN = {*secrecy.SIGN_IN, "KFP_CONNECTOR", "KFP_CA"}


def test_make_runs_nothing_that_a_secret_holds(project: Path) -> None:
    """Not even where it stands on make's command line: see `literally` there."""
    text = (PROJECT / "Makefile").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("SIGN_IN := ")]
    assert set(line.split()[2:]) == SIGN_IN
    for value in ("$(shell touch pwned)", "$$(touch pwned)", "`touch pwned`", "'; touch pwned; '"):
        given = [f"{name}={value}" for name in SIGN_IN]
        assert make(project, "help", *given).returncode == 0
        assert make(project, "help", env=dict.fromkeys(SIGN_IN, value)).returncode == 0
    assert not (project / "pwned").exists()


@pytest.mark.parametrize("where", ["command line", "environment"])
def test_make_hands_a_secret_on_as_it_is(project: Path, where: str) -> None:
    value = "a$b $$c #d 'e' \"f\" \\g %h"
    said = "import os, sys; sys.stdout.write(os.environ['KFP_PASSWORD'])"
    (project / "said.py").write_text(said)
    words = [f"KFP_PASSWORD={value}"] if where == "command line" else []
    env = {} if words else {"KFP_PASSWORD": value}
    result = make(project, "check", f"WORKBENCH={sys.executable} said.py", *words, env=env)
    assert (result.stdout, result.returncode) == (value, 0)
