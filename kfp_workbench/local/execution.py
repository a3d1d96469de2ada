"""Runs a compiled file here, by the rules of KFP's backend, and returns the record of it.

This is what `make local` and all that compares runs call. ``Setting`` is what a run has around it: a
folder of its own, something that runs containers, and the objects that importers may ask for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kfp_workbench.local import record
from kfp_workbench.local.runners import Runner


@dataclass(frozen=True)
class Setting:
    """What a run has around it."""

    folder: Path  # the run's own: it is there, and empty
    runner: Runner
    name: str = ""  # of the run, for people; the pipeline's without one
    jobs: int = 1  # commands that run at once
    cache: Path | None = None  # the folder of results that may be reused; None reuses none
    objects: Path | None = None  # a folder with what is in buckets: minio/BUCKET/KEY, gcs/…, s3/…
    say: Callable[[str], None] = field(default=lambda line: None)


def execute(package: Path, parameters: Mapping[str, Any], setting: Setting) -> record.Run:
    """Run the compiled file ``package`` with parameters, and return what came of it.

    A run that fails is no error: its record says so. Raises WorkbenchError (2) for what a cluster, or
    this machine, would not begin with; then nothing was started.
    """
    raise NotImplementedError
