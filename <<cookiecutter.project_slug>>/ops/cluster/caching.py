"""Turns KFP's caching on or off for a whole run.

kfp's own ``enable_caching`` reaches only the tasks at the root of the pipeline, and none
in a loop, a condition or a pipeline within; and none at all of an uploaded version.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ops import packages
from ops.packages import Change


def applied(package: Path, caching: bool | None) -> AbstractContextManager[Path]:
    """Return a compiled pipeline in which caching is on or off for every task.

    With None that is ``package``, where each task has what ``pipeline.py`` says; else a
    copy, if any task differs.
    """
    return packages.changed(package, changes(caching))


def changes(caching: bool | None) -> list[Change]:
    """Return what turns caching on or off in a compiled pipeline's documents, or nothing."""
    return [] if caching is None else [lambda documents: set_caching(documents[0], caching)]


def set_caching(spec: dict[str, Any], caching: bool) -> None:
    """Turn caching on or off for every task in a parsed ``PipelineSpec``, in place."""
    for part in (spec["root"], *spec.get("components", {}).values()):
        for task in part.get("dag", {}).get("tasks", {}).values():
            task.setdefault("cachingOptions", {})["enableCache"] = caching
