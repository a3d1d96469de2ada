"""``make check``: the contract between the project's files."""

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.pipeline import tools
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.settings import ROOT
from kfp_workbench.project.whole import Whole

KEPT = Path("build") / "checked.json"  # what was found, and of what project
Found = tuple[Sequence[Finding], Sequence[Finding]]  # what is wrong, and what to know


def check(args: argparse.Namespace) -> None:
    """Print a line for each finding; raises WorkbenchError (1) if there is any."""
    whole = Whole(ROOT)
    findings, notes = _kept(whole) or _examined(whole)
    for finding in findings:
        text = finding.annotation if args.format == "github" else finding.text
        print(text, file=args.stdout, flush=True)
    for note in notes:
        print(f"note: {note.text}", file=sys.stderr)
    if findings:
        raise WorkbenchError(f"{len(findings)} finding{'s' * (len(findings) > 1)}, see above")
    print("the contract holds", file=sys.stderr)


def _examined(whole: Whole) -> Found:
    """Examine the project, and keep what is found, if it holds as long as nothing changes."""
    from kfp_workbench.check import examine  # takes longer than to look up what is known

    examined = examine()
    if examined.is_lasting and whole.is_still():
        basis = {"of": _basis(whole), "findings": examined.findings, "notes": examined.notes}
        with contextlib.suppress(WorkbenchError):  # of a project that nobody may write to
            files.write(ROOT / KEPT, json.dumps(basis))
    return examined.findings, examined.notes


def _kept(whole: Whole) -> Found | None:
    """Return what was found in just this project."""
    if not whole.digest:
        return None
    try:
        kept = json.loads((ROOT / KEPT).read_text(encoding="utf-8"))
        if kept["of"] != _basis(whole):
            return None
        findings, notes = (
            [Finding(*each) for each in kept[name]] for name in ("findings", "notes")
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return findings, notes


def _basis(whole: Whole) -> list[str]:
    """Return all that findings depend on: a schedule, on the day."""
    today = datetime.now(timezone.utc).date().isoformat()
    return [whole.digest, tools.state(), tools.packages(), today]
