"""What every verb does that hands the compiled pipeline to a server: check it, and connect."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kfp_workbench.cluster import server, signin, submission
from kfp_workbench.cluster.server import Server
from kfp_workbench.commands import given
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.images import pushed
from kfp_workbench.project import steps
from kfp_workbench.project.settings import PACKAGE, Settings


def connect(settings: Settings) -> Server:
    """Return the server that the settings name, signed in as the environment says."""
    host, ca = settings.kfp_host, settings.kfp_ca
    signed = signin.credentials(host, os.environ, ca)
    return server.connect(host, settings.kfp_namespace, signed, ca)


def check(package: Path, settings: Settings, parameters: Mapping[str, Any] | None = None) -> None:
    """Refuse to submit what the server would refuse, or another image than is meant.

    ``parameters`` are a run's, where there is one.
    """
    submission.check(package)
    submission.check_imports(package, parameters)
    _check_pinned(package, settings)


def _check_pinned(package: Path, settings: Settings) -> None:
    """Refuse to submit images that are not the ones that were pushed from this content."""
    used = steps.used_images(package)
    lines = pushed.missing(used, settings) + pushed.outdated(used, settings)
    if not given.switch("ALLOW_UNPINNED"):
        lines += [line for line in pushed.unpinned(used, settings) if line not in lines]
    if len(lines) > 1:
        print("\n".join(lines), file=sys.stderr)
    if lines:
        raise WorkbenchError(
            lines[0] if len(lines) == 1 else f"{PACKAGE}: {len(lines)} images do not fit, see above"
        )
