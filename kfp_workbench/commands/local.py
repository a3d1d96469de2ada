"""``make local``: the compiled pipeline on this machine."""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from kfp_workbench.commands import given, reporting
from kfp_workbench.images import pushed
from kfp_workbench.local import choosing, record, running
from kfp_workbench.local.ahead import Ahead
from kfp_workbench.pipeline import freshness
from kfp_workbench.project import environments, settings
from kfp_workbench.project.secrecy import Mask
from kfp_workbench.project.settings import ROOT, Settings

# https://docs.python.org/3/library/exceptions.html#ModuleNotFoundError
_NO_MODULE = r"ModuleNotFoundError: No module named '(\w+)"


def run(args: argparse.Namespace, ahead: Ahead) -> dict[str, object]:
    """Run the compiled pipeline here, and return its outputs; a report is written however it ends."""
    project = settings.load()
    images = _compiled(project) if args.compile else pushed.compiled_images(project)
    package = given.package()
    cache = given.switch("CACHE")
    file = given.params_file(args.env)
    values = environments.read(package, file, args.parameters, submitting=False)
    mask = Mask(values.secrets)
    with mask.errors():
        prepared = running.prepare(
            package,
            values.parameters,
            project,
            args.runner,
            mask=mask,
            images=images,
            cache=cache,
            ahead=ahead,
        )
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
    """Yield what to do about the step that failed, if one did: most often, to debug it."""
    run = record.read(folder)
    task = running.first_failure(run) if run.state == "failed" else None
    if task is None or task.kind != "container" or task.failed_in == "driver":
        return
    step = ROOT / "steps" / task.step
    if module := _module_missing(folder / task.log, step):
        source = f"steps/{task.step}/requirements.in"
        yield f"to mend it: list what brings {module} in {source}, then make lock"
        return
    stops = "" if step.is_dir() and not (step / "main.py").is_file() else " PDB=1"
    env = "" if args.env == "dev" else f" ENV={args.env}"
    yield f"to debug it: make debug {choosing.words(run, task)}{stops}{env}"


def _module_missing(log: Path, step: Path) -> str:
    """Return the module for whose lack a step failed, where that is no file of the project."""
    if not step.is_dir():
        return ""
    found = re.match(_NO_MODULE, "".join(running.last_lines(log, 1)))
    module = found[1] if found else ""
    files = [folder / name for folder in (ROOT, step) for name in (module, f"{module}.py")]
    return "" if any(path.exists() for path in files) else module


def _compiled(project: Settings) -> Mapping[str, str]:
    """Compile the pipeline, if it may differ from what is there, and return the steps' images.

    Exits as `make compile` does.
    """
    images = pushed.compiled_images(project)
    if freshness.is_current(project, images, ROOT):
        return images
    words = [sys.executable, "-m", "kfp_workbench", "compile"]  # kfp stays out of this process
    if status := subprocess.run(words, check=False).returncode:
        sys.exit(status)
    return pushed.compiled_images(project)  # as they are by now
