"""``make step NAME=... IN=... OUT=...``: a new step, with its test, in the pipeline if it fits there."""

import argparse
import shutil
import sys

from kfp_workbench.commands import compiling, drawing
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import names, settings, steps
from kfp_workbench.project.settings import ROOT
from kfp_workbench.scaffold import adding, interfaces, joining, ports, usual


def add(args: argparse.Namespace) -> None:
    """Make a step and its test, add it to the pipeline, and draw that again."""
    project = settings.load()
    if not args.name:
        raise WorkbenchError("NAME= is missing: make step NAME=scale", 2)
    name = names.normalise_step(args.name)
    given = ports.read(vars(args)["in"], args.out)
    if problem := joining.name_problem(ROOT, name):
        raise WorkbenchError(f"step: {problem}", 2)
    image = f"{project.registry}/{steps.Step(name, ROOT).image_name}"
    wanted = given if any(given) else usual.ports(ROOT)
    folder = adding.add_step(ROOT, name, image=image, base_image=project.base_image, ports=wanted)
    try:
        test = adding.add_test(ROOT, name)
    except BaseException:
        shutil.rmtree(folder)
        raise
    _say(f"steps/{name}: made from templates/step/: your code goes into its main.py")
    if test:
        _say(f"{test.relative_to(ROOT).as_posix()}: made from templates/tests/")
    joined = joining.join(ROOT, name)
    try:
        if joined.before:
            compiling.compile_pipeline(args)
    except WorkbenchError as error:  # of the pipeline, or of the team's own template
        joined.undo()
        _say(joining.by_hand(name, interfaces.of_steps(ROOT), f"it would not compile: {error}"))
        return
    _say(*joined.said)
    try:
        if joined.before:
            drawing.draw(args)
    except WorkbenchError as error:
        _say(f"docs/: not drawn again: {error}")


def _say(*lines: str) -> None:
    print(*lines, sep="\n", file=sys.stderr)
