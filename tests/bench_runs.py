"""Measures whole local runs: against the steps' own commands, side by side, and with many tasks."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kfp_workbench.local.execution import Run, Setting
from kfp_workbench.local.places import Place
from kfp_workbench.local.processes import Home, ProcessRunner
from kfp_workbench.local.store import Store
from shared.baking import bake, environment, make
from shared.flows import Flow, Maker, constant, task

Action = Callable[[], Any]
Row = Callable[..., None]
GIGABYTE = 2**30


def average(project: Path, row: Row) -> None:
    """Compare `make local` of the example, all of it, with its two commands."""
    ours, theirs = _run_and_commands(project, '{"numbers": [1, 2, 3, 4]}')

    def all_of_it() -> None:
        assert make(project, "local", "RUNNER=process").returncode == 0

    row("a local run of the example / its commands", ours, theirs, 1.25)
    row("make local of the example / its commands", all_of_it, theirs, 1.25)


def chain(folder: Path, row: Row) -> None:
    """Compare a local run of six steps, each of which waits for the one before, with their commands."""
    project = bake(folder / "chain", starter="blank", steps="a, b, c, d, e, f")
    row("a local run of a chain of six / its commands", *_run_and_commands(project, "{}"), 1.25)


def _run_and_commands(project: Path, context: str) -> tuple[Action, Action]:
    """Return what runs a project's pipeline, and what runs its steps' own commands one by one."""
    from kfp_workbench.local import venvs
    from kfp_workbench.project.steps import find_steps

    assert make(project, "local", "RUNNER=process").returncode == 0
    steps = [(step, venvs.python_folder(step, project)) for step in find_steps(project)]
    env = {**environment(), "PYTHONPATH": str(project)}
    out = project / "build" / "by-hand"

    def ours() -> None:
        words = [sys.executable, "-m", "kfp_workbench", "local", "--runner", "process"]
        subprocess.run(words, cwd=project, env=environment(), check=True, capture_output=True)

    def theirs() -> None:
        given = context
        for step, binaries in steps:
            words = [str(binaries / "python"), "main.py", "--context", given]
            words += ["--output", str(out / step.name)]
            subprocess.run(words, cwd=step.folder, env=env, check=True, capture_output=True)
            given = (out / step.name).read_text()

    return ours, theirs


def side_by_side(folder: Path) -> None:
    """Run eight independent steps of a second on two cores."""
    flow = Flow()
    tasks = {f"t{n}": task(flow.container([]), {"text": constant("x")}) for n in range(8)}
    code = "import sys, time; time.sleep(1); open(sys.argv[1], 'w').write('x')"
    binaries = folder / "bin"
    binaries.mkdir()
    made = binaries / "make"
    made.write_text(f"#!{sys.executable}\n{code}\n")
    made.chmod(0o755)
    runner = ProcessRunner({"image": Home(binaries)})
    seconds = _run(flow.documents(tasks), folder / "eight", runner, 2)
    print(
        f"{'eight steps of a second on two cores':<46} {seconds / 8:>6.2f} {0.6:>6.2f} {seconds * 1000:>8.1f}"
    )


def thousand_tasks(folder: Path) -> None:
    """Schedule tasks that do nothing but write their output."""
    flow = Flow()
    component = flow.container([])
    tasks = {f"t{n}": task(component, {"text": constant("x")}) for n in range(1000)}
    seconds = _run(flow.documents(tasks), folder / "thousand", Maker(), 2)
    print(f"{'the scheduler, each of 1,000 tasks':<46} {'':>6} {'5 ms':>6} {seconds:>8.2f}")


def gigabyte(folder: Path) -> None:
    """Hand a gigabyte from one step to the next."""
    source, room = folder / "gigabyte", folder / "room"
    with source.open("wb") as file:
        for _ in range(1024):
            file.write(os.urandom(2**20))
    store, uri = Store(None), "minio://mlpipeline/v2/artifacts/p/r/t/u/a"
    store.keep(uri, source)
    began = time.perf_counter()
    store.fetch(uri, "/minio/mlpipeline/v2/artifacts/p/r/t/u/a", Place(room, room, False))
    taken = time.perf_counter() - began
    began = time.perf_counter()
    shutil.copyfile(source, folder / "copy")
    copied = time.perf_counter() - began
    print(
        f"{'a gigabyte between two steps / a copy':<46} {taken / copied:>6.2f} {1.0:>6.2f} {taken * 1000:>8.1f}"
    )
    source.unlink()
    (folder / "copy").unlink()


def _run(documents: list[Any], folder: Path, runner: Any, jobs: int) -> float:
    folder.mkdir()
    run = Run(documents, {}, Setting(folder, runner, jobs=jobs))
    began = time.perf_counter()
    assert run.execute().state == "succeeded"
    return time.perf_counter() - began
