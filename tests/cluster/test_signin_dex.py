"""Signing in through Dex, against servers that do what oauth2-proxy and Dex do."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from kfp_workbench.cluster import addresses, dex, pages
from kfp_workbench.cluster.session import DexSession
from kfp_workbench.cluster.signin import credentials
from servers.kubeflow_server import PASSWORD, USER, Kubeflow, Reply, Request, kubeflow
from shared.serving import Handler, listening
from shared.signing_in import HOST, refused, status, user

OTHERWISE = "set KFP_TOKEN or KFP_COOKIE, instead of KFP_USERNAME"


@pytest.fixture
def server() -> Iterator[Kubeflow]:
    with kubeflow() as running:
        yield running


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


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://kfp/x", ("http", "kfp", 80)),
        ("https://KFP", ("https", "kfp", 443)),
        ("http://kfp:8080", ("http", "kfp", 8080)),
        ("mailto:a@kfp", None),
        ("ftp://kfp", None),
        ("http:///x", None),
        ("http://kfp:x", None),
    ],
)
def test_where_an_address_leads(url: str, found: tuple[str, str, int] | None) -> None:
    assert addresses.place(url) == found


def test_from_http_to_https_the_address_is_told(server: Kubeflow) -> None:
    server.detours["/oauth2/start"] = "https://127.0.0.1/oauth2/start?rd=%2F"
    line = refused(user(f"{server.url}/pipeline").headers)
    assert line.endswith("leads to https://127.0.0.1: set KFP_HOST=https://127.0.0.1/pipeline")


def test_the_password_can_be_in_a_file(server: Kubeflow, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\r\n")
    environ = {"KFP_USERNAME": USER, "KFP_PASSWORD_FILE": str(file)}
    found = credentials(server.url, environ)
    assert status(server.url, found) == 200
    assert found.describe() == f"KFP_USERNAME ({USER}, by Dex)"
