"""``make build`` and ``make push``: the images of steps."""

import argparse
from collections.abc import Sequence

from kfp_workbench.commands import components
from kfp_workbench.images import building
from kfp_workbench.project import settings, steps
from kfp_workbench.project.steps import Step


def build(args: argparse.Namespace) -> None:
    """Build images."""
    building.build(_selected(args.steps), settings.load(), jobs=args.jobs, again=args.again)


def push(args: argparse.Namespace) -> None:
    """Build and push images."""
    building.push(_selected(args.steps), settings.load(), jobs=args.jobs)


def _selected(names: Sequence[str]) -> list[Step]:
    components.update()
    return [steps.get_step(name) for name in names] or steps.find_steps()
