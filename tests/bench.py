"""Measures speed against the references, in pairs in the same run; prints ratios.

``make bench`` runs it. Each row is the median of A/B over alternating pairs, so
that a machine whose speed drifts gives the same figures. Nothing here fails.
"""

import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import bench_runs
from shared.baking import TEMPLATE, bake, environment, make
from shared.jobs import job
from shared.jobs import run as run_job

BIN = Path(sys.executable).parent
PAIRS = 9
Action = Callable[[], Any]


def main() -> None:
    """Print a row per measurement."""
    print(f"{'what':<46} {'ratio':>6} {'goal':>6} {'ms':>8} {'reference ms':>13}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generation(folder)
        project = bake(folder)
        compilation("average", project)
        compilation("training", bake(folder / "training", starter="training"))
        process_step(project, folder)
        docker_step(project, folder)
        bench_runs.average(project, row)
        bench_runs.chain(folder, row)
        bench_runs.side_by_side(folder)
        bench_runs.thousand_tasks(folder)
        bench_runs.gigabyte(folder)
        fifty_images(folder)


def elapsed(action: Action) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def worked(action: Action) -> float:
    """Return the seconds of processor time that the commands of a call take."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    action()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def row(
    what: str,
    action: Action,
    reference: Action,
    goal: float,
    pairs: int = PAIRS,
    clock: Callable[[Action], float] = elapsed,
) -> None:
    action(), reference()  # warm
    times = [(clock(action), clock(reference)) for _ in range(pairs)]
    ratio = statistics.median(a / b for a, b in times)
    ours, theirs = (statistics.median(column) * 1000 for column in zip(*times, strict=True))
    print(f"{what:<46} {ratio:>6.2f} {goal:>6.2f} {ours:>8.1f} {theirs:>13.1f}", flush=True)


def run(*command: object, cwd: Path | None = None) -> None:
    words = [str(word) for word in command]
    subprocess.run(words, check=True, capture_output=True, cwd=cwd, env=environment())


def generation(folder: Path) -> None:
    small = folder / "one-file"
    (small / "{{cookiecutter.name}}").mkdir(parents=True)
    (small / "cookiecutter.json").write_text(json.dumps({"name": "x"}))
    (small / "{{cookiecutter.name}}" / "file").write_text("{{cookiecutter.name}}\n")

    def generate(template: Path, *answers: str) -> Action:
        out = folder / "out"
        words = (BIN / "cookiecutter", "--no-input", "-o", out, template, *answers)

        def action() -> None:
            run(*words)
            shutil.rmtree(out)

        return action

    row("generate the default project / one file", generate(TEMPLATE), generate(small), 1.3)
    row("the same, processor time", generate(TEMPLATE), generate(small), 1.3, clock=worked)
    few, many = (
        generate(TEMPLATE),
        generate(TEMPLATE, "steps=" + ",".join(f"s{i}" for i in range(60))),
    )
    times = [worked(many) - worked(few) for _ in range(PAIRS)]
    print(
        f"{'each further step, processor time':<46} {'':>6} {'2 ms':>6} {statistics.median(times) / 58 * 1000:>8.2f}"
    )


def compilation(name: str, project: Path) -> None:
    def ours() -> None:
        assert make(project, "compile").returncode == 0

    def theirs() -> None:
        run(BIN / "kfp", "dsl", "compile", "--py", "pipeline.py", "--output", "x.yaml", cwd=project)

    row(f"make compile of {name} / kfp dsl compile", ours, theirs, 0.3)
    if name != "average":
        return
    settings = project / "kubernetes.yaml"
    settings.write_text("add: {cpu: 1, memory: 1Gi, env: {A: {secret: b/c}}, timeout: 1h}\n")
    row("make compile with kubernetes.yaml / the same", ours, theirs, 0.3)
    settings.unlink()


def process_step(project: Path, folder: Path) -> None:
    from kfp_workbench.images import layout
    from kfp_workbench.local import venvs
    from kfp_workbench.local.image import Image
    from kfp_workbench.local.processes import Home, ProcessRunner
    from kfp_workbench.project.steps import find_steps

    step = find_steps(project)[0]
    binaries = venvs.python_folder(step, project)
    runner = ProcessRunner({"": Home(binaries, Image.of(layout.read(step, project)))})
    command = _command(folder)
    made = job("", command, folder)
    env = {**environment(), "PYTHONPATH": str(project)}

    def by_hand() -> None:
        words = [str(binaries / "python"), *command[1:]]
        subprocess.run(words, cwd=step.folder, env=env, check=True, capture_output=True)

    row("a process step / the command by hand", _ten(_ours(runner, made)), _ten(by_hand), 1.25)


def docker_step(project: Path, folder: Path) -> None:
    from kfp_workbench.errors import WorkbenchError
    from kfp_workbench.local import engines
    from kfp_workbench.local.containers import ContainerRunner
    from kfp_workbench.project import settings, steps

    try:
        client = engines.connect("docker")
    except WorkbenchError as error:
        print(f"a docker step / docker run: {error}")
        return
    assert make(project, "build").returncode == 0
    image = steps.reference(steps.find_steps(project)[0], settings.load(project), project)
    room = folder / "tmp" / "kfp"
    room.mkdir(parents=True)
    room.chmod(0o777)
    command = _command(Path("/tmp/kfp"))  # in a container
    made = job(image, command, folder, is_rooted=True)
    runner = ContainerRunner(client, "bench")

    def by_hand() -> None:
        run("docker", "run", "--rm", "--entrypoint", "", "-v", f"{room}:/tmp/kfp", image, *command)

    row("a docker step / docker run", _ours(runner, made), by_hand, 1.1)


def fifty_images(folder: Path) -> None:
    """Compare ``make build`` of 50 steps with a loop of ``docker build``, all layers cached."""
    steps = ", ".join(f"s{number}" for number in range(50))
    project = bake(folder / "fifty", starter="blank", steps=steps)
    run(BIN / "python", "-m", "kfp_workbench", "compile", cwd=project)
    ours, theirs = _check(project)
    row("make check of 50 steps again / import kfp", ours, theirs, 0.3)
    row("make check of 50, one changed / import kfp", partial(_changed, project, ours), theirs, 0.3)
    if _no_engine():
        print("50 images / docker build x 50: no container engine answers")
        return

    def built(*arguments: str) -> Action:
        def action() -> None:
            result = make(project, "build", *arguments)
            assert result.returncode == 0, result.stderr

        return action

    def by_hand() -> None:
        for number in range(50):
            words = ("--file", f"steps/s{number}/Dockerfile", "--tag", f"bench/s{number}:x", ".")
            run("docker", "build", *words, cwd=project)

    cold = elapsed(built())
    print(f"{'50 images, cold':<46} {'':>6} {'':>6} {cold * 1000:>8.1f}")
    row("50 images, nothing changed / docker build x 50", built(), by_hand, 0.02, pairs=3)
    one = partial(_changed, project, built())
    row("50 images, one changed / docker build x 50", one, by_hand, 0.1, pairs=3)
    row("50 images, all again / docker build x 50", built("ARGS=--again"), by_hand, 1.1, pairs=3)


def _changed(project: Path, action: Action) -> None:
    """Do something after a change in one step."""
    script = project / "steps" / "s7" / "main.py"
    script.write_text(f"{script.read_text()}\n# {time.time_ns()}\n")
    action()


def _check(project: Path) -> tuple[Action, Action]:
    def ours() -> None:
        run(BIN / "python", "-m", "kfp_workbench", "check", cwd=project)

    def theirs() -> None:
        run(BIN / "python", "-c", "import kfp")

    return ours, theirs


def _no_engine() -> bool:
    from kfp_workbench.errors import WorkbenchError
    from kfp_workbench.local import engines

    try:
        engines.connect("docker")
    except WorkbenchError:
        return True
    return False


def _ours(runner: Any, made: Any) -> Action:
    def action() -> None:
        assert run_job(runner, made)[0] == 0

    return action


def _ten(action: Action) -> Action:
    return lambda: [action() for _ in range(10)]


def _command(folder: Path) -> list[str]:
    context = '{"numbers": [1, 2, 3, 4]}'
    return ["python", "main.py", "--context", context, "--output", f"{folder}/output"]


if __name__ == "__main__":
    main()
