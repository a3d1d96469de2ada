"""Signs in to Dex with a user's name and password, as a browser would.

Kubeflow's manifests put oauth2-proxy before KFP, and Dex behind that: /oauth2/start
leads to Dex, a form or a choice of forms, perhaps a page to approve of, and back to a
cookie. Before Kubeflow 1.9 it was oidc-authservice, which leads there from any page.
https://github.com/kubeflow/manifests/tree/master/common/oauth2-proxy
https://github.com/dexidp/dex/tree/master/server
"""

import json
import time
from collections.abc import Mapping
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import requests
import urllib3.exceptions
from requests.cookies import get_cookie_header

from kfp_workbench.cluster import pages
from kfp_workbench.cluster.addresses import joined, place
from kfp_workbench.cluster.credentials import SignInError
from kfp_workbench.cluster.faults import unreachable
from kfp_workbench.cluster.pages import Form, Page
from kfp_workbench.errors import WorkbenchError, cause
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import Mask, Secret

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0  # between two parts of an answer
SECONDS = 30.0  # for all of it, between two answers
MAX_REQUESTS = 20  # seven are usual
MAX_PAGE = 128 * 1024  # bytes; Dex's have five thousand
MAX_SAID = 200  # characters of what a page says
STARTS = ("/oauth2/start?rd=%2F", "/")
# Dex's connectors that take a password; the other ones lead to somebody else's page.
PASSWORD_TYPES = ("local", "ldap", "keystone", "atlassian-crowd", "mockPassword")
_ICON = "dex-btn-icon--"  # a class with a connector's type


class User(NamedTuple):
    """Who signs in, and which of Dex's connectors knows him ("" if there is a choice of one)."""

    name: str
    password: Secret
    connector: str = ""


def sign_in(host: str, user: User, ca: Path | None = None) -> CookieJar:
    """Return the cookies that let ``user`` in at ``host``, a KFP endpoint's URL.

    ``ca`` is a file of certificates to trust, in place of the public ones. Proxies of
    the environment are not used, as they are not for KFP's API. Raises WorkbenchError (1).
    """
    return _SignIn(host, user, ca).run()


def cookie(cookies: CookieJar, host: str) -> Secret:
    """Return the Cookie header for ``host``'s API; "" when all have expired."""
    request = requests.Request("GET", f"{host}/apis/").prepare()
    return Secret(get_cookie_header(cookies, request) or "")


class _Answer(NamedTuple):
    """What came back from ``path``; a redirect has no page."""

    path: str  # with its query
    status: int
    location: str | None
    page: Page


class _Session(requests.Session):  # type: ignore[misc]
    """Never looks at a redirect: to follow it, it would read all of its body."""

    def get_redirect_target(self, response: Any) -> None:
        """Return None."""


class _SignIn:
    """One signing in; it goes to one server, and ends."""

    def __init__(self, host: str, user: User, ca: Path | None) -> None:
        parts = urlsplit(host)
        self._host, self._user = host, user
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._place = place(host) or ("", "", 0)
        self._left, self._deadline = MAX_REQUESTS, time.monotonic() + SECONDS
        self._session = _Session()
        self._session.trust_env = False  # no proxy, no ~/.netrc, no other certificates
        self._session.verify = str(ca) if ca else True
        # oauth2-proxy gives JSON to what does not ask for a page.
        self._session.headers.update({"Accept": "text/html", "Accept-Encoding": "identity"})
        self._sent = False  # the password

    def run(self) -> CookieJar:
        """Go from page to page until it is done."""
        with self._session:
            answer = self._send("GET", STARTS[0])
            if answer.status == 404:
                answer = self._send("GET", STARTS[1])
            before = cookie(self._session.cookies, self._host)
            while following := self._next(answer):
                answer = following
                if not self._sent:
                    before = cookie(self._session.cookies, self._host)
        jar: CookieJar = self._session.cookies
        if set(cookie(jar, self._host).split("; ")) <= {"", *before.split("; ")}:
            text = f"gave no session for the password, but {self._page(answer)}"
            raise self._problem(text, OTHER)
        return jar

    def _next(self, answer: _Answer) -> _Answer | None:
        """Do what a page asks for; None when there is nothing left to do."""
        if answer.location is not None:
            target = self._local(answer.location, answer)
            return None if self._sent and target in STARTS else self._send("GET", target)
        forms = answer.page.forms
        for form in forms:
            if form.method == "post" and {"login", "password"} <= set(form.inputs):
                return self._give_password(form, answer)
        if 400 <= answer.status < 500 and answer.status != 429 and not self._sent:
            raise self._none(answer, OTHER)
        if answer.status >= 400:
            raise self._problem(f"failed, with {self._page(answer)}", "try again")
        for form in forms:
            if form.method == "post" and form.hidden.get("approval") == "approve":
                return self._send("POST", self._local(form.action, answer), form.hidden)
        if self._sent:
            return None
        return self._send("GET", self._connector(answer))

    def _give_password(self, form: Form, answer: _Answer) -> _Answer:
        name, password = self._user.name, self._user.password
        refused = self._problem(f"refuses the password of {shown(name)}", WRONG)
        if self._sent:
            raise refused
        self._sent = True
        data = {**form.hidden, "login": name, "password": password}
        following = self._send("POST", self._local(form.action, answer), data)
        if following.status == 401:  # with the form, if nobody has changed the page
            raise refused
        return following

    def _connector(self, answer: _Answer) -> str:
        """Return the address of the connector that takes the password."""
        found = self._connectors(answer)
        if not found:
            raise self._none(answer, NONE)
        wanted = self._user.connector
        if wanted:
            fitting = [name for name in found if name == wanted]
        else:
            fitting = [name for name, (_, kind) in found.items() if kind in PASSWORD_TYPES]
        names = ", ".join(shown(name)[1:-1] for name in found)[:MAX_SAID]
        if not fitting:
            what = f"no connector {shown(wanted)}" if wanted else "no connector for passwords"
            raise self._problem(f"has {what}, but {names}", CONNECTOR)
        if len(fitting) > 1:
            raise self._problem(f"has several connectors for passwords: {names}", CHOOSE)
        return self._local(found[fitting[0]][0], answer)

    def _connectors(self, answer: _Answer) -> dict[str, tuple[str, str]]:
        """Return the connectors that a page offers: address and type by id."""
        base = urlsplit(answer.path).path.rstrip("/") + "/"
        found = {}
        for link in answer.page.links:
            target = joined(self._origin + answer.path, link.href)
            path = urlsplit(target).path if place(target) == self._place else ""
            if base != "/" and path.startswith(base):
                types = [name[len(_ICON) :] for name in link.classes if name.startswith(_ICON)]
                name = unquote(path[len(base) :])
                found[name] = target, (types or [name])[0]
        return found

    def _local(self, reference: str, answer: _Answer) -> str:
        """Return where a page leads, as path and query, which are used on this server alone."""
        target = joined(self._origin + answer.path, reference)
        if place(target) != self._place:
            raise self._astray(target or reference)
        parts = urlsplit(target)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _astray(self, target: str) -> WorkbenchError:
        scheme, name, _ = self._place
        theirs = place(target)
        there = f"{theirs[0]}://{shown(urlsplit(target).netloc)[1:-1]}" if theirs else shown(target)
        if theirs and theirs[0] == "http" and scheme == "https":
            cure = "it has to set X-Forwarded-Proto; meanwhile set KFP_TOKEN or KFP_COOKIE instead"
            return self._problem(f"leads to {there}, where the password would go unencrypted", cure)
        if theirs and theirs[:2] == ("https", name):
            path = urlsplit(self._host).path
            return self._problem(f"leads to {there}", f"set KFP_HOST={there}{path}")
        return self._problem(f"leads to {there}, another server", OTHER)

    def _send(self, method: str, path: str, data: Mapping[str, str] | None = None) -> _Answer:
        """Send one request, and return its answer; raises WorkbenchError (1)."""
        self._left -= 1
        if self._left < 0:
            raise self._problem(f"leads from page to page, {MAX_REQUESTS} and no end", OTHER)
        self._check_time()
        try:
            with self._session.request(
                method,
                self._origin + path,
                data=data,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response:
                is_redirect = 300 <= response.status_code < 400
                if is_redirect and data and response.status_code in (307, 308):
                    raise self._problem("wants the password sent once more elsewhere", OTHER)
                location = response.headers.get("Location", "") if is_redirect else None
                text = "" if is_redirect else self._text(response)
            page = pages.read(text)
            page = page._replace(text=self._hidden(page.text))
            return _Answer(path, response.status_code, location, page)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            problem = self._fault(error)
        raise problem

    def _text(self, response: Any) -> str:
        """Return a page, which has neither size nor time without limit."""
        content = b""
        while chunk := response.raw.read1(MAX_PAGE, decode_content=False):
            content += chunk
            if len(content) > MAX_PAGE:
                raise self._problem(f"has a page of more than {MAX_PAGE // 1024} kB", OTHER)
            self._check_time()
        return content.decode(errors="replace")

    def _check_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise self._problem(f"takes longer than {SECONDS:.0f} s", "try again")

    def _fault(self, error: Exception) -> WorkbenchError:
        inner: Any = next(iter(error.args), error)  # requests keeps urllib3's error in its own
        inner = getattr(inner, "reason", None) or inner
        if problem := unreachable(self._host, inner):
            return problem
        if isinstance(error, requests.ReadTimeout | urllib3.exceptions.ReadTimeoutError):
            text = f"does not answer within {READ_SECONDS:.0f} s"
        else:
            text = f"cannot be asked ({cause(error)})"
        return WorkbenchError(str(self._problem(text, "try again, or check KFP_HOST")))

    def _none(self, answer: _Answer, cure: str) -> WorkbenchError:
        text = f"has no page of Dex's to sign in at, but {self._page(answer)}"
        return self._problem(text, cure)

    def _problem(self, what: str, cure: str) -> WorkbenchError:
        """Return an error of one line, in which nothing that a server says is secret."""
        line = self._hidden(f"the sign-in at {self._host} {what}: {cure}")
        return SignInError(" ".join(line.split()))

    def _page(self, answer: _Answer) -> str:
        """Return what page this is, for a message, and what it says."""
        path = shown(self._hidden(urlsplit(answer.path).path))[1:-1]
        said = "" if _is_json(answer.page.text) else answer.page.text[:MAX_SAID]
        text = f": {said}" if said and said.isprintable() else ""
        return f"the page {path} ({answer.status}{text})"

    def _hidden(self, text: str) -> str:
        values = [item.value or "" for item in self._session.cookies]
        return Mask([self._user.password, *values], shortest=1)(text)


OTHER = "set KFP_TOKEN or KFP_COOKIE, instead of KFP_USERNAME"
NONE = "unset KFP_USERNAME if it wants no sign-in, or set KFP_TOKEN or KFP_COOKIE instead"
WRONG = "check KFP_USERNAME and KFP_PASSWORD"
CONNECTOR = "set KFP_CONNECTOR to one that takes a password, or KFP_TOKEN or KFP_COOKIE instead"
CHOOSE = "set KFP_CONNECTOR to the one that knows you"


def _is_json(text: str) -> bool:
    """Tell whether a page is what an API says, which is for programs."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
