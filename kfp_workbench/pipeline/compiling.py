"""Compiles ``pipeline.py`` into ``build/pipeline.yaml``, with every image pinned."""

import kfp_workbench.pipeline.light_kfp  # isort: skip  # noqa: F401  # before kfp: spares its client

import copy
import inspect
import itertools
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from kfp import compiler
from kfp.dsl import base_component, component_factory

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.images import pushed
from kfp_workbench.pipeline import (
    archives,
    curing,
    heads,
    importing,
    nesting,
    numbers,
    quick_yaml,
    quoting,
    refusals,
    scopes,
    task_outputs,
)
from kfp_workbench.pipeline.features import NEWEST
from kfp_workbench.pipeline.kubernetes import applying, hardening
from kfp_workbench.project import steps, versions
from kfp_workbench.project.settings import PACKAGE, ROOT, Settings
from kfp_workbench.project.versions import Version


def compile_pipeline(settings: Settings, root: Path = ROOT) -> Path:
    """Write ``build/pipeline.yaml``, whole or not at all, and return its path.

    The images of the project's steps get the digest that was pushed, or the tag of their
    content; others stay as they are. Each task gets what ``kubernetes.yaml`` says of its step,
    and is not to be root if nothing else is said. The same sources give the same bytes. What
    ``@dsl.pipeline`` says of a description or a display name wins over the settings.
    Raises WorkbenchError (2) when the module cannot be compiled, KFP's compiler gets it wrong, that
    file is wrong, or a server of the version that the settings name could not run it.
    """
    version = versions.target(settings.server)
    pipeline = made(settings, root)
    with refusals.by_folder(root):
        scopes.check(pipeline.pipeline_spec)
        numbers.check(pipeline.pipeline_spec, root)
    declared = steps.declared_images(root)
    _fill_in_images(pipeline.pipeline_spec, declared, pushed.compiled_images(settings, root))
    target = root / PACKAGE
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".compile-") as folder:
        scratch = Path(folder) / target.name
        _write(pipeline, scratch, root)
        if version < NEWEST:
            _fit(scratch, version, settings, root)
        os.replace(scratch, target)
    return target


def made(settings: Settings, root: Path = ROOT) -> Any:
    """Return the pipeline as kfp has it, all but its images as it will be written.

    Raises WorkbenchError (2) when the module cannot be compiled, or ``kubernetes.yaml`` is wrong.
    """
    declared = steps.declared_images(root)
    with (
        nesting.corrected(),
        task_outputs.named(),
        archives.reproducible(),
        quick_yaml.applied(),
        applying.applied(root, declared) as applied,
    ):
        pipeline = _load_pipeline(root)
    with refusals.by_folder(root):
        applying.check(pipeline.pipeline_spec, applied)
        hardening.harden(pipeline.pipeline_spec, pipeline.platform_spec, declared)
        hardening.check_users(pipeline.platform_spec)
    curing.cure(pipeline.pipeline_spec)
    info = pipeline.pipeline_spec.pipeline_info
    info.description = _own_description(pipeline) or settings.description
    info.display_name = info.display_name or settings.display_name
    return pipeline


def _load_pipeline(root: Path) -> Any:
    try:
        module = importing.pipeline(root)
    except (Exception, SystemExit) as error:
        raise refusals.refused(error, root) from error
    pipeline = getattr(module, "pipeline", None)
    if not isinstance(pipeline, base_component.BaseComponent):
        raise WorkbenchError("pipeline.py: define @dsl.pipeline def pipeline(...)", 2)
    return pipeline


def _own_description(pipeline: Any) -> str | None:
    """Return the description in a pipeline's decorator, or None: its docstring is for readers."""
    function = getattr(pipeline, "pipeline_func", None)
    documented = component_factory.docstring_parser.parse(inspect.getdoc(function) or "")
    described: str | None = pipeline.description
    is_own = described != component_factory.get_pipeline_description(None, documented)
    return described if is_own else None


def _write(pipeline: Any, target: Path, root: Path) -> None:
    """Write a pipeline as kfp does; raises WorkbenchError (2) for what kfp finds only then."""
    try:
        with heads.corrected(), quoting.quoted(yaml.Dumper):
            compiler.Compiler().compile(pipeline, str(target))
    except Exception as error:
        raise refusals.refused(error, root) from error


def _fill_in_images(spec: Any, declared: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Give the steps' images their registry and digest; the spec holds a protobuf Struct."""
    executors = spec.deployment_spec["executors"]
    for label in executors:
        if "container" not in executors[label].fields:
            continue
        container = executors[label]["container"]
        if container["image"] in declared:
            container["image"] = found[declared[container["image"]]]


def _fit(package: Path, version: Version, settings: Settings, root: Path) -> None:
    """Make a compiled pipeline one for servers of a version; raise WorkbenchError (2) if it is none."""
    from kfp_workbench.pipeline import fitting, needs, packages

    documents = steps.read_documents(package)
    before = copy.deepcopy(documents)
    fitting.fit(documents, version, steps.owner(settings, root))
    needs.refuse(documents, version, versions.said(settings.server), root)
    if documents != before:
        lines = package.read_text(encoding="utf-8").splitlines(keepends=True)
        head = itertools.takewhile(lambda line: line.startswith("#"), lines)
        package.write_text("".join(head) + packages.text(documents), encoding="utf-8")
