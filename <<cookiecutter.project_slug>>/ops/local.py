"""Runs the compiled pipeline on this machine; KFP's own orchestrator does the graph."""

import ops.light_kfp  # isort: skip  # noqa: F401  # before kfp: spares its client

import contextlib
import io
import logging
import os
import shutil
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from kfp import local
from kfp.components import load_component_from_file
from kfp.local import status, subprocess_task_handler

from ops import images, orchestration, runners, steps, venvs
from ops.errors import OpsError
from ops.names import uncoloured
from ops.settings import ROOT, Settings

TAIL = 20  # lines of a failed step's log that are shown at the end
KEPT = 20  # runs below build/local/


def run_pipeline(
    package: Path,
    parameters: Mapping[str, Any],
    settings: Settings,
    runner: str,
    root: Path = ROOT,
) -> dict[str, Any]:
    """Run a compiled pipeline and return its outputs by name.

    ``runner`` is ``process``, ``docker`` or ``auto``. Everything that the steps and
    kfp print goes to stderr. Raises OpsError (1) when a step failed, with the last
    lines of its log; KeyboardInterrupt after SIGINT or SIGTERM, once all is ended.
    """
    run = _Run(package, settings, runner, root)
    with run.seam(), orchestration.corrected(), _signals(run.stop):
        try:
            outputs = _execute(package, parameters, run.folder)
        except Exception as error:
            run.explain(error)
            raise
    if run.stop.is_set():
        raise KeyboardInterrupt
    run.explain(None)
    return outputs


class _Run:
    """One run: its folder, its runner, and what became of its tasks."""

    def __init__(self, package: Path, settings: Settings, runner: str, root: Path) -> None:
        self.stop = threading.Event()
        self.failed: list[tuple[str, int, Path]] = []
        self._count = 0
        self._last = ""  # whose line was printed last
        self._lock = threading.Lock()
        compiled = images.compiled_images(settings, root)
        self._steps = {compiled[step.name]: step for step in steps.find_steps(root)}
        started = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")
        self.folder = root / "build" / "local" / started
        self.folder.mkdir(parents=True)
        for old in sorted(self.folder.parent.iterdir())[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        used = sorted(steps.used_images(package))
        client = _client(runner, settings)
        if client is None:
            self._say(f"running {settings.name} as processes (RUNNER=process)")
            self._run_task = self._processes(used, root)
        else:
            self._say(f"running {settings.name} in containers (RUNNER=docker)")
            self._provide_images(client, used, settings, root)
            rootless = runners.is_rootless(client)
            self._run_task = runners.container_runner(client, rootless, started)

    def _processes(self, used: list[str], root: Path) -> runners.Runner:
        """Return a runner with the environments of all steps made: they may run at once."""
        ours = {image: step for image, step in self._steps.items() if image in used}
        places = {
            image: (step.folder, venvs.python_folder(step, root)) for image, step in ours.items()
        }
        return runners.process_runner(places, root)

    def _provide_images(self, client: Any, used: list[str], settings: Settings, root: Path) -> None:
        for image in used:
            if runners.has_image(client, image):
                continue
            if image in self._steps and "@" not in image:
                images.build([self._steps[image]], settings, root, again=True)
            else:
                self._say(f"pulling {image}")
                runners.pull(client, image)

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

    def _handler(
        self,
        image: str,
        full_command: list[str],
        pipeline_root: str,
        runner: Any,
        env_vars: dict[str, str] | None = None,
    ) -> Any:
        return _Handler(self, image, full_command, env_vars or {})

    def task(self, image: str, command: list[str], environment: dict[str, str]) -> int:
        """Run one task and return its exit status."""
        name = self._steps[image].name if image in self._steps else image
        with self._lock:
            self._count += 1
            log = self.folder / "logs" / f"{self._count:03d}-{Path(name).name}.log"
        log.parent.mkdir(exist_ok=True)
        if self.stop.is_set():
            return 130
        self._say(f"{name}: started")
        began = time.monotonic()
        task = runners.Task(name, image, command, environment, self.folder, log)
        with log.open("w", encoding="utf-8") as file:
            code = self._guarded(task, self._writer(name, file))
        seconds = time.monotonic() - began
        if code:
            self.failed.append((name, code, log))
        self._say(f"{name}: {'failed' if code else 'succeeded'} after {seconds:.2f} s")
        return code

    def _guarded(self, task: runners.Task, write: Callable[[str], None]) -> int:
        try:
            return self._run_task(task, write, self.stop)
        except OpsError as error:
            write(str(error))
            return 125

    def _writer(self, name: str, file: io.TextIOBase) -> Callable[[str], None]:
        def write(line: str) -> None:
            file.write(f"{line}\n")
            with self._lock:
                self._last = name
                print(f"         {name} | {line}", file=sys.stderr, flush=True)

        return write

    def _say(self, text: str) -> None:
        with self._lock:
            print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def explain(self, error: BaseException | None) -> None:
        """Raise what the run came to: an interruption, a failed step, or kfp's own refusal."""
        if self.stop.is_set():
            raise KeyboardInterrupt from None
        if self.failed:
            name, code, log = self.failed[0]
            if self._last != name:  # else they are the last lines on the screen already
                lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:]
                print(f"\nThe last lines of {name}:", file=sys.stderr)
                print("\n".join(f"  {line}" for line in lines), file=sys.stderr)
            where = os.path.relpath(log)
            raise OpsError(
                f"step {name} failed with exit status {code}: all it said is in {where}"
            ) from None
        if error is not None and not isinstance(error, OpsError):
            reason = " ".join(uncoloured(str(error)).split())
            raise OpsError(f"the run failed: {reason}") from error


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
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs: dict[str, Any] = pipeline(**parameters).outputs
    finally:
        logging.getLogger().removeFilter(doubts)
    if doubts.messages:
        raise OpsError(
            f"kfp cannot evaluate this pipeline locally ({doubts.messages[0]}): make run"
        )
    return {name: getattr(value, "uri", value) for name, value in outputs.items()}


class _Doubts(logging.Filter):
    """Collects what kfp's orchestrator could not resolve; it goes on all the same.

    A condition on such a value counts as false there, and the run as a success.
    """

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Note a warning of the orchestrator, and let nothing but warnings through."""
        serious = record.levelno >= logging.WARNING
        if serious and "orchestrator" in record.pathname:
            self.messages.append(" ".join(record.getMessage().split()))
        return serious


def _client(runner: str, settings: Settings) -> Any:
    """Return the engine's client, or None where steps run as processes."""
    if runner == "process":
        return None
    try:
        return runners.connect(settings.docker)
    except OpsError:
        if runner == "auto":
            return None
        raise


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
