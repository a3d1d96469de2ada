"""Decides what lets us in at a KFP endpoint.

The environment says it, and nothing else: no file of the project has a secret in it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kfp_workbench import files
from kfp_workbench.cluster.credentials import (
    Cookie,
    Credentials,
    Nobody,
    Token,
    TokenFile,
    read,
)
from kfp_workbench.cluster.session import DexSession
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import Secret

if TYPE_CHECKING:
    from kfp_workbench.cluster.dex import User

# Where Kubernetes puts a service account's token for KFP, as kfp.Client expects it.
# https://www.kubeflow.org/docs/components/pipelines/user-guides/core-functions/connect-api/
SERVICE_ACCOUNT = Path("/var/run/secrets/kubeflow/pipelines/token")
SERVICE_ACCOUNT_PATH = "KF_PIPELINES_SA_TOKEN_PATH"
DEX = ("KFP_USERNAME", "KFP_PASSWORD", "KFP_PASSWORD_FILE", "KFP_CONNECTOR")
WAYS = (("KFP_TOKEN",), ("KFP_TOKEN_FILE",), ("KFP_COOKIE",), DEX)


def credentials(host: str, environ: Mapping[str, str], ca: Path | None = None) -> Credentials:
    """Return what the environment says lets us in at ``host``, a KFP endpoint's URL.

    ``ca`` is a file of certificates to trust, for signing in to Dex. Nothing is sent
    yet. Raises WorkbenchError (2), without any secret, for variables that contradict each
    other, of which one is missing, or with a value that cannot be.
    """
    names = [name for way in WAYS for name in way if environ.get(name, "").strip()]
    given = {name: Secret(environ[name]) for name in names}
    ways = [found for way in WAYS if (found := [name for name in way if name in given])]
    if len(ways) > 1:
        several = " and ".join(found[0] for found in ways)
        raise WorkbenchError(f"{several} are set, and only one can sign in: unset the others", 2)
    if not ways:
        return _service_account(environ)
    if "KFP_TOKEN" in given:
        return Token(Secret(given["KFP_TOKEN"].strip()))
    if "KFP_TOKEN_FILE" in given:
        return TokenFile(files.expanded(given["KFP_TOKEN_FILE"].strip()), "KFP_TOKEN_FILE")
    if "KFP_COOKIE" in given:
        return Cookie(given["KFP_COOKIE"])
    return DexSession(host, _user(given), ca)


def _service_account(environ: Mapping[str, str]) -> Credentials:
    """Return what kfp.Client itself would use, in a pod of the cluster."""
    if path := environ.get(SERVICE_ACCOUNT_PATH, "").strip():
        return TokenFile(Path(path), SERVICE_ACCOUNT_PATH)
    if SERVICE_ACCOUNT.is_file():
        return TokenFile(SERVICE_ACCOUNT, "the service account's token")
    return Nobody()


def _user(given: Mapping[str, Secret]) -> "User":
    from kfp_workbench.cluster.dex import User

    if "KFP_USERNAME" not in given:
        raise WorkbenchError(f"{next(iter(given))} is set, KFP_USERNAME is not: set it, or none", 2)
    sources = [name for name in ("KFP_PASSWORD", "KFP_PASSWORD_FILE") if name in given]
    if len(sources) > 1:
        raise WorkbenchError("KFP_PASSWORD and KFP_PASSWORD_FILE are set: unset one", 2)
    if not sources:
        raise WorkbenchError("KFP_USERNAME is set, KFP_PASSWORD is not: set it, or none", 2)
    password = given.get("KFP_PASSWORD") or _password(Path(given["KFP_PASSWORD_FILE"].strip()))
    connector = str(given.get("KFP_CONNECTOR", "")).strip()
    return User(given["KFP_USERNAME"].strip(), password, connector)


def _password(path: Path) -> Secret:
    """Return a file's password: all of it but the end of its line."""
    text = read("KFP_PASSWORD_FILE", files.expanded(path))
    password = Secret(text.removesuffix("\n").removesuffix("\r"))
    if not password.strip():
        raise WorkbenchError(
            f"KFP_PASSWORD_FILE: {shown(str(path))} is empty: write the password", 2
        )
    return password
