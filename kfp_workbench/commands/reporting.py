"""``make report``, and the report that every local run ends with."""

import argparse
import contextlib
from pathlib import Path

from kfp_workbench import report
from kfp_workbench.local import record
from kfp_workbench.project.settings import ROOT


def write_report(args: argparse.Namespace) -> None:
    """Write the report of the last run, or of another one."""
    args.closing.append(report.write(ROOT, record.named(ROOT, args.run)))


def prepare() -> None:
    """Load what a report is made with, while there is nothing else to do."""
    with contextlib.suppress(Exception):  # it is told when the report is written
        report.prepare()


def write(folder: Path) -> str:
    """Write the report of a run and return where it is; without one, why."""
    try:
        return report.write(ROOT, folder)
    except Exception as error:  # the run's own result must not depend on it
        return f"note: no report was written ({type(error).__name__}: {error})"
