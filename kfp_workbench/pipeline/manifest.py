"""Writes the compiled pipeline as resources, for clusters that keep pipelines in Kubernetes.

kfp's compiler has a format for that: a ``Pipeline``, and a ``PipelineVersion`` that cannot be
changed once it is there. So the version is called after its content, and what Git holds is
what a cluster gets: the same compiled pipeline gives the same bytes.
"""

import kfp_workbench.pipeline.light_kfp  # isort: skip  # noqa: F401  # before kfp: spares its client

import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import yaml
from kfp import compiler
from kfp.components import load_component_from_file

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.pipeline import quoting
from kfp_workbench.pipeline.kubernetes import grammar
from kfp_workbench.project.settings import Settings

MANIFEST = Path("build") / "pipeline-manifest.yaml"
# kubectl apply notes what it applied in an annotation, which may have so many bytes:
# https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/
MAX_ANNOTATION = 256 * 1024


class Manifest(NamedTuple):
    """What was written, and what the resources in it are called."""

    manifest: str  # the file, below the project's folder
    namespace: str | None  # None: the one that it is applied to
    pipeline: str
    version: str


def write_manifest(package: Path, settings: Settings, root: Path) -> Manifest:
    """Write ``build/pipeline-manifest.yaml`` from a compiled pipeline, whole or not at all.

    Raises WorkbenchError (2) when the pipeline's name is none that Kubernetes takes.
    """
    pipeline = load_component_from_file(str(package))
    info = pipeline.pipeline_spec.pipeline_info
    name = info.name
    if problem := grammar.label_problem(name):  # KFP makes a label of it, too
        raise WorkbenchError(f"pipeline.py: the pipeline {problem}", 2)
    options = compiler.compiler_utils.KubernetesManifestOptions(
        pipeline_name=name,
        pipeline_display_name=info.display_name,
        pipeline_version_name=f"{name}-{content_digest(package)}",
        namespace=settings.kfp_namespace,
        include_pipeline_manifest=True,
    )
    # KFP would show the comments of the compiled file.
    pipeline.description = info.description
    target = root / MANIFEST
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".manifest-") as folder:
        scratch = Path(folder) / target.name
        with quoting.quoted(yaml.Dumper):
            compiler.Compiler().compile(
                pipeline,
                str(scratch),
                kubernetes_manifest_format=True,
                kubernetes_manifest_options=options,
            )
        size = scratch.stat().st_size
        os.replace(scratch, target)
    if size > MAX_ANNOTATION:
        print(f"note: {size} bytes: kubectl apply needs --server-side for it", file=sys.stderr)
    return Manifest(str(MANIFEST), settings.kfp_namespace, name, options.pipeline_version_name)


def content_digest(package: Path) -> str:
    """Return 16 hex digits that stand for a compiled pipeline."""
    return hashlib.sha256(package.read_bytes()).hexdigest()[:16]
