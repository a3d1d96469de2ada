"""``make check``: the contract between the project's files."""

import argparse
import sys

from kfp_workbench.check import examine
from kfp_workbench.errors import WorkbenchError


def check(args: argparse.Namespace) -> None:
    """Print a line for each finding; raises WorkbenchError (1) if there is any."""
    findings, notes = examine()
    for finding in findings:
        text = finding.annotation if args.format == "github" else finding.text
        print(text, file=args.stdout, flush=True)
    for note in notes:
        print(f"note: {note.text}", file=sys.stderr)
    if findings:
        raise WorkbenchError(f"{len(findings)} finding{'s' * (len(findings) > 1)}, see above")
    print("the contract holds", file=sys.stderr)
