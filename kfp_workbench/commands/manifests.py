"""``make manifest``: the compiled pipeline as resources of Kubernetes."""

import argparse
import sys

from kfp_workbench.cluster import caching
from kfp_workbench.commands import given, submitting
from kfp_workbench.pipeline import manifest
from kfp_workbench.project.settings import ROOT


def write(args: argparse.Namespace) -> dict[str, object]:
    """Write the compiled pipeline as resources, and return what they are called."""
    package, settings = given.package(), given.settings_of(args.env)
    submitting.check(package, settings)
    with caching.applied(package, settings.kfp_caching) as copy:
        written = manifest.write_manifest(copy, settings, ROOT)
    print(f"wrote {written.manifest}: the version {written.version}", file=sys.stderr)
    return written._asdict()
