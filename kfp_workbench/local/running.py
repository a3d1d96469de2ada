"""Runs the compiled pipeline on this machine; KFP's own orchestrator does the graph."""

import kfp_workbench.pipeline.light_kfp  # isort: skip  # noqa: F401  # before kfp: spares its client

import contextlib
import io
import logging
import os
import re
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from kfp import local
from kfp.components import load_component_from_file
from kfp.local import logging_utils, status, subprocess_task_handler

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.images import pushed
from kfp_workbench.local import (
    allowances,
    artifacts,
    attempts,
    caching,
    orchestration,
    progress,
    provision,
    record,
    runners,
)
from kfp_workbench.project import steps
from kfp_workbench.project.names import uncoloured
from kfp_workbench.project.secrecy import Mask, hide, secret_texts
from kfp_workbench.project.settings import ROOT, Settings

TAIL = 20  # lines of a failed step's log that are shown at the end
KEPT = 20  # runs below build/local/
_ITERATION = re.compile(r"-iteration-[0-9]+$")  # kfp puts it at the end of a loop's name


def run_pipeline(
    package: Path,
    parameters: Mapping[str, Any],
    settings: Settings,
    runner: str,
    root: Path = ROOT,
    mask: Mask | None = None,
    *,
    cache: bool = False,
    closing: Callable[[str], object] = lambda line: None,
) -> dict[str, Any]:
    """Run a compiled pipeline and return its outputs by name.

    ``runner`` is ``process``, ``docker`` or ``auto``; with ``cache`` results of unchanged steps
    are reused. Everything that the steps and kfp print goes to stderr, and into logs, both without
    what ``mask`` hides: by default the parameters whose names look secret. A report of the run is
    written; ``closing`` gets the line that says where, to be the last one. Raises WorkbenchError (1)
    when a step failed, with the last lines of its log; KeyboardInterrupt after SIGINT or SIGTERM,
    once all is ended.
    """
    run = _Run(package, parameters, settings, runner, root, mask or Mask(secret_texts(parameters)))
    reused = run.reusing() if cache else contextlib.nullcontext()
    waits = attempts.ended_by(run.stop)
    try:
        with run.seam(), orchestration.corrected(run.observe), reused, waits, _signals(run.stop):
            outputs = _execute(package, parameters, run.folder)
        if run.stop.is_set():
            raise KeyboardInterrupt
        if run.failed:
            raise run.failure()
    except Exception as error:
        problem = run.problem(error)
        run.end("failed" if isinstance(problem, WorkbenchError) else "interrupted", str(problem))
        raise problem from error
    except KeyboardInterrupt:
        run.end("interrupted", "interrupted")
        raise
    else:
        run.end("succeeded", outputs=outputs)
    finally:
        closing(run.report())
    return outputs


class _Run:
    """One run: its folder, its runner, and what became of its tasks."""

    def __init__(
        self,
        package: Path,
        parameters: Mapping[str, Any],
        settings: Settings,
        runner: str,
        root: Path,
        mask: Mask,
    ) -> None:
        self.stop = threading.Event()
        self._mask = mask
        self.failed: list[tuple[str, int, Path]] = []
        self._root = root
        self._count = 0
        self._lock = threading.Lock()
        self._now = threading.local()  # the task that a thread executes
        compiled = steps.read_yaml(package)
        executors = compiled["deploymentSpec"]["executors"]
        self._images = {
            label: executor["container"]["image"]
            for label, executor in executors.items()
            if "container" in executor
        }
        references = pushed.compiled_images(settings, root)
        self._steps = {references[step.name]: step for step in steps.find_steps(root)}
        self._tags = {
            image: steps.content_tag(step, settings, root) for image, step in self._steps.items()
        }
        started = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")
        self._progress = progress.make(progress.places(compiled))
        used = sorted(set(self._images.values()))
        self._provided = provision.provide(
            runner, used, self._steps, settings, root, run_id=started, say=self._progress.say
        )
        self._allowances = allowances.read(package)
        if without := allowances.left_out(self._allowances, self._provided.held):
            self._progress.say(without)
        self.folder = _new_folder(root / record.RUNS, started)
        shutil.copyfile(package, self.folder / record.PACKAGE)
        given = hide({**_defaults(compiled), **parameters})
        given = {name: record.small(value) for name, value in given.items()}
        run = record.Run(settings.name, settings.display_name, self._provided.kind, given)
        self._recorder = record.Recorder(run, self.folder, mask)

    @contextlib.contextmanager
    def seam(self) -> Iterator[None]:
        """Let kfp's local orchestrator hand its tasks to this run.

        kfp looks its handler up by this attribute at every task
        (kfp.local.task_dispatcher); a test says so clearly when a release moves it.
        """
        original = subprocess_task_handler.SubprocessTaskHandler
        subprocess_task_handler.SubprocessTaskHandler = self._handler
        try:
            yield
        finally:
            subprocess_task_handler.SubprocessTaskHandler = original

    def reusing(self) -> contextlib.AbstractContextManager[None]:
        """Let kfp reuse what unchanged steps gave in earlier runs of the same kind."""
        kind = self._provided.kind
        version = "" if kind == "docker" else ".".join(map(str, sys.version_info[:3]))
        folder = self._root / "build" / "cache" / f"{kind}{version}"
        return caching.reusing(folder, self._tags, self._variables, self._progress.say)

    def _variables(self) -> dict[str, str]:
        """Return what the task of this thread is given beside its compiled variables."""
        allowance: allowances.Allowance = self._now.allowance
        return allowance.environment()

    def _handler(
        self,
        image: str,
        full_command: list[str],
        pipeline_root: str,
        runner: Any,
        env_vars: dict[str, str] | None = None,
    ) -> Any:
        return _Handler(self, image, full_command, env_vars or {})

    @contextlib.contextmanager
    def observe(self, execution: orchestration.Execution) -> Iterator[orchestration.Tell]:
        """Follow one task, be it executed or reused."""
        image = self._images.get(execution.executor, "")
        name = self._steps[image].name if image in self._steps else image or execution.label
        place = tuple(_ITERATION.sub("", part) for part in execution.path)
        task = record.Task(list(execution.path), execution.label, name)
        self._now.task, self._now.place, self._now.folder = task, place, execution.folder
        self._now.attempts = attempts.Attempts(execution.retries)
        self._now.allowance = self._allowances.get(execution.executor, allowances.UNLIMITED)

        def tell(outputs: Mapping[str, Any]) -> None:
            task.parameters, task.artifacts = record.outputs_of(outputs)
            task.state = "cached" if task.status is None and image else "succeeded"

        try:
            with self._recorder.task(task):
                yield tell
        finally:
            if self.stop.is_set() and task.state == "failed":
                task.state = "interrupted"
            self._progress.ended(place, name, task.state, task.seconds)

    def task(self, image: str, command: list[str], environment: dict[str, str]) -> int:
        """Run a task's command once and return its exit status."""
        noted: record.Task = self._now.task
        tried: attempts.Attempts = self._now.attempts
        tried.begin()
        with self._lock:
            self._count += 1
            log = self.folder / "logs" / f"{self._count:03d}-{Path(noted.step).name}.log"
        log.parent.mkdir(exist_ok=True)
        if not noted.log:  # else it is tried once more
            self._progress.begun(self._now.place, noted.step)
        noted.log = log.relative_to(self.folder).as_posix()
        if self.stop.is_set():
            return 130
        allowance: allowances.Allowance = self._now.allowance
        task = runners.Task(noted.step, image, command, environment, self.folder, log, allowance)
        with log.open("w", encoding="utf-8") as file:
            artifacts.link_log(log, self._now.folder)
            code = self._guarded(task, self._writer(noted.step, file))
        noted.status = int(code)
        if code and tried.is_last:
            self.failed.append((noted.step, code, log))
        elif code:
            within = ", ".join(part for part in noted.path if _ITERATION.search(part))
            name = f"{noted.step} ({within})" if within else noted.step
            self._progress.say(f"{name}: {runners.outcome(code)}, {tried.what_follows}")
        return code

    def _guarded(self, task: runners.Task, write: Callable[[str], None]) -> int:
        try:
            return self._provided.run(task, write, self.stop)
        except WorkbenchError as error:
            write(str(error))
            return 125

    def _writer(self, name: str, file: io.TextIOBase) -> Callable[[str], None]:
        def write(line: str) -> None:
            line = self._mask(line)
            file.write(f"{line}\n")
            self._progress.line(name, line)

        return write

    def problem(self, error: Exception) -> BaseException:
        """Return what the run came to: an interruption, a failed step, or kfp's own refusal."""
        if self.stop.is_set():
            return KeyboardInterrupt()
        if self.failed:
            return self.failure()
        reason = str(error)
        if not isinstance(error, WorkbenchError):
            reason = f"the run failed: {' '.join(uncoloured(reason).split())}"
        return WorkbenchError(self._mask(reason), getattr(error, "status", 1))

    def failure(self) -> WorkbenchError:
        """Return the error of the step that failed first."""
        name, code, log = self.failed[0]
        where = os.path.relpath(log)
        return WorkbenchError(f"step {name} {runners.outcome(code)}: all it said is in {where}")

    def end(self, state: str, error: str = "", outputs: Mapping[str, Any] | None = None) -> None:
        """End the display and the record; show a failed step's last lines, if they are not there."""
        self._progress.close()
        self._recorder.end(state, error, outputs)
        if state == "failed" and self.failed:
            name, _, log = self.failed[0]
            if self._progress.last != name:
                print(f"\nThe last lines of {name}:", file=sys.stderr)
                print("\n".join(f"  {line}" for line in last_lines(log, TAIL)), file=sys.stderr)

    def report(self) -> str:
        """Write the report of the run and return where it is; without one, why."""
        from kfp_workbench import report

        try:
            return report.write(self._root, self.folder)
        except Exception as error:  # the run's own result must not depend on it
            return f"note: no report was written ({type(error).__name__}: {error})"


def _defaults(compiled: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a compiled pipeline has defaults for."""
    declared = compiled["root"].get("inputDefinitions", {}).get("parameters", {})
    return {name: item["defaultValue"] for name, item in declared.items() if "defaultValue" in item}


def _new_folder(runs: Path, name: str) -> Path:
    """Make the folder of a run, and remove those of old ones."""
    folder = runs / name
    runs.mkdir(mode=0o700, parents=True, exist_ok=True)  # outputs may be secret
    folder.mkdir()
    for old in sorted(path for path in runs.iterdir() if path.is_dir())[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def last_lines(log: Path, count: int, size: int = 64 * 1024) -> list[str]:
    """Return the last lines of a file, at most ``size`` bytes of it."""
    with log.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - size))
        text = file.read().decode(errors="replace")
    return text.splitlines()[-count:]


class _Handler:
    """What kfp's orchestrator calls for one task (kfp.local.task_handler_interface)."""

    def __init__(
        self, run: _Run, image: str, command: list[str], environment: dict[str, str]
    ) -> None:
        self._call: Callable[[], int] = lambda: run.task(image, command, environment)

    def run(self) -> Any:
        """Run the task."""
        return status.Status.FAILURE if self._call() else status.Status.SUCCESS


def _execute(package: Path, parameters: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=str(folder),
        raise_on_error=True,
    )
    pipeline = load_component_from_file(str(package))
    orchestration.refuse_uncertain(pipeline.pipeline_spec)
    doubts = _Doubts()
    logging.getLogger().addFilter(doubts)
    try:
        with contextlib.redirect_stdout(io.StringIO()), _left_alone(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs: dict[str, Any] = pipeline(**parameters).outputs
    finally:
        logging.getLogger().removeFilter(doubts)
    if doubts.messages:
        raise WorkbenchError(
            f"kfp cannot evaluate this pipeline locally ({doubts.messages[0]}): make run"
        )
    return {name: _result(value) for name, value in outputs.items()}


def _result(value: Any) -> Any:
    """Return an output as JSON has it: an artifact's address for the artifact."""
    return (
        [_result(item) for item in value]
        if isinstance(value, list)
        else getattr(value, "uri", value)
    )


@contextlib.contextmanager
def _left_alone() -> Iterator[None]:
    """Keep kfp from replacing print and the log's handlers while it runs a task.

    In a loop's threads it puts them back in another order: what is printed later is indented.
    """
    names = ("indented_print", "local_logger_context")
    before = {name: getattr(logging_utils, name) for name in names}
    for name in names:
        setattr(logging_utils, name, contextlib.nullcontext)
    try:
        yield
    finally:
        for name, original in before.items():
            setattr(logging_utils, name, original)


class _Doubts(logging.Filter):
    """Collects what kfp's orchestrator could not resolve; it goes on all the same.

    A condition on such a value counts as false there, and the run as a success.
    """

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Note a warning of the orchestrator; nothing is printed, as all ends in the run's result."""
        if record.levelno >= logging.WARNING and "orchestrator" in record.pathname:
            self.messages.append(" ".join(record.getMessage().split()))
        return False


@contextlib.contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    """On SIGINT or SIGTERM set ``stop``; the tasks end, are cleared away, and the run fails."""

    def handle(number: int, frame: object) -> None:
        stop.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    heeded = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
