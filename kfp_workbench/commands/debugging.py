"""``make debug`` and ``make shell``: one step of an earlier run, alone, with a terminal."""

import argparse
import os
import sys
from typing import Any

from kfp_workbench.commands import given
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import choosing, record, vscode
from kfp_workbench.local.alone import Alone
from kfp_workbench.local.earlier import Earlier
from kfp_workbench.local.running import OBJECTS
from kfp_workbench.local.store import Store
from kfp_workbench.project import environments, settings
from kfp_workbench.project.secrecy import Mask
from kfp_workbench.project.settings import PACKAGE, ROOT


def debug(args: argparse.Namespace) -> dict[str, object] | None:
    """Run one step, and return its outputs; with VSCODE=1, let VS Code do it."""
    wanted = [name for name in ("PDB", "VSCODE") if given.switch(name)]
    if len(wanted) > 1:
        raise WorkbenchError("PDB=1 VSCODE=1: give one of them", 2)
    return _attached(args, wanted[0].lower() if wanted else "")


def open_shell(args: argparse.Namespace) -> None:
    """Open a prompt in a step."""
    _attached(args, "shell")


def _attached(args: argparse.Namespace, stop: str) -> dict[str, object] | None:
    if not args.step:
        raise WorkbenchError("STEP= is missing: make debug STEP=train", 2)
    folder = record.named(ROOT, args.run, "RUN=")
    run = record.read(folder)
    earlier = Earlier(folder, run, choosing.choose(run, args.step, args.iteration))
    parameters, secrets = _parameters(args.env)
    mask = Mask(secrets)
    with mask.errors():
        store = Store(ROOT / OBJECTS)
        inputs = earlier.inputs(args.parameters, parameters, store)
        alone = Alone(earlier, inputs, store, settings.load(), ROOT)
        if stop == "vscode":
            found = alone.for_vscode(f"make debug {choosing.words(run, earlier.noted)}")
            _write_launch(found, mask)
            return None
        outputs = alone.run(args.runner or run.runner, stop)
    if outputs:
        print(f"outputs are below {os.path.relpath(alone.folder)}", file=sys.stderr)
    shown: dict[str, object] = mask.result(outputs)
    return shown


def _write_launch(found: dict[str, Any], mask: Mask) -> None:
    if mask.result(found) != found:
        raise WorkbenchError(
            "a secret is among its inputs, and belongs into no file: make debug without VSCODE=1", 2
        )
    print(vscode.write(ROOT, found), file=sys.stderr)


def _parameters(env: str) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the pipeline's parameters, for what no record shows, and the secrets among them.

    There are none where they cannot be read: it is the run's inputs that count.
    """
    try:
        found = environments.read(ROOT / PACKAGE, given.params_file(env), [], submitting=False)
    except (WorkbenchError, OSError):
        return {}, frozenset()
    return found.parameters, found.secrets
