"""What lets requests in at a KFP endpoint: a token, a cookie, a session.

No object here shows what it holds, and nothing of it is written anywhere.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import Secret

MAX_FILE = 64 * 1024  # bytes of a file with a secret
_TOKEN = re.compile(r"[!-~]+")
# https://www.rfc-editor.org/rfc/rfc6265#section-4.1.1, and what browsers take besides.
_COOKIE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+=[ -:<-~]*")
_SHORT = 6  # characters: cookies that are shorter are settings, no sessions


class SignInError(WorkbenchError):
    """Nobody is let in so: the sign-in is refused, or fails."""


class Credentials(Protocol):
    """What lets requests in; asked anew for each, because tokens are renewed while runs last."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers of the next request, such as ``{"authorization": "Bearer ..."}``.

        Raises WorkbenchError (1) when signing in fails.
        """

    def refresh(self) -> bool:
        """Look for something newer, the old being refused; tell whether to try again.

        Raises WorkbenchError (1) when signing in fails.
        """

    def secrets(self) -> Sequence[str]:
        """Return the texts that no message may hold, old ones too."""

    def describe(self) -> str:
        """Return what is in force and where it is from, as in "KFP_TOKEN is refused"."""


class Nobody:
    """No signing in: an endpoint of one's own, or a port-forward. It counts as False."""

    def __bool__(self) -> bool:
        return False

    def headers(self) -> Mapping[str, str]:
        """Return no headers."""
        return {}

    def refresh(self) -> bool:
        """Return False."""
        return False

    def secrets(self) -> Sequence[str]:
        """Return nothing."""
        return []

    def describe(self) -> str:
        """Return that there is none."""
        return "no sign-in"


class Token:
    """A bearer token from the environment: it stays what it is."""

    def __init__(self, token: str) -> None:
        self._token = Secret(token)
        _check_token("KFP_TOKEN", token)

    def __repr__(self) -> str:
        return f"<{self.describe()}>"

    def headers(self) -> Mapping[str, str]:
        """Return the header of a bearer token."""
        return _bearer(self._token)

    def refresh(self) -> bool:
        """Return False: there is no other."""
        return False

    def secrets(self) -> Sequence[str]:
        """Return the token."""
        return [self._token]

    def describe(self) -> str:
        """Return the variable's name, and whether the token has expired."""
        return f"KFP_TOKEN{_expired(self._token)}"


class TokenFile:
    """A bearer token from a file that somebody else renews."""

    def __init__(self, path: Path, variable: str) -> None:
        self._path, self._variable, self._token = path, variable, Secret()
        self._token = self._read()
        self._seen = [self._token]

    def __repr__(self) -> str:
        return f"<{self.describe()}>"

    def headers(self) -> Mapping[str, str]:
        """Return the header of the token that the file has now."""
        return _bearer(self._look())

    def refresh(self) -> bool:
        """Tell whether the file has another token than the one that was used last."""
        before = self._token
        return self._look() != before

    def secrets(self) -> Sequence[str]:
        """Return all tokens that the file has had."""
        return list(self._seen)

    def describe(self) -> str:
        """Return the variable's name and the file's, and whether the token has expired."""
        return f"{self._variable} ({shown(str(self._path))[1:-1]}){_expired(self._token)}"

    def _look(self) -> Secret:
        with suppress(WorkbenchError):  # it is being written: what it had may still do
            self._token = self._read()
        if self._token not in self._seen:
            self._seen.append(self._token)
        return self._token

    def _read(self) -> Secret:
        token = Secret(read(self._variable, self._path).strip())
        _check_token(f"{self._variable}: {shown(str(self._path))}", token)
        return token


class Cookie:
    """A browser's session."""

    def __init__(self, text: str) -> None:
        parts = [Secret(part.strip()) for part in text.split(";") if part.strip()]
        if not parts or not all(_COOKIE.fullmatch(part) for part in parts):
            cure = 'give it as the browser sends it: "name=value; name2=value2"'
            raise WorkbenchError(f"KFP_COOKIE is no cookie: {cure}", 2)
        self._text = Secret("; ".join(parts))

    def __repr__(self) -> str:
        return f"<{self.describe()}>"

    def headers(self) -> Mapping[str, str]:
        """Return the header of the cookie."""
        return {"cookie": self._text}

    def refresh(self) -> bool:
        """Return False: there is no other."""
        return False

    def secrets(self) -> Sequence[str]:
        """Return the cookie and its values."""
        return cookie_secrets(self._text)

    def describe(self) -> str:
        """Return the variable's name."""
        return "KFP_COOKIE"


def read(variable: str, path: Path) -> Secret:
    """Return a small file's text; raises WorkbenchError (2), with the variable that names the file."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WorkbenchError(
            f"{variable}: {shown(str(path))}: {reason}: correct or unset it", 2
        ) from None
    if len(content) > MAX_FILE:
        raise WorkbenchError(f"{variable}: {shown(str(path))} is too large: give another file", 2)
    return Secret(content.decode(errors="replace"))


def _check_token(source: str, token: str) -> None:
    """Raise WorkbenchError (2), without the token, when it would not fit into a header."""
    if not token:
        raise WorkbenchError(f"{source} is empty: write the token", 2)
    if not _TOKEN.fullmatch(token):
        text = "has a space or a character that no token has: set it anew"
        raise WorkbenchError(f"{source} {text}", 2)


def _bearer(token: str) -> Mapping[str, str]:
    return {"authorization": Secret(f"Bearer {token}")}


def cookie_secrets(cookie: str) -> list[str]:
    """Return the texts in a Cookie header that no message may hold."""
    values = [part.partition("=")[2] for part in cookie.split("; ")]
    return [cookie, *(value for value in values if len(value) >= _SHORT)]


def _expired(token: str) -> str:
    """Return that a JSON web token has expired, and when; "" for any other."""
    with suppress(ValueError, TypeError, KeyError, IndexError, OverflowError, OSError):
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        end = datetime.fromtimestamp(claims["exp"], timezone.utc)
        if end < datetime.now(timezone.utc):
            return f", which expired {end:%Y-%m-%d %H:%M} UTC,"
    return ""
