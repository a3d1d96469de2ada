"""Says of every step's pod that it is not root: all that the *restricted* policy still lacks.

KFP sets the rest of https://kubernetes.io/docs/concepts/security/pod-security-standards/ by
itself. It is done to the compiled pipeline, when all is said: what ``kubernetes.yaml`` and
``pipeline.py`` set stays, and a task that ``pipeline.py`` gives another image is left alone.
"""

from collections.abc import Collection
from typing import Any

from google.protobuf import json_format

from ops.errors import OpsError
from ops.kubernetes import FILE


def harden(spec: Any, platform: Any, images: Collection[str]) -> None:
    """Set ``runAsNonRoot`` where nothing is said of it, for tasks of the ``images``.

    ``spec`` and ``platform`` are KFP's protobuf messages. Nothing of kfp.kubernetes is
    needed for that, which takes a while to import.
    """
    executors = spec.deployment_spec["executors"]
    for label in executors:
        executor = executors[label]
        if "container" in executor.fields and executor["container"]["image"] in images:
            config = platform.platforms["kubernetes"].deployment_spec.executors[label]
            context = config.get_or_create_struct("securityContext")
            if "runAsNonRoot" not in context.fields:
                context["runAsNonRoot"] = True


def check_users(platform: Any) -> None:
    """Raise OpsError (2) for a task that is root and is not to be: its pod would never start."""
    if "kubernetes" not in platform.platforms:
        return
    configs = platform.platforms["kubernetes"].deployment_spec.executors
    for label in sorted(configs):
        if "securityContext" not in configs[label].fields:
            continue
        # Looked up whole: a protobuf map makes what it is asked for.
        context = json_format.MessageToDict(configs[label]["securityContext"])
        if context.get("runAsNonRoot") and str(context.get("runAsUser")) == "0":
            raise OpsError(
                f"pipeline.py: the task {label.removeprefix('exec-')} runs as user 0, which is "
                f"root, and run_as_non_root is true: set both there, or both in {FILE}",
                2,
            )
