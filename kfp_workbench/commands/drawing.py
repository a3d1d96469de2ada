"""``make graph``: the picture of the compiled pipeline."""

import argparse
import sys

from kfp_workbench.commands import given
from kfp_workbench.graph import pictures
from kfp_workbench.project.settings import ROOT


def draw(args: argparse.Namespace) -> None:
    """Draw the compiled pipeline."""
    print(f"drew {' and '.join(pictures.draw(ROOT, given.package()))}", file=sys.stderr)
