"""What verbs print on stdout for programs: a JSON object on one line."""

import argparse
import json

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.signals import INTERRUPTED


def write(args: argparse.Namespace, answer: dict[str, object]) -> None:
    """Print an answer."""
    print(json.dumps(answer, sort_keys=True), file=args.stdout, flush=True)


def told(args: argparse.Namespace, answer: dict[str, object], state: str) -> dict[str, object]:
    """Return an answer; after an interrupt that was held back, print it and say what is there."""
    if not args.signals.is_pending:
        return answer
    write(args, answer)
    raise WorkbenchError(f"interrupted; {state}", INTERRUPTED)
