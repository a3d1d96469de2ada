"""``make local``: the compiled pipeline on this machine."""

import argparse
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from kfp_workbench.commands import given, reporting
from kfp_workbench.local import choosing, record, running
from kfp_workbench.project import environments, settings
from kfp_workbench.project.secrecy import Mask
from kfp_workbench.project.settings import ROOT


def run(args: argparse.Namespace) -> dict[str, object]:
    """Run the compiled pipeline here, and return its outputs; a report is written however it ends."""
    package = given.package()
    cache = given.switch("CACHE", os.environ.get("CACHE", ""))
    file = given.params_file(args.env)
    values = environments.read(package, file, args.parameters, submitting=False)
    mask = Mask(values.secrets)
    with mask.errors():
        prepared = running.prepare(
            package, values.parameters, settings.load(), args.runner, mask=mask, cache=cache
        )
        threading.Thread(target=reporting.prepare, daemon=True).start()  # while steps run
        try:
            outputs = prepared.run()
        finally:
            if (prepared.folder / record.FILE).exists():
                args.closing += [
                    reporting.write(prepared.folder),
                    *_debugging(prepared.folder, args),
                ]
    shown: dict[str, object] = mask.result(outputs)
    if shown != outputs:
        print("note: the result holds a secret parameter: it is shown as ***", file=sys.stderr)
    return shown


def _debugging(folder: Path, args: argparse.Namespace) -> Iterator[str]:
    """Yield the command that debugs the step that failed, if one did."""
    run = record.read(folder)
    task = running.first_failure(run) if run.state == "failed" else None
    if task is None or task.kind != "container" or task.failed_in == "driver":
        return
    step = ROOT / "steps" / task.step
    stops = "" if step.is_dir() and not (step / "main.py").is_file() else " PDB=1"
    env = "" if args.env == "dev" else f" ENV={args.env}"
    yield f"to debug it: make debug {choosing.words(run, task)}{stops}{env}"
