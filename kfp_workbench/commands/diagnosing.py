"""``make doctor``: what is missing on this machine, and at the KFP endpoint."""

import argparse

from kfp_workbench.commands import given
from kfp_workbench.doctor import examining


def diagnose(args: argparse.Namespace) -> None:
    """Say what is missing on this machine."""
    examining.report(examining.examine(given.settings_of(args.env)))
