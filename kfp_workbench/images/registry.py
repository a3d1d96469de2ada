"""Asks a registry for digests, with the logins that the engine's command line made.

The protocol is the OCI distribution specification's, with Docker's token
authentication; https://github.com/opencontainers/distribution-spec. requests is used
as it is, because the clients that there are know neither identity tokens nor a login
at a registry on this machine.
"""

import base64
import os
import re
import shlex
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from docker import auth, errors

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError, cause
from kfp_workbench.project.hosts import is_loopback
from kfp_workbench.project.names import shown

TIMEOUT = (5.0, 30.0)  # seconds to connect, and for each part of an answer
MANIFESTS = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TOKEN = re.compile(r"[!-~]+")


class RefusedError(WorkbenchError):
    """The registry wants a login, or another one."""


class Registry:
    """One repository's registry; ``engine`` is the command line whose logins apply."""

    def __init__(self, image: str, engine: str) -> None:
        index, self.repository = auth.resolve_repository_name(image)
        self.name: str = index
        self.engine = engine
        self.wants_login = False  # known once it was asked something
        self._session = _Session()
        self._token: str | None = None

    @property
    def host(self) -> str:
        """Return the host that serves the registry's API."""
        return "registry-1.docker.io" if self.name == "docker.io" else self.name

    @property
    def is_loopback(self) -> bool:
        """Tell whether the registry's name means this machine, wherever it is read."""
        return is_loopback(urlsplit(f"//{self.host}").hostname or "")

    @property
    def login(self) -> str:
        """Return the command that logs in to this registry."""
        words = [self.engine, "login", *([] if self.name == "docker.io" else [self.name])]
        return " ".join(words)

    @property
    def has_login(self) -> bool:
        """Tell whether the engine has a login for this registry."""
        return bool(self._credentials)

    def digest(self, tag: str) -> str | None:
        """Return the digest that a tag stands for, or None when there is no such tag.

        Raises WorkbenchError (1) when the registry cannot be asked.
        """
        path = f"{self.repository}/manifests/{tag}"
        answer = self._request("HEAD", path, {"Accept": MANIFESTS})
        if answer.status_code == 404:
            return None
        self._check(answer)
        found: str = answer.headers.get("Docker-Content-Digest", "")
        if not _DIGEST.fullmatch(found):
            raise WorkbenchError(
                f"{self.name}: answered without the digest of {self.repository}:{tag}"
            )
        return found

    def ping(self) -> None:
        """Check that the registry answers and takes the login; raises WorkbenchError (1)."""
        answer = self._request("GET", "", {})
        if answer.status_code == 404:
            raise WorkbenchError(
                f"{self.name}: what answers there is no registry (404): check REGISTRY"
            )
        self._check(answer)

    def _request(self, method: str, path: str, headers: Mapping[str, str]) -> Any:
        answer = self._send(method, path, headers)
        if answer.status_code == 401:
            self.wants_login = True
            self._token = self._authorization(answer.headers.get("WWW-Authenticate", ""))
            answer = self._send(method, path, headers)
        return answer

    def _send(self, method: str, path: str, headers: Mapping[str, str]) -> Any:
        # As the engines do: http for registries on this machine only.
        url = f"{'http' if self.is_loopback else 'https'}://{self.host}/v2/{path}"
        return self._http(method, url, headers=headers, auth=_Authorization(self._token))

    def _http(self, method: str, url: str, **arguments: Any) -> Any:
        host = urlsplit(url).hostname or ""
        # The engines ask this machine directly, whatever the environment's proxy.
        direct = {"no_proxy": host} if is_loopback(host) else None
        try:
            return self._session.request(
                method,
                url,
                timeout=TIMEOUT,
                verify=self._certificates,
                proxies=direct,
                allow_redirects=method != "POST",  # what is posted is a secret
                **arguments,
            )
        except requests.exceptions.SSLError as error:
            raise WorkbenchError(
                f"{self.name}: its certificate is not trusted ({cause(error)}): put its CA at "
                f"/etc/docker/certs.d/{self.name}/ca.crt"
            ) from None
        except (requests.exceptions.RequestException, OSError) as error:
            raise WorkbenchError(
                f"{self.name}: no registry answers there ({cause(error)}): {self._start}"
            ) from None

    @property
    def _start(self) -> str:
        """Return how to get a registry where none is."""
        if not self.is_loopback:
            return "check REGISTRY"
        port = urlsplit(f"//{self.name}").port or 80
        engine = self.engine.replace("buildah", "podman")  # which starts no containers
        return f"check REGISTRY, or start one: {engine} run -d -p {port}:5000 registry:2"

    @property
    def _certificates(self) -> str | bool:
        """Return where the engine looks for this registry's own certificates, or the default."""
        for folder in ("/etc/docker/certs.d", "/etc/containers/certs.d"):
            path = Path(folder, self.name, "ca.crt")
            if path.exists():
                return str(path)
        return True

    def _authorization(self, challenge: str) -> str | None:
        """Return an Authorization header for what the registry asks for."""
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic":
            return self._basic
        if scheme.lower() != "bearer":
            return None
        given = requests.utils.parse_dict_header(rest)
        realm = given.get("realm") or ""
        if not _is_safe(realm):
            raise WorkbenchError(
                f"{self.name}: wants the login sent to {shown(realm)}, which is no https address: "
                "check REGISTRY"
            )
        asked = {key: given[key] for key in ("service", "scope") if key in given}
        if self._identity:
            form = {"grant_type": "refresh_token", "refresh_token": self._identity, **asked}
            answer = self._http("POST", realm, data=form, auth=_Authorization(None))
        else:
            answer = self._http("GET", realm, params=asked, auth=_Authorization(self._basic))
        self._check(answer)
        try:
            tokens = answer.json()
            token = tokens.get("token") or tokens["access_token"]
            if not _TOKEN.fullmatch(token):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError):
            raise WorkbenchError(f"{self.name}: {shown(realm)} gave no token: try again") from None
        return f"Bearer {token}"

    @cached_property
    def _credentials(self) -> dict[str, str]:
        """Return what the engine's configuration or credential helper has, keys in lower case."""
        for path in _config_paths(self.engine):
            try:
                config = auth.load_config(path)
                name = None if self.name == "docker.io" else self.name
                found = auth.resolve_authconfig(config, name)
            except (
                errors.DockerException,
                OSError,
                ValueError,
                TypeError,
                AttributeError,
            ) as error:
                raise WorkbenchError(
                    f"{self.name}: cannot read the engine's logins in {path or 'its configuration'} "
                    f"({cause(error)}): mend it, then {self.login}"
                ) from None
            if found:
                return {key.lower(): value for key, value in found.items() if value}
        return {}

    @property
    def _identity(self) -> str | None:
        return self._credentials.get("identitytoken")

    @property
    def _basic(self) -> str | None:
        if "username" not in self._credentials:
            return None
        pair = f"{self._credentials['username']}:{self._credentials.get('password', '')}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    def _check(self, answer: Any) -> None:
        status = answer.status_code
        if status == 401:
            known = "refuses the login that is stored" if self._credentials else "asks for a login"
            raise RefusedError(f"{self.name} {known} (401): {self.login}")
        if status == 403:
            raise RefusedError(
                f"{self.name}: your login may not use {self.repository} (403): {self.login}"
            )
        if not answer.ok:
            raise WorkbenchError(f"{self.name}: the registry failed ({status}): try again")


class _Authorization(requests.auth.AuthBase):  # type: ignore[misc]
    """Sends the given header, or none; without this requests would ask ~/.netrc."""

    def __init__(self, value: str | None) -> None:
        self._value = value

    def __call__(self, request: Any) -> Any:
        if self._value:
            request.headers["Authorization"] = self._value
        return request


class _Session(requests.Session):  # type: ignore[misc]
    """Follows a redirect to another host without the login, and never asks ~/.netrc."""

    def rebuild_auth(self, prepared_request: Any, response: Any) -> None:
        """Take the login out of a redirected request, unless it stays at the same address."""
        if self.should_strip_auth(response.request.url, prepared_request.url):
            prepared_request.headers.pop("Authorization", None)


def _is_safe(realm: str) -> bool:
    """Tell whether a login may be sent to an address."""
    try:
        parts = urlsplit(realm)
    except ValueError:
        return False
    host = parts.hostname or ""
    return bool(host) and (parts.scheme == "https" or is_loopback(host))


def _config_paths(engine: str) -> list[str | None]:
    """Return the files that may hold the engine's logins; None is docker's usual place."""
    name = Path(shlex.split(engine)[0]).name
    if not name.startswith(("podman", "buildah")):
        return [None]
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    places = [
        os.environ.get("REGISTRY_AUTH_FILE", ""),
        f"{runtime}/containers/auth.json",
        f"/run/containers/{os.getuid()}/auth.json",
        str(files.expanded("~") / ".config" / "containers" / "auth.json"),
    ]
    # podman goes through them, docker's own last, until one has the registry.
    return [*(place for place in places if place and Path(place).is_file()), None]
