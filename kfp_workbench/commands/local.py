"""``make local``: the compiled pipeline on this machine."""

import argparse
import os
import sys
import threading

from kfp_workbench.commands import given, reporting
from kfp_workbench.local import record, running
from kfp_workbench.project import environments, settings
from kfp_workbench.project.secrecy import Mask


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
                args.closing.append(reporting.write(prepared.folder))
    shown: dict[str, object] = mask.result(outputs)
    if shown != outputs:
        print("note: the result holds a secret parameter: it is shown as ***", file=sys.stderr)
    return shown
