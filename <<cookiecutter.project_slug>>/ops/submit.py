"""Submits a compiled pipeline to a KFP server, through `kfp.Client` made safe.

As it comes, the client retries in silence for half a minute, waits for ever for a
server that does not answer, follows redirects to login pages with the token, takes
any page for an answer, and remembers namespaces in a file. Here every request has a
time limit, no redirect is followed, and no file is read or written.
"""

import contextlib
import io
import json
import logging
import os
import re
import sys
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from ops import light_kfp
from ops.errors import OpsError
from ops.names import shown

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
# The server's columns; it answers longer names with an internal error.
MAX_EXPERIMENT = 128
MAX_RUN = 255


class Submission(NamedTuple):
    """A run that the server has taken; ``url`` is its page in KFP's user interface."""

    experiment_id: str
    run_id: str
    url: str


class Health(NamedTuple):
    """What a server says of itself."""

    version: str  # as it calls itself, such as "2.5.0"; "" when it does not say
    namespace: str | None  # the one to use there


class _Server(NamedTuple):
    """A server that answered, and what every call to it needs."""

    client: Any  # kfp.Client
    host: str
    namespace: str | None
    token: str | None


def submit(
    package: Path,
    parameters: Mapping[str, object],
    *,
    host: str,
    experiment: str,
    run_name: str,
    namespace: str | None = None,
    token: str | None = None,
) -> Submission:
    """Submit ``package`` as the run ``run_name`` of ``experiment``, made if need be.

    ``run_name`` has to be unique: should the answer get lost, the run is looked up by
    it. Raises OpsError: 2 for a name that is too long or a namespace that is missing,
    1 when the server cannot be reached, refuses or fails.
    """
    _check_length("experiment", experiment, MAX_EXPERIMENT)
    _check_length("run name", run_name, MAX_RUN)
    with _quiet():
        server = _connect(host.rstrip("/"), namespace, token)
        experiment_id = _experiment_id(server, experiment)
        run_id = _run_id(server, package, parameters, experiment_id, run_name)
    return Submission(experiment_id, run_id, _run_url(server, run_id))


def read_token() -> str | None:
    """Return KFP_TOKEN, or None; raises OpsError (2), without it, when it is no token."""
    token = os.environ.get("KFP_TOKEN", "").strip()
    if re.search("[^!-~]", token):
        raise OpsError("KFP_TOKEN has a space or a character that no token has: set it anew", 2)
    return token or None


def look(host: str, namespace: str | None = None, token: str | None = None) -> Health:
    """Return what the KFP server at ``host`` says of itself, asked once and without waiting long.

    Raises OpsError: 2 for a namespace that is missing, 1 when the server cannot be
    reached, refuses, fails or is no KFP.
    """
    import kfp_server_api

    server = _Server(None, host, namespace, token)
    healthz = kfp_server_api.HealthzServiceApi(_api(host, token)).healthz_service_get_healthz
    health = _health(server, lambda: healthz(_preload_content=False))
    multi_user = health.get("multi_user", health.get("apiServerMultiUser"))
    if multi_user and not namespace:
        raise OpsError(f"{host} serves several namespaces: set KFP_NAMESPACE to yours", 2)
    version = health.get("tag_name") or health.get("apiServerTagName") or ""
    return Health(str(version), None if multi_user is False else namespace)


def check_access(host: str, namespace: str | None, token: str | None) -> None:
    """Check that the server lets us see experiments; raises OpsError (1) when it does not."""
    import kfp_server_api

    server = _Server(None, host, namespace, token)
    experiments = kfp_server_api.ExperimentServiceApi(_api(host, token))
    listing = experiments.experiment_service_list_experiments
    _call(server, "list experiments on", lambda: listing(page_size=1, namespace=namespace or ""))


def _check_length(what: str, name: str, limit: int) -> None:
    if not 0 < len(name) <= limit:
        raise OpsError(f"{what} {shown(name)} has {len(name)} characters: use 1 to {limit}", 2)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the SDK from printing, logging, warning, and from reading its own variables."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("KF_PIPELINES_")]:
        del os.environ[name]
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
        os.environ.update(before)


def _connect(host: str, namespace: str | None, token: str | None) -> _Server:
    """Return a server that is there, is KFP, and takes the namespace."""
    health = look(host, namespace, token)
    if namespace and not health.namespace:
        print(f"note: {host} has no namespaces: KFP_NAMESPACE is not used", file=sys.stderr)
    return _Server(_make_client(host, token), host, health.namespace, token)


def _api(host: str, token: str | None) -> Any:
    """Return a client of the bare API; it costs a third of `kfp.Client`."""
    import kfp_server_api

    configuration = kfp_server_api.Configuration(host=host)
    if token:
        configuration.api_key["authorization"] = token
        configuration.api_key_prefix["authorization"] = "Bearer"
    api = kfp_server_api.ApiClient(configuration)
    _bound(api.rest_client)
    return api


def _make_client(host: str, token: str | None) -> Any:
    light_kfp.allow_client()
    import kfp.client
    from kfp.client.token_credentials_base import TokenCredentialsBase

    class Client(kfp.client.Client):  # type: ignore[misc]
        """kfp's client without its memory; the server was looked at before."""

        def _load_context_setting_or_default(self) -> None:
            self._context_setting = {"namespace": ""}

        def set_user_namespace(self, namespace: str) -> None:
            """Do nothing: the namespace is given with every call."""

        def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:
            """Return nothing of interest, at once."""
            return types.SimpleNamespace(multi_user=False)

        def _is_inverse_proxy_host(self, host: str) -> bool:
            return False

    class Token(TokenCredentialsBase):  # type: ignore[misc]
        """Puts the token on every request; ``existing_token`` would ask Google at a 401."""

        def refresh_api_key_hook(self, config: Any) -> None:
            config.api_key["authorization"] = token

    client = Client(host=host, credentials=Token() if token else None)
    _bound(client._run_api.api_client.rest_client)  # all of the client's requests go here
    return client


def _bound(rest: Any) -> None:
    """Give every request a time limit; let none be repeated, or follow a redirect."""
    import urllib3

    rest.pool_manager.connection_pool_kw["retries"] = urllib3.Retry(
        total=0, redirect=0, raise_on_redirect=False, respect_retry_after_header=False
    )
    request = rest.request

    def request_in_time(*args: Any, **kwargs: Any) -> Any:
        return request(*args, **{**kwargs, "_request_timeout": (CONNECT_SECONDS, READ_SECONDS)})

    rest.request = request_in_time


def _health(server: _Server, healthz: Callable[[], Any]) -> dict[str, Any]:
    """Return what the server says of itself; a page or a proxy that is no KFP says otherwise."""
    answer = _call(server, "look at", healthz)
    try:
        health = json.loads(answer.data)
    except ValueError:
        health = None
    known = ("multi_user", "apiServerReady", "commit_sha", "apiServerTagName")
    if not isinstance(health, dict) or not any(key in health for key in known):
        raise OpsError(
            f"{server.host} answers, but is no KFP endpoint: set KFP_HOST to KFP's address"
        )
    if health.get("apiServerReady") is False:
        raise OpsError(f"{server.host}: KFP's page is up, its API server is not: start that")
    return health


def _experiment_id(server: _Server, name: str) -> str:
    """Return the id of the experiment called ``name``, made if there is none."""
    import kfp_server_api

    def find() -> Any:
        listed = _call(
            server,
            "list experiments on",
            lambda: server.client.list_experiments(
                page_size=2, namespace=server.namespace, filter=_named(name)
            ),
        )
        return (listed.experiments or [None])[0]

    def create() -> Any:
        body = kfp_server_api.V2beta1Experiment(display_name=name, namespace=server.namespace)
        return server.client._experiment_api.experiment_service_create_experiment(experiment=body)

    experiment = find()
    if experiment is None:
        try:
            experiment = _call(server, "create an experiment on", create)
        except _ConflictError:
            experiment = find()  # somebody else was faster
    if getattr(experiment, "storage_state", None) == "ARCHIVED":
        raise OpsError(f"experiment {shown(name)} is archived: restore it, or use another name")
    return _id(server, getattr(experiment, "experiment_id", None), "experiment")


def _run_id(
    server: _Server,
    package: Path,
    parameters: Mapping[str, object],
    experiment_id: str,
    name: str,
) -> str:
    """Start the run, once, and return its id."""

    def start() -> Any:
        return server.client.run_pipeline(experiment_id, name, str(package), dict(parameters))

    try:
        run = _call(server, "start a run on", start)
    except _LostAnswerError as lost:
        # The run may exist: sending again could start it twice.
        found = _call(
            server,
            "look for the run on",
            lambda: server.client.list_runs(
                page_size=2,
                experiment_id=experiment_id,
                namespace=server.namespace,
                filter=_named(name),
            ),
        ).runs
        if not found or len(found) != 1:
            raise OpsError(f"{lost}; no run {shown(name)} is there: try again") from None
        run = found[0]
    return _id(server, run.run_id, "run")


def _named(name: str) -> str:
    """Return a filter by name; quoted, because the server decodes it twice."""
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    return quote(json.dumps({"predicates": [predicate]}))


def _id(server: _Server, value: object, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise OpsError(f"{server.host} answered without the id of the {what}: is it KFP v2?")
    return value


def _run_url(server: _Server, run_id: str) -> str:
    if not server.namespace:
        return f"{server.host}/#/runs/details/{run_id}"
    parts = urlsplit(server.host)
    origin = f"{parts.scheme}://{parts.netloc}"
    return f"{origin}/_/pipeline/?ns={quote(server.namespace)}#/runs/details/{run_id}"


class _ConflictError(OpsError):
    """The server has something of that name already."""


class _LostAnswerError(OpsError):
    """The request was sent, and no answer came."""


def _call(server: _Server, doing: str, action: Callable[[], Any]) -> Any:
    """Call the server; whatever goes wrong is an OpsError of one line without the token."""
    import kfp_server_api
    import urllib3.exceptions

    try:
        return action()
    except kfp_server_api.ApiException as error:
        kind = _ConflictError if error.status == 409 else OpsError
        problem = kind(_refusal(server, doing, error.status, _server_message(error)))
    except urllib3.exceptions.HTTPError as error:
        problem = _fault(server, doing, error)
    except (ValueError, TypeError, AttributeError) as error:
        # The generated models, given JSON that is not theirs.
        problem = OpsError(f"cannot {doing} {server.host}: its answer is not KFP's ({error})")
    message = " ".join(str(problem).split())
    if server.token:
        message = message.replace(server.token, "***")
    raise type(problem)(message, problem.status)


def _refusal(server: _Server, doing: str, status: int, message: str) -> str:
    host = server.host
    if status == 401:
        cure = "get a new token, KFP_TOKEN is refused" if server.token else "set KFP_TOKEN"
        return f"{host} asks for a login (401): {cure}"
    if 300 <= status < 400:
        return f"{host} redirects ({status}), as a login page does: set KFP_TOKEN, or KFP_HOST"
    if status == 403:
        place = f" in the namespace {server.namespace}" if server.namespace else ""
        other = "KFP_NAMESPACE" if server.token else "KFP_TOKEN"
        return f"you may not {doing} {host}{place} (403: {message}): ask for access, or set {other}"
    if status == 404 and doing == "look at":
        return f"{host} has no KFP v2 API (404): set KFP_HOST to KFP's address"
    if status >= 500:
        return f"cannot {doing} {host}: the server failed ({status}: {message}): see its log, try again"
    return f"cannot {doing} {host}: it refused ({status}: {message})"


def _fault(server: _Server, doing: str, error: Exception) -> OpsError:
    import urllib3.exceptions as faults

    reason = getattr(error, "reason", None) or error
    host = server.host
    if isinstance(reason, faults.NameResolutionError):
        return OpsError(f"{host}: the name of this host is not known: check KFP_HOST")
    if isinstance(reason, faults.SSLError):
        return OpsError(f"{host}: its certificate is not trusted ({reason}): check KFP_HOST")
    if isinstance(reason, faults.ConnectTimeoutError | faults.NewConnectionError):
        return OpsError(f"{host}: no server answers there: {_start(host)}")
    if isinstance(reason, faults.ReadTimeoutError):
        return _LostAnswerError(f"cannot {doing} {host}: no answer within {READ_SECONDS:.0f} s")
    return _LostAnswerError(f"cannot {doing} {host}: the connection broke ({reason})")


def _start(host: str) -> str:
    """Return how to get a server at an address where none is."""
    parts = urlsplit(host)
    if parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        return "start it, or check KFP_HOST"
    forward = f"kubectl port-forward -n kubeflow svc/ml-pipeline-ui {parts.port or 80}:80"
    return f"connect your cluster ({forward}), or set KFP_HOST"


def _server_message(error: Any) -> str:
    """Return what the server says in an error's body, at most 300 characters of it."""
    text = error.body or error.reason or ""
    with contextlib.suppress(ValueError, TypeError):
        body = json.loads(text)
        details = [detail.get("message") for detail in body.get("details") or []]
        said = [message for message in details if message and message != "Internal Server Error"]
        text = (said[-1:] or [body.get("message") or body.get("error_message") or text])[0]
    return " ".join(str(text).split())[:300]
