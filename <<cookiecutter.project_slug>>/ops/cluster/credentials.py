"""Who asks: what each request carries to be let in."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from ops.errors import OpsError


class Credentials(Protocol):
    """What lets requests in; asked anew for each, because tokens are renewed while runs last."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers of the next request, such as ``{"authorization": "Bearer ..."}``."""

    def refresh(self) -> bool:
        """Look for something newer, the old being refused; tell whether to try again."""

    def secrets(self) -> Sequence[str]:
        """Return the texts that no message may hold, old ones too."""

    def describe(self) -> str:
        """Return what is in force and where it is from, as in "KFP_TOKEN is refused"."""


class Token(NamedTuple):
    """A bearer token from the environment: it stays what it is."""

    token: str

    def headers(self) -> Mapping[str, str]:
        """Return the header of a bearer token."""
        return {"authorization": f"Bearer {self.token}"}

    def refresh(self) -> bool:
        """Return False: there is no other."""
        return False

    def secrets(self) -> Sequence[str]:
        """Return the token."""
        return [self.token]

    def describe(self) -> str:
        """Return the variable's name."""
        return "KFP_TOKEN"


def read_token() -> Token | None:
    """Return KFP_TOKEN, or None; raises OpsError (2), without it, when it is no token."""
    token = os.environ.get("KFP_TOKEN", "").strip()
    if re.search("[^!-~]", token):
        raise OpsError("KFP_TOKEN has a space or a character that no token has: set it anew", 2)
    return Token(token) if token else None
