"""``make compile``: from ``pipeline.py`` to ``build/pipeline.yaml``."""

import argparse
import sys

from kfp_workbench.commands import components
from kfp_workbench.images import pushed
from kfp_workbench.pipeline import compiling, freshness
from kfp_workbench.project import settings as project
from kfp_workbench.project import steps
from kfp_workbench.project.settings import ROOT


def compile_pipeline(args: argparse.Namespace) -> None:
    """Write the compiled pipeline, and before it each ``component.yaml`` that is behind."""
    settings = project.load()
    components.update()
    noted = freshness.Noted(ROOT)
    target = compiling.compile_pipeline(settings)
    noted.keep(settings, pushed.compiled_images(settings))
    by_tag = pushed.unpinned(steps.used_images(target), settings)
    server = f" for KFP {settings.server}" if settings.server else ""
    note = " (images by content tag: make push pins their digests)" if by_tag else ""
    print(f"compiled {target.relative_to(ROOT)}{server}{note}", file=sys.stderr)
