"""``make component``: the ``component.yaml`` of typed steps, from their signatures."""

import argparse
import sys

from kfp_workbench.project import component_files
from kfp_workbench.project.settings import ROOT


def write(args: argparse.Namespace) -> None:
    """Write what is behind, and say so."""
    if not update([args.step] if args.step else []):
        print("nothing to write: each component.yaml is as main.py has it", file=sys.stderr)


def update(only: list[str] | None = None) -> bool:
    """Write each ``component.yaml`` that is behind, a line for each; tell whether there was any.

    All that a pipeline or an image is made of is brought up to date so before it is read.
    """
    written = component_files.update(ROOT, only or [])
    for path in written:
        print(f"{path.relative_to(ROOT).as_posix()}: written from main.py", file=sys.stderr)
    return bool(written)
