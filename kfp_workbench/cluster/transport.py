"""The SDK's client made safe: every request ends, goes to one host, and is signed anew.

As it comes, the client retries in silence for half a minute, waits for ever for a
server that does not answer, follows redirects to login pages with the token, takes
any page for an answer, asks Google for a token at a 401, prints to stdout, and
remembers namespaces in a file. Here every request has a time limit, no redirect is
followed, and no file is read or written.
"""

import contextlib
import io
import json
import logging
import os
import ssl
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench.cluster import limits
from kfp_workbench.cluster.credentials import Credentials
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.pipeline import light_kfp
from kfp_workbench.project.names import shown

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0  # between two parts of an answer
LOOK_SECONDS = 10.0  # the same for the first look at a server, for which somebody waits


class Endpoint(NamedTuple):
    """Where a KFP server is, and what lets us in."""

    host: str  # URL, no trailing slash
    credentials: Credentials | None = None
    ca: Path | None = None  # a file of certificates to trust, in place of the public ones


def bare_api(endpoint: Endpoint) -> Any:
    """Return a `kfp_server_api.ApiClient`; it costs a fifth of `kfp.Client`."""
    import kfp_server_api

    check_ca(endpoint.ca)
    configuration = kfp_server_api.Configuration(host=endpoint.host)
    configuration.ssl_ca_cert = str(endpoint.ca) if endpoint.ca else None
    api = kfp_server_api.ApiClient(configuration)
    _guard(api.rest_client, endpoint.credentials)
    return api


def make_client(endpoint: Endpoint) -> Any:
    """Return a `kfp.Client`; the server was looked at before."""
    light_kfp.allow_client()
    import kfp.client

    class Client(kfp.client.Client):  # type: ignore[misc]
        """kfp's client without its memory, its logins, and its links on stdout."""

        def run_pipeline(self, *arguments: Any, **named: Any) -> Any:
            with contextlib.redirect_stdout(io.StringIO()):
                return super().run_pipeline(*arguments, **named)

        def _load_context_setting_or_default(self) -> None:
            self._context_setting = {"namespace": ""}

        def set_user_namespace(self, namespace: str) -> None:
            """Do nothing: the namespace is given with every call."""

        def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:
            """Return nothing of interest, at once."""
            return types.SimpleNamespace(multi_user=False)

        def _is_inverse_proxy_host(self, host: str) -> bool:
            return False

    check_ca(endpoint.ca)
    with _undisturbed():
        client = Client(host=endpoint.host, ssl_ca_cert=str(endpoint.ca) if endpoint.ca else None)
    # All of the client's requests go here.
    _guard(client._run_api.api_client.rest_client, endpoint.credentials)
    return client


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the SDK from reading its own variables, and from warning of what it is."""
    before = {key: value for key, value in os.environ.items() if key.startswith("KF_PIPELINES_")}
    for name in before:
        del os.environ[name]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.environ.update(before)


def check_ca(ca: Path | None) -> None:
    """Raise WorkbenchError (2) when ``ca`` is given and is no file of certificates."""
    if ca is None:
        return
    try:
        ssl.create_default_context(cafile=str(ca))
    except ssl.SSLError:
        raise WorkbenchError(
            f"KFP_CA: {ca} has no certificate in PEM format: take the CA's", 2
        ) from None
    except OSError as error:
        raise WorkbenchError(
            f"KFP_CA: {ca}: {error.strerror}: give the CA's certificate", 2
        ) from None


def timeouts(seconds: float | None = None) -> tuple[float, float]:
    """Return the time limits of a request: for connecting, and between two parts of its answer.

    Neither is more than ``seconds``, if given.
    """
    limit = READ_SECONDS if seconds is None else min(seconds, READ_SECONDS)
    return min(CONNECT_SECONDS, limit), limit


def _guard(rest: Any, credentials: Credentials | None) -> None:
    """Give every request a time limit and its credentials; let none follow a redirect.

    None is repeated but where a login is asked for, by a 401 or a redirect, and so
    nothing was done, and only when there are newer credentials.
    """
    import urllib3
    from kfp_server_api import ApiException

    rest.pool_manager.connection_pool_kw["retries"] = urllib3.Retry(
        total=0, redirect=0, raise_on_redirect=False, respect_retry_after_header=False
    )
    rest.pool_manager.urlopen = limits.kept(rest.pool_manager.urlopen)
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)  # what goes wrong is told once
    send = rest.request

    def request(*args: Any, headers: Any = None, **kwargs: Any) -> Any:
        # A copy, because sending changes it.
        sent = {**(headers or {}), **(credentials.headers() if credentials else {})}
        times = kwargs.get("_request_timeout") or timeouts()
        try:
            answer = send(*args, headers=sent, **{**kwargs, "_request_timeout": times})
        except ApiException as error:
            if isinstance(error.body, bytes):  # the SDK decodes it strictly
                error.body = error.body.decode(errors="replace").encode()
            raise
        if kwargs.get("_preload_content", True):
            _check_answer(answer.data)
        return answer

    def request_signed(*args: Any, **kwargs: Any) -> Any:
        try:
            return request(*args, **kwargs)
        except ApiException as error:
            asks_for_login = error.status == 401 or 300 <= error.status < 400
            if not asks_for_login or credentials is None or not credentials.refresh():
                raise
        return request(*args, **kwargs)

    rest.request = request_signed


def _check_answer(content: bytes) -> None:
    """Raise ValueError for what is no JSON object.

    The SDK makes an object without values of any text, and so an empty listing of a
    login page.
    """
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        beginning = content[:60].decode(errors="replace")
        raise ValueError(f"no JSON object, but {shown(beginning)}")
