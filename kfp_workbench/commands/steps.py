"""``make step NAME=...``: a new step, in the pipeline if it has a place there."""

import argparse
import sys

from kfp_workbench.commands import compiling, drawing
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import names, settings, steps
from kfp_workbench.project.settings import ROOT
from kfp_workbench.scaffold import adding


def add(args: argparse.Namespace) -> None:
    """Make a step, add it to the pipeline, and draw that again."""
    project = settings.load()
    if not args.name:
        raise WorkbenchError("NAME= is missing: make step NAME=scale", 2)
    name = names.normalise_step(args.name)
    image = f"{project.registry}/{steps.Step(name, ROOT).image_name}"
    adding.add_step(ROOT, name, image=image, base_image=project.base_image)
    print(
        f"steps/{name}: made from templates/step/: your code goes into its main.py", file=sys.stderr
    )
    by_hand = adding.wire_step(ROOT, project.name, name)
    if by_hand:
        print(f"pipeline.py: {by_hand}", file=sys.stderr)
        return
    print("pipeline.py: added at the end of the chain", file=sys.stderr)
    try:
        compiling.compile_pipeline(args)
        drawing.draw(args)
    except WorkbenchError as error:  # of the team's own template: the step is made all the same
        print(f"docs/: not drawn again: {error}", file=sys.stderr)
