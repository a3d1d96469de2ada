"""Reads conformance cases: small pipelines, each a module that asks one question."""

import importlib.util
import os
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench.pipeline import light_kfp


class Case(NamedTuple):
    """One module of a folder of cases, and what the backend did with its pipeline."""

    name: str
    module: Path
    record: Path

    @property
    def kind(self) -> str:
        """What the case is about: its name up to the first underscore."""
        return self.name.partition("_")[0]


class Compiled(NamedTuple):
    """What a case's module says; without a package, why it does not compile."""

    package: Path
    parameters: dict[str, Any]
    runs: int
    is_cached: bool
    problem: str


def find(cases: Path, records: Path, names: Iterable[str] = ()) -> list[Case]:
    """Return the cases of a folder that have a record, by name, or those with one of ``names``."""
    wanted = frozenset(names)
    found = [
        Case(module.stem, module, records / f"{module.stem}.json")
        for module in sorted(cases.glob("*.py"))
        if not wanted or module.stem in wanted
    ]
    return [case for case in found if case.record.is_file()]


def load_compiler() -> None:
    """Import what modules of cases import, so that forks of this process need not."""
    light_kfp.import_kubernetes()
    import kfp.compiler
    import kfp.components  # noqa: F401


def compile_case(case: Case, package: Path) -> Compiled:
    """Import a case's module and compile its ``pipeline`` to ``package``, as KFP does.

    For a process of its own: a module may do anything, and what it prints is dropped.
    """
    from kfp import compiler

    _silence()
    try:
        module = _imported(case)
        compiler.Compiler().compile(module.pipeline, str(package))
    except (Exception, SystemExit) as error:
        problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return Compiled(package, {}, 1, False, problem)
    runs = int(getattr(module, "RUNS", 1))
    parameters = dict(getattr(module, "PARAMETERS", {}))
    return Compiled(package, parameters, runs, is_cached(case, runs), "")


def is_cached(case: Case, runs: int) -> bool:
    """Tell whether results were reused when a case was recorded."""
    return runs > 1 or case.kind == "cache" or "_cache_" in case.name


def _imported(case: Case) -> Any:
    spec = importlib.util.spec_from_file_location(f"case_{case.name}", case.module)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _silence() -> None:
    """Drop what this process prints: kfp warns of much."""
    warnings.simplefilter("ignore")
    null = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(null, number)
