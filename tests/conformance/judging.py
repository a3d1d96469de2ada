"""Prepares and runs cases, and says of each whether it does here what the backend did."""

import importlib.metadata
import json
import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from conformance import (
    cases,
    comparing,
    kubernetes,
    normalising,
    observing,
    outcomes,
    projects,
    purposes,
    running,
)
from conformance.cases import Case, Compiled
from kfp_workbench.project import settings, steps
from kfp_workbench.project.secrecy import Mask, secret_texts

AGREE, REFUSED, DIFFER, ELSEWHERE = "agree", "refused", "differ", "elsewhere"


class Verdict(NamedTuple):
    """What is to be said of one case, and why."""

    name: str
    outcome: str
    why: str = ""


def judge(found: Sequence[Case], see: Path, runner: str, jobs: int) -> Iterator[Verdict]:
    """Yield what is to be said of each case, in their order; ``jobs`` run at a time."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        root = Path(name)
        compiled = dict(zip(found, _compiled(found, root, see, jobs), strict=True))
        with ThreadPoolExecutor(jobs) as pool:
            work = partial(_guarded, root=root, runner=runner)
            yield from pool.map(lambda case: work(case, compiled[case]), found)


def _compiled(found: Sequence[Case], root: Path, see: Path, jobs: int) -> list[Compiled]:
    """Compile each case in a fork, so that kfp is imported once and modules cannot meet."""
    cases.load_compiler()
    (root / "venvs").mkdir()
    context = multiprocessing.get_context("fork")
    with context.Pool(jobs, maxtasksperchild=1) as pool:
        return pool.map(partial(_prepared, root=root, see=see), found, chunksize=1)


def _prepared(case: Case, root: Path, see: Path) -> Compiled:
    """Make a case's project, and compile the case into it."""
    project = root / case.name
    kfp = importlib.metadata.version("kfp") if case.kind == "light" else ""
    projects.make(project, see, kfp=kfp)
    (project / "build" / "venvs").symlink_to(root / "venvs")  # all steps are the same
    compiled = cases.compile_case(case, project / settings.PACKAGE)
    if not compiled.problem:
        step = steps.get_step("py", project)
        reference = steps.reference(step, settings.load(project, environ={}), project)
        projects.name_images(compiled.package, reference)
        projects.give(project, projects.named(compiled.parameters, reference))
    return compiled


def _guarded(case: Case, compiled: Compiled, root: Path, runner: str) -> Verdict:
    """Judge a case; one that the comparison itself stumbles over differs."""
    try:
        return verdict(case, compiled, root, runner)
    except Exception as error:
        return Verdict(case.name, DIFFER, f"cannot be compared: {type(error).__name__}: {error}")


def verdict(case: Case, compiled: Compiled, root: Path, runner: str) -> Verdict:
    """Run a case and compare it with its record."""
    # What a run here hides in its logs and its record is hidden on both sides.
    mask = Mask(secret_texts(compiled.parameters))
    record = mask.result(json.loads(case.record.read_text(encoding="utf-8")))
    as_process = runner == "process"
    if compiled.problem:
        if record.get("state") == outcomes.NOT_COMPILED:
            return Verdict(case.name, AGREE)
        return Verdict(case.name, DIFFER, f"not compiled here: {compiled.problem}")
    try:
        documents = steps.read_documents(compiled.package)
    except steps.BrokenError:  # as kfp's compiler has left it
        ended = running.run_local(root / case.name, runner, {}, cache=False)
        return _refused(
            case, ended, outcomes.of_record(record, normalising.words({}, addresses=True))
        )
    pipeline = documents[0]["pipelineInfo"]["name"]
    words = normalising.words({}, addresses=not as_process, pipeline=pipeline, run=case.name)
    there = outcomes.of_record(record, words)
    if reason := kubernetes.only_there(case.kind, documents, record, as_process=as_process):
        return Verdict(case.name, ELSEWHERE, reason)
    here = []
    for _ in range(compiled.runs):
        variables = kubernetes.variables(documents)
        ended = running.run_local(root / case.name, runner, variables, cache=compiled.is_cached)
        if ended.folder is None:
            return _refused(case, ended, there)
        here.append(observing.observe(ended.folder, case.name, as_process=as_process))
    found = comparing.differences(there, here)
    return Verdict(case.name, DIFFER if found else AGREE, "; ".join(found))


def _refused(case: Case, ended: running.Ended, there: Sequence[outcomes.Run]) -> Verdict:
    """Judge a case of which nothing was started."""
    if ended.status != running.REFUSED:
        return Verdict(case.name, DIFFER, f"ended with status {ended.status}: {ended.reason}")
    if there[0].state in (outcomes.REFUSED, outcomes.NOT_COMPILED):
        return Verdict(case.name, AGREE)
    why = purposes.reason(ended.reason)
    return Verdict(
        case.name, REFUSED, f"{ended.reason} (on purpose: {why})" if why else ended.reason
    )
