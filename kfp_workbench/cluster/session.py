"""A session that Dex gives for a user's name and password."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kfp_workbench.cluster.credentials import cookie_secrets
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import Secret

if TYPE_CHECKING:  # it takes its time, and few sign in so
    from http.cookiejar import CookieJar

    from kfp_workbench.cluster.dex import User


class DexSession:
    """A session that Dex gives for a user's name and password, and gives anew when it ends."""

    def __init__(self, host: str, user: "User", ca: Path | None) -> None:
        self._host, self._user, self._ca = host, user, ca
        self._cookies: CookieJar | None = None
        self._seen: list[str] = [user.password]

    def __repr__(self) -> str:
        return f"<{self.describe()}>"

    def headers(self) -> Mapping[str, str]:
        """Return the header of the session's cookies; signs in if there is none."""
        return {"cookie": self._cookie() or self._sign_in()}

    def refresh(self) -> bool:
        """Sign in anew and return True; raises WorkbenchError (1) when that fails."""
        self._sign_in()
        return True

    def secrets(self) -> Sequence[str]:
        """Return the password, and all sessions there were."""
        return list(self._seen)

    def describe(self) -> str:
        """Return the variable's name and the user's."""
        return f"KFP_USERNAME ({shown(self._user.name)[1:-1]}, by Dex)"

    def _cookie(self) -> Secret:
        from kfp_workbench.cluster import dex

        return Secret() if self._cookies is None else dex.cookie(self._cookies, self._host)

    def _sign_in(self) -> Secret:
        from kfp_workbench.cluster import dex

        self._cookies = dex.sign_in(self._host, self._user, self._ca)
        cookie = self._cookie()
        self._seen += cookie_secrets(cookie)
        return cookie
