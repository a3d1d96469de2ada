"""What Kubeflow's manifests put before KFP: oauth2-proxy with Dex, or oidc-authservice.

It keeps state as they do (CSRF cookies, requests to sign in, codes, sessions), and
passes on to a KFP endpoint what is signed in. Modelled on
https://github.com/kubeflow/manifests/tree/master/common/oauth2-proxy,
https://github.com/oauth2-proxy/oauth2-proxy and https://github.com/dexidp/dex
"""

import html
import http.client
import secrets
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from shared.serving import Handler, listening

USER = "user@example.com"
PASSWORD = 's3cret +&"%\u00e9 pass'
COOKIE_BYTES = 4000  # of one cookie; oauth2-proxy cuts a longer session into parts


@dataclass
class Request:
    """One request that came in."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    cookies: dict[str, str]
    headers: dict[str, str]


@dataclass
class Reply:
    """An answer; ``body`` may be endless, and then ends with the server."""

    status: int
    body: str | Iterator[bytes] = ""
    location: str = ""
    cookies: list[str] = field(default_factory=list)


@dataclass
class Kubeflow:
    """The state. ``instead`` has answers for some paths, ``detours`` other Locations.

    ``proxy`` is oauth2-proxy, authservice, or authservice-ui where the latter knows
    only the user interface's paths. ``connectors`` have an id and a type of Dex's.
    """

    proxy: str = "oauth2-proxy"
    backend: str = ""  # KFP's address
    users: dict[str, str] = field(default_factory=lambda: {USER: PASSWORD})
    tokens: set[str] = field(default_factory=set)  # bearer tokens that are let through
    connectors: list[tuple[str, str]] = field(default_factory=lambda: [("local", "local")])
    approval: bool = False
    refusal: int = 401  # the status of a wrong password: 200 with Dex before 2.37
    session_bytes: int = 100
    icons: bool = True  # Dex's own theme shows each connector's type
    form: str = ""  # another sign-in page; {action} is where it posts to
    context: ssl.SSLContext | None = None
    instead: dict[str, Callable[[Request], Reply | None]] = field(default_factory=dict)
    detours: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    nonces: set[str] = field(default_factory=set)
    asked: dict[str, dict[str, str]] = field(default_factory=dict)  # requests to sign in
    codes: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    closing: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    @property
    def passwords(self) -> list[str]:
        """Return the passwords that were sent here."""
        return [r.form["password"] for r in self.requests if "password" in r.form]

    def answer(self, request: Request) -> Reply | None:
        """Return the answer, or None for what is passed on to KFP."""
        reply = self.instead.get(request.path, self.usual)(request)
        if reply and request.path in self.detours:
            reply.location = self.detours[request.path]
        return reply

    def usual(self, request: Request) -> Reply | None:
        path = request.path
        if path == "/dex/auth":
            return self.choose(request)
        if path == "/dex/approval":
            return self.approve(request)
        if path.startswith("/dex/auth/"):
            name, _, login = unquote(path.removeprefix("/dex/auth/")).partition("/")
            return self.login(request, name) if login else self.begin(request, name)
        if path == self.callback:
            return self.redeem(request)
        if self.is_signed_in(request):
            return None
        if self.proxy == "oauth2-proxy":
            if path == "/oauth2/start":
                return self.start(request.query.get("rd", "/"))
            if "/apis/" in path:
                return Reply(401, "{}")
            form = (
                '<form method="GET" action="/oauth2/start"><button>Sign in with Dex</button></form>'
            )
            return Reply(403, form)
        if self.proxy == "authservice-ui" and path != "/" and "/apis/" not in path:
            return Reply(404, "Not Found")
        return self.start(f"{path}?{urlencode(request.query)}".rstrip("?"))

    # oauth2-proxy and oidc-authservice

    @property
    def callback(self) -> str:
        return "/oauth2/callback" if self.proxy == "oauth2-proxy" else "/login/oidc"

    @property
    def session(self) -> str:
        return "oauth2_proxy_kubeflow" if self.proxy == "oauth2-proxy" else "authservice_session"

    @property
    def csrf(self) -> str:
        return f"{self.session}_csrf" if self.proxy == "oauth2-proxy" else "oidc_state_csrf"

    def is_signed_in(self, request: Request) -> bool:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        whole = request.cookies.get(self.session, "")
        parts = [v for k, v in sorted(request.cookies.items()) if k.startswith(f"{self.session}_")]
        return bearer in self.tokens or (whole or "".join(parts)) in self.sessions

    def start(self, back: str) -> Reply:
        nonce = secrets.token_urlsafe(12)
        self.nonces.add(nonce)
        query = {
            "approval_prompt": "force",
            "client_id": "kubeflow-oidc-authservice",
            "redirect_uri": self.callback,
            "response_type": "code",
            "scope": "profile email groups openid",
            "state": f"{nonce}:{back}",
        }
        cookie = f"{self.csrf}={nonce}; Path=/; HttpOnly"
        return Reply(302, "<a>Found</a>", f"/dex/auth?{urlencode(query)}", [cookie])

    def redeem(self, request: Request) -> Reply:
        nonce, _, back = request.query.get("state", "").partition(":")
        if request.cookies.get(self.csrf) != nonce or nonce not in self.nonces:
            text = "Login Failed: Unable to find a valid CSRF token. Please try again."
            return Reply(403, f"<h1>403</h1><p>{text}</p>")
        if request.query.get("code") not in self.codes:
            return Reply(500, "<h1>500</h1><p>Internal Error</p>")
        self.codes.discard(request.query["code"])
        session = secrets.token_hex(self.session_bytes // 2)
        self.sessions.add(session)
        parts = [session[i : i + COOKIE_BYTES] for i in range(0, len(session), COOKIE_BYTES)]
        names = [f"{self.session}_{n}" for n in range(len(parts))] if parts[1:] else [self.session]
        cookies = [f"{n}={v}; Path=/; HttpOnly" for n, v in zip(names, parts, strict=True)]
        cookies.append(f"{self.csrf}=; Path=/; Max-Age=0")
        return Reply(302, "", back, cookies)

    # Dex

    def choose(self, request: Request) -> Reply:
        query = urlencode(request.query)
        links = []
        for name, kind in self.connectors:
            icon = f'<span class="dex-btn-icon dex-btn-icon--{kind}"></span>' if self.icons else ""
            target = escaped(f"/dex/auth/{quote(name)}?{query}")
            links.append(f'<a href="{target}" class="dex-btn">{icon}Log in with {name}</a>')
        page = f"<h2>Log in to dex</h2>{''.join(links)}<a href='/'>Home</a>"
        only = f"/dex/auth/{self.connectors[0][0]}?{query}" if not self.connectors[1:] else ""
        return Reply(302 if only else 200, page, only)

    def begin(self, request: Request, name: str) -> Reply:
        kinds = dict(self.connectors)
        if name not in kinds:
            return error(400, "Requested resource does not exist")
        if kinds[name] not in ("local", "ldap"):
            return Reply(302, "", "https://github.invalid/login/oauth/authorize?client_id=x")
        number = secrets.token_hex(8)
        self.asked[number] = {**request.query, "connector": name, "hmac": secrets.token_hex(8)}
        return Reply(302, "", f"/dex/auth/{quote(name)}/login?back=&state={number}")

    def login(self, request: Request, name: str) -> Reply:
        asked = self.asked.get(request.query.get("state", ""))
        if asked is None or asked["connector"] != name:
            return error(400, "User session error.")
        number, mac = request.query["state"], asked["hmac"]
        action = escaped(f"{request.path}?{urlencode(request.query)}")
        if request.method == "GET":
            return Reply(200, self.password_page(action))
        given = request.form.get("login", ""), request.form.get("password", "")
        if given not in self.users.items():
            invalid = '<div id="login-error">Invalid Email Address and password.</div>'
            return Reply(self.refusal, self.password_page(action) + invalid)
        if not self.approval:
            return self.code(number)
        return Reply(303, "", f"/dex/approval?req={number}&hmac={mac}")

    def password_page(self, action: str) -> str:
        if self.form:
            return self.form.format(action=action)
        return (
            "<!DOCTYPE html><html><head><title>dex</title></head><body>"
            f'<h2>Log in to Your Account</h2><form method="post" action="{action}">'
            '<input tabindex="1" required id="login" name="login" type="text"/>'
            '<input tabindex="2" required id="password" name="password" type="password"/>'
            '<button type="submit">Login</button></form></body></html>'
        )

    def approve(self, request: Request) -> Reply:
        asked = self.asked.get({**request.query, **request.form}.get("req", ""))
        if asked is None or request.query.get("hmac") != asked["hmac"]:
            return error(401, "Unauthorized request")
        if request.method == "POST":
            if request.form.get("approval") != "approve":
                return error(500, "Approval rejected.")
            return self.code(request.query["req"])
        forms = [
            f'<form method="post"><input type="hidden" name="req" value="{request.query["req"]}"/>'
            f'<input type="hidden" name="approval" value="{value}"><button>ok</button></form>'
            for value in ("rejected", "approve")  # the other way round than Dex has them
        ]
        return Reply(200, f"<h2>Grant Access</h2>{''.join(forms)}")

    def code(self, number: str) -> Reply:
        asked = self.asked.pop(number)
        code = secrets.token_hex(8)
        self.codes.add(code)
        query = urlencode({"code": code, "state": asked["state"]})
        return Reply(303, "", f"{asked['redirect_uri']}?{query}")


def escaped(text: str) -> str:
    """Return an attribute's text as Go's html/template writes it."""
    return html.escape(text).replace("+", "&#43;")


def error(status: int, text: str) -> Reply:
    """Return Dex's page for errors."""
    return Reply(status, f"<h2>{http.client.responses[status]}</h2><p>{text}</p>")


@contextmanager
def kubeflow(**options: object) -> Iterator[Kubeflow]:
    """Run the servers on one free port of the loopback interface."""
    state = Kubeflow(**options)  # type: ignore[arg-type]  # a test's keywords

    class Gateway(Handler):
        def serve(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            cookies = {k: v.value for k, v in SimpleCookie(headers.get("cookie", "")).items()}
            is_form = headers.get("content-type") == "application/x-www-form-urlencoded"
            form = fields(content.decode()) if is_form else {}
            query = fields(parts.query)
            request = Request(self.command, parts.path, query, form, cookies, headers)
            state.requests.append(request)
            reply = state.answer(request)
            if reply is None:
                self.pass_on(content, headers)
                return
            self.send_response(reply.status)
            if reply.location:
                self.send_header("Location", reply.location)
            for cookie in reply.cookies:
                self.send_header("Set-Cookie", cookie)
            self.end_headers()
            pieces = [reply.body.encode()] if isinstance(reply.body, str) else reply.body
            with suppress(OSError):  # the client had enough
                for piece in pieces:
                    self.wfile.write(piece)

        def pass_on(self, content: bytes, headers: dict[str, str]) -> None:
            if not state.backend:
                self.send_response(200)
                self.end_headers()
                return
            connection = http.client.HTTPConnection(urlsplit(state.backend).netloc)
            connection.request(self.command, self.path, content or None, headers)
            answer = connection.getresponse()
            text = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    with listening(Gateway, state.context) as port:
        state.url = f"{'https' if state.context else 'http'}://127.0.0.1:{port}"
        try:
            yield state
        finally:
            state.closing.set()


def fields(text: str) -> dict[str, str]:
    """Return a query or a form, each name once."""
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}
