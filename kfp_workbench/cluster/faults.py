"""Makes one line of whatever goes wrong with a server: what, where, and the cure."""

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from kfp_workbench.cluster import reasons, transport
from kfp_workbench.cluster.credentials import Credentials, SignInError
from kfp_workbench.cluster.transport import Endpoint
from kfp_workbench.errors import WorkbenchError, cause
from kfp_workbench.project.hosts import is_loopback
from kfp_workbench.project.secrecy import Mask

MAX_SAID = 300  # characters of what a server says
WAYS = "set KFP_TOKEN, or KFP_USERNAME and KFP_PASSWORD"
ABORTED = 10  # gRPC's code for a conflict that passes; both have the HTTP status 409


class ConflictError(WorkbenchError):
    """The server has something of that name already."""


class InvalidError(WorkbenchError):
    """The server takes the request for wrong (400)."""


class NotFoundError(WorkbenchError):
    """The server has no such thing."""


class LostAnswerError(WorkbenchError):
    """The request was sent, and no answer came: what it asked for may have been done."""


class BusyError(WorkbenchError):
    """The server failed or has too much to do (429, 5xx): a question may be asked again.

    After ``retry_after`` seconds, where it said so. An order may have been carried out.
    """

    retry_after: float | None = None


class UnreachableError(WorkbenchError):
    """No server is to be found there, at least not now; the request was not sent."""


class StrangeAnswerError(WorkbenchError):
    """What answered is not KFP, but such as a login page or a proxy; it may be KFP again."""


# After these, an order may have been carried out or not: only a look tells.
UNSURE = (LostAnswerError, BusyError, StrangeAnswerError)


class _Call:
    """One call of a server, for its messages."""

    def __init__(
        self, endpoint: Endpoint, namespace: str | None, doing: str, seconds: float | None
    ) -> None:
        self.host, self.credentials = endpoint.host, endpoint.credentials
        self.namespace, self.doing, self.seconds = namespace, doing, seconds

    def line(self, text: object) -> str:
        """Return ``text`` on one line, without what is secret."""
        return printable(redacted(" ".join(str(text).split()), self.credentials))


def redacted(text: str, credentials: Credentials | None) -> str:
    """Return ``text`` without the secrets of the credentials."""
    return Mask(credentials.secrets(), shortest=1)(text) if credentials else text


def printable(line: str) -> str:
    """Return a line of somebody else's that cannot steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def call(
    endpoint: Endpoint,
    doing: str,
    action: Callable[[], Any],
    namespace: str | None = None,
    seconds: float | None = None,
) -> Any:
    """Return what ``action`` returns; whatever goes wrong is an WorkbenchError of one line.

    ``doing`` is how the message calls it, such as "start a run on"; ``seconds`` is the
    time limit that it has of its own. Raises InvalidError,
    NotFoundError, ConflictError, SignInError, BusyError, LostAnswerError, UnreachableError
    and StrangeAnswerError where the caller may know what to do; no message holds a secret
    of the credentials.
    """
    import kfp_server_api
    import urllib3.exceptions

    this = _Call(endpoint, namespace, doing, seconds)
    try:
        return action()
    except kfp_server_api.ApiException as error:
        problem = _refusal(this, error)
    except urllib3.exceptions.HTTPError as error:
        problem = _fault(this, error)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        # The generated models, given JSON that is not theirs.
        said = this.line(error)[:MAX_SAID]
        problem = StrangeAnswerError(
            f"cannot {doing} {this.host}: its answer is not KFP's ({said})"
        )
    # Out of the handler, so that nothing that holds a header is chained to it.
    problem.args = (this.line(problem),)
    raise problem


def _refusal(this: _Call, error: Any) -> WorkbenchError:
    status, body = error.status, _body(error)
    said = _said(this, error, body)
    if status >= 500 and (cure := reasons.cure(said)):  # however often it is asked
        return WorkbenchError(
            f"cannot {this.doing} {this.host}: it refused ({status}: {said}): {cure}"
        )
    problem = _kind(status, body)(_refusal_text(this, status, body, said))
    if isinstance(problem, BusyError):
        with contextlib.suppress(AttributeError, TypeError, ValueError):
            problem.retry_after = max(0.0, float(error.headers.get("Retry-After")))
    return problem


def _kind(status: int, body: Mapping[str, Any]) -> type[WorkbenchError]:
    if status >= 500 or status == 429 or (status == 409 and body.get("code") == ABORTED):
        return BusyError
    if status == 401 or 300 <= status < 400:
        return SignInError
    kinds = {400: InvalidError, 404: NotFoundError, 409: ConflictError}
    return kinds.get(status, WorkbenchError)


def _refusal_text(this: _Call, status: int, body: Mapping[str, Any], said: str) -> str:
    host, doing = this.host, this.doing
    signed = this.credentials
    anew = f"sign in anew, {signed.describe()} is refused" if signed else WAYS
    if status == 401:
        return f"{host} asks for a login (401): {anew}"
    if 300 <= status < 400:
        return f"{host} redirects ({status}), as a login page does: {anew}, or check KFP_HOST"
    if status == 403:
        place = f" in the namespace {this.namespace}" if this.namespace else ""
        cure = "set KFP_NAMESPACE" if signed else WAYS
        return f"you may not {doing} {host}{place} (403: {said}): ask for access, or {cure}"
    if status == 404 and doing == "look at":
        return f"{host} has no KFP v2 API (404): set KFP_HOST to KFP's address"
    if status == 429:
        return f"cannot {doing} {host}: it has too much to do (429: {said}): try again later"
    if status >= 500:
        return (
            f"cannot {doing} {host}: the server failed ({status}: {said}): see its log, try again"
        )
    again = ": try again" if body.get("code") == ABORTED else ""
    return f"cannot {doing} {host}: it refused ({status}: {said}){again}"


def _fault(this: _Call, error: Exception) -> WorkbenchError:
    import urllib3.exceptions as faults

    reason = getattr(error, "reason", None) or error
    host, doing = this.host, this.doing
    if problem := unreachable(host, reason):
        return problem
    if isinstance(reason, faults.ReadTimeoutError):
        limit = this.seconds if this.seconds is not None else transport.READ_SECONDS
        return LostAnswerError(f"cannot {doing} {host}: no answer within {limit:.0f} s")
    return LostAnswerError(f"cannot {doing} {host}: the connection broke ({cause(reason)})")


def unreachable(host: str, reason: object) -> WorkbenchError | None:
    """Return what keeps requests from a server, by urllib3's reason; None if they got there."""
    import urllib3.exceptions as faults

    if isinstance(reason, faults.NameResolutionError):
        return UnreachableError(f"{host}: the name of this host is not known: check KFP_HOST")
    if isinstance(reason, faults.SSLError):
        cure = "check KFP_HOST, or set KFP_CA to your CA's certificate"
        return WorkbenchError(f"{host}: its certificate is not trusted ({cause(reason)}): {cure}")
    if isinstance(reason, faults.ConnectTimeoutError | faults.NewConnectionError):
        return UnreachableError(f"{host}: no server answers there: {_start(host)}")
    return None


def _start(host: str) -> str:
    """Return how to get a server at an address where none is."""
    parts = urlsplit(host)
    if not is_loopback(parts.hostname or ""):
        return "start it, or check KFP_HOST"
    forward = f"kubectl port-forward -n kubeflow svc/ml-pipeline-ui {parts.port or 80}:80"
    return f"connect your cluster ({forward}), or set KFP_HOST"


def _body(error: Any) -> Mapping[str, Any]:
    """Return an error's body, or nothing where that is no JSON object."""
    try:
        body = json.loads(error.body)
    except (ValueError, TypeError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _said(this: _Call, error: Any, body: Mapping[str, Any]) -> str:
    """Return what the server says, of which secrets go before it is cut."""
    details = body.get("details")
    details = details if isinstance(details, list) else []
    messages = [detail.get("message") for detail in details if isinstance(detail, dict)]
    own = [message for message in messages if message and message != "Internal Server Error"]
    said = [*own[-1:], body.get("message"), body.get("error_message"), error.body, error.reason]
    return this.line(reasons.innermost(str(next(filter(None, said), ""))))[:MAX_SAID]
