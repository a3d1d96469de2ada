"""``make local``, from its start: its steps' interpreters start while what it does is loaded."""

import argparse
from pathlib import Path

from kfp_workbench.local import jobs
from kfp_workbench.local.ahead import Ahead


def run(args: argparse.Namespace) -> dict[str, object]:
    """Run the compiled pipeline here: see `kfp_workbench.commands.local`.

    Nothing is imported before they start but what that takes.
    """
    with Ahead(Path.cwd(), jobs.at_once()) as ahead:
        if args.runner != "docker":
            ahead.start()
        from kfp_workbench.commands import local, reporting

        ahead.loaded(then=reporting.prepare)
        return local.run(args, ahead)
