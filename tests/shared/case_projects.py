"""Makes a project of each recorded case, and checks it as `make check` does."""

import importlib.util
import multiprocessing
import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from conformance import cases, projects
from kfp_workbench.check import Finding, check_project
from kfp_workbench.pipeline import looking, viewing
from shared.baking import bake

Item = TypeVar("Item")
Made = TypeVar("Made")
Findings = dict[str, list[Finding]]  # by the case's name


def base(folder: Path) -> Path:
    """Return a project without steps, whose pipeline a case takes the place of."""
    project = bake(folder, starter="blank", steps="only")
    shutil.rmtree(project / "steps" / "only")
    return project


def check_all(modules: Sequence[Path], folder: Path) -> Findings:
    """Return what `make check` finds in each case, made into a project of its own.

    Each is compiled and checked in a fork, so that kfp is imported once and modules cannot meet.
    """
    found = forked(partial(_checked, original=base(folder), folder=folder), modules)
    return {module.stem: findings for module, findings in zip(modules, found, strict=True)}


def forked(work: Callable[[Item], Made], items: Sequence[Item]) -> list[Made]:
    """Return what is made of each item in a process of its own, all of which have kfp."""
    cases.load_compiler()
    context = multiprocessing.get_context("fork")
    with context.Pool(os.cpu_count() or 1, maxtasksperchild=1) as pool:
        return pool.map(work, items, chunksize=1)


def _checked(module: Path, original: Path, folder: Path) -> list[Finding]:
    project = make(module, original, folder / module.stem)
    os.chdir(project)
    viewing.keep(project, looking.look(project))
    found = check_project(project)
    shutil.rmtree(project)
    return [finding for finding in found if not finding.path.startswith("docs/")]


def make(module: Path, original: Path, project: Path) -> Path:
    """Copy the original project, with a case's pipeline and its parameters."""
    shutil.copytree(original, project)
    shutil.copyfile(module, project / "pipeline.py")
    projects.give(project, _parameters(module))
    return project


def _parameters(module: Path) -> dict[str, Any]:
    """Return the parameters that a case's run was given."""
    spec = importlib.util.spec_from_file_location(f"case_{module.stem}", module)
    assert spec and spec.loader
    loaded = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(loaded)
    except Exception:
        return {}  # a case that does not compile
    return dict(getattr(loaded, "PARAMETERS", {}))
