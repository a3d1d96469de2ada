"""``make lock`` and ``make wheels``: the packages that a project and its steps are set up from."""

import argparse
import os

from kfp_workbench.images import locking
from kfp_workbench.local import wheels
from kfp_workbench.setup import sources


def lock(args: argparse.Namespace) -> None:
    """Write the lock files."""
    locking.lock(upgrade=args.upgrade)


def fill(args: argparse.Namespace) -> None:
    """Fill a folder with all that is locked."""
    os.environ.pop(sources.WHEELS, None)  # the folder is filled, not installed from
    wheels.fill(args.folder)
