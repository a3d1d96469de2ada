"""A KFP server that answered: connecting, asking, and what its pages are called."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from kfp_workbench.cluster import faults, limits, transport
from kfp_workbench.cluster.credentials import Credentials
from kfp_workbench.cluster.transport import Endpoint
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.names import shown

PAGE_SIZE = 200  # the backend gives no more at a time


class Health(NamedTuple):
    """What a server says of itself."""

    version: str  # as it calls itself, such as "2.5.0"; "" when it does not say
    namespace: str | None  # the one to use there


class Server:
    """A server that answered, and what every call to it needs.

    ``namespace`` is None where the server has no namespaces.
    """

    def __init__(self, endpoint: Endpoint, namespace: str | None, version: str = "") -> None:
        self.endpoint, self.host = endpoint, endpoint.host
        self.namespace, self.version = namespace, version

    @cached_property
    def client(self) -> Any:
        """Return a `kfp.Client`, guarded; importing it takes a second."""
        return transport.make_client(self.endpoint)

    @cached_property
    def api(self) -> Any:
        """Return a `kfp_server_api.ApiClient`, guarded, for what the client does not offer."""
        return transport.bare_api(self.endpoint)


def connect(
    host: str,
    namespace: str | None = None,
    credentials: Credentials | None = None,
    ca: Path | None = None,
) -> Server:
    """Return the KFP server at ``host``, looked at.

    ``ca`` is a file of certificates to trust, in place of the public ones. Raises
    WorkbenchError: 2 for a namespace that is missing or a ``ca`` that is none, 1 when the
    server cannot be reached, refuses, fails or is no KFP.
    """
    host = host.rstrip("/")
    health = look(host, namespace, credentials, ca)
    if namespace and not health.namespace:
        unused = f"the namespace {shown(namespace)} is not used"  # whoever gave it
        print(f"note: {host} has no namespaces: {unused}", file=sys.stderr)
    return Server(Endpoint(host, credentials, ca), health.namespace, health.version)


def call(
    server: Server, doing: str, action: Callable[[], Any], seconds: float | None = None
) -> Any:
    """Return what ``action`` returns; whatever goes wrong is an WorkbenchError of one line.

    See `faults.call`; ``doing`` is such as "start a run on".
    """
    return faults.call(server.endpoint, doing, action, server.namespace, seconds)


def look(
    host: str,
    namespace: str | None = None,
    credentials: Credentials | None = None,
    ca: Path | None = None,
) -> Health:
    """Return what the KFP server at ``host`` says of itself, asked once and without waiting long.

    Raises WorkbenchError: 2 for a namespace that is missing, 1 when the server cannot be
    reached, refuses, fails or is no KFP.
    """
    import kfp_server_api

    server = Server(Endpoint(host, credentials, ca), namespace)
    healthz = kfp_server_api.HealthzServiceApi(server.api).healthz_service_get_healthz
    times = transport.timeouts(transport.LOOK_SECONDS)

    def ask() -> bytes:
        return limits.content(healthz(_preload_content=False, _request_timeout=times))

    health = _health(server, ask, times[1])
    multi_user = health.get("multi_user", health.get("apiServerMultiUser"))
    if multi_user and not namespace:
        raise WorkbenchError(f"{host} serves several namespaces: set KFP_NAMESPACE to yours", 2)
    version = health.get("tag_name") or health.get("apiServerTagName") or ""
    return Health(str(version), None if multi_user is False else namespace)


def _health(server: Server, healthz: Callable[[], bytes], seconds: float) -> dict[str, Any]:
    """Return what the server says of itself; a page or a proxy that is no KFP says otherwise."""
    answer = call(server, "look at", healthz, seconds)
    health = None
    with contextlib.suppress(ValueError, RecursionError):
        health = json.loads(answer)
    known = ("multi_user", "apiServerReady", "commit_sha", "apiServerTagName")
    if not isinstance(health, dict) or not any(key in health for key in known):
        raise WorkbenchError(
            f"{server.host} answers, but is no KFP endpoint: set KFP_HOST to KFP's address"
        )
    if health.get("apiServerReady") is False:
        raise WorkbenchError(f"{server.host}: KFP's page is up, its API server is not: start that")
    return health


def check_access(
    host: str,
    namespace: str | None,
    credentials: Credentials | None = None,
    ca: Path | None = None,
) -> None:
    """Check that the server lets us see experiments; raises WorkbenchError (1) when it does not."""
    import kfp_server_api

    server = Server(Endpoint(host, credentials, ca), namespace)
    listing = kfp_server_api.ExperimentServiceApi(server.api).experiment_service_list_experiments
    call(server, "list experiments on", lambda: listing(page_size=1, namespace=namespace or ""))


def matching(**values: str) -> str:
    """Return the filter of a listing: each field equals its value.

    It is quoted, because the server decodes it twice.
    """
    return predicates(("EQUALS", key, value) for key, value in values.items())


def predicates(conditions: Iterable[tuple[str, str, str]]) -> str:
    """Return the filter of a listing: each (operation, field, text) holds.

    Operations are EQUALS, IS_SUBSTRING and others of
    https://github.com/kubeflow/pipelines/blob/master/backend/api/v2beta1/filter.proto
    """
    listed = [
        {"operation": operation, "key": key, "stringValue": value}
        for operation, key, value in conditions
    ]
    return quote(json.dumps({"predicates": listed}))


def pages(
    server: Server, doing: str, listing: Callable[..., Any], items: str, **arguments: Any
) -> Iterator[Any]:
    """Yield what a listing has, page by page.

    ``listing`` is a method of the client or the API, ``items`` the answer's field, and
    ``arguments`` go along with each request. Raises WorkbenchError as `call` does.
    """
    token = ""
    while True:
        given = {"page_size": PAGE_SIZE, **arguments, "page_token": token}
        page = call(server, doing, partial(listing, **given))
        yield from getattr(page, items, None) or []
        before, token = token, getattr(page, "next_page_token", None) or ""
        if not token:
            return
        if token == before:
            raise WorkbenchError(
                f"cannot {doing} {server.host}: it gives the same page again and again"
            )


def identifier(server: Server, value: object, what: str) -> str:
    """Return an id that the server gave; raises StrangeAnswerError (1) when it is none."""
    if not isinstance(value, str) or not value:
        raise faults.StrangeAnswerError(
            f"{server.host} answered without the id of the {what}: is it KFP v2?"
        )
    return value


def page_url(server: Server, *path: str) -> str:
    """Return the address of a page in KFP's user interface, such as "runs", "details", id."""
    fragment = "/".join(quote(part, safe="") for part in path)
    if not server.namespace:
        return f"{server.host}/#/{fragment}"
    parts = urlsplit(server.host)
    origin = f"{parts.scheme}://{parts.netloc}"
    return f"{origin}/_/pipeline/?ns={quote(server.namespace)}#/{fragment}"


def run_url(server: Server, run_id: str) -> str:
    """Return the address of a run's page."""
    return page_url(server, "runs", "details", run_id)


def pipeline_url(server: Server, pipeline_id: str, version_id: str) -> str:
    """Return the address of the page of a pipeline's version."""
    return page_url(server, "pipelines", "details", pipeline_id, "version", version_id)


def check_length(what: str, name: str, limit: int) -> None:
    """Raise WorkbenchError (2) for a name that is empty, or that the server has no room for."""
    if not 0 < len(name) <= limit:
        raise WorkbenchError(
            f"{what} {shown(name)} has {len(name)} characters: use 1 to {limit}", 2
        )
