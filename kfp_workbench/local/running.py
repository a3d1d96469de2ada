"""`make local`: the project's pipeline on this machine, with its steps and its limits."""

import contextlib
import fcntl
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.images import pushed
from kfp_workbench.local import allowances, cache, jobs, progress, provision, record
from kfp_workbench.local.ahead import Ahead, new_name
from kfp_workbench.local.execution import Run, Setting
from kfp_workbench.local.processes import ProcessRunner
from kfp_workbench.project import steps
from kfp_workbench.project.names import on_screen
from kfp_workbench.project.secrecy import Mask, hide, secret_texts
from kfp_workbench.project.settings import ROOT, Settings

TAIL = 20  # lines of a failed step's log that are shown at the end
KEPT = 20  # runs below build/local/
OBJECTS = Path("objects")  # what importers may ask for: minio/BUCKET/KEY, gcs/…, s3/…


class Prepared:
    """A run that can begin: it is checked, and all that its steps need is there."""

    def __init__(self, project: "_Project", run: Run) -> None:
        self._project, self._run = project, run
        self.folder = run.setting.folder  # with the record of the run, once that has begun

    def run(self) -> dict[str, Any]:
        """Run the pipeline and return its outputs by name.

        Everything that the steps print goes to stderr, and into logs. Raises WorkbenchError (1) when
        a step failed, with the last lines of its log; KeyboardInterrupt after SIGINT or SIGTERM,
        once all is ended.
        """
        with _signals(self._run.stop):
            noted = self._project.execute(self._run, hide(self._run.parameters))
        if noted.state == "interrupted":
            raise KeyboardInterrupt
        if noted.state == "failed":
            raise WorkbenchError(_problem(noted, self.folder))
        return noted.outputs


def prepare(
    package: Path,
    parameters: Mapping[str, Any],
    settings: Settings,
    runner: str,
    root: Path = ROOT,
    mask: Mask | None = None,
    *,
    images: Mapping[str, str] | None = None,
    cache: bool = False,
    ahead: Ahead | None = None,
) -> Prepared:
    """Check a run of a compiled pipeline, and build what it needs.

    ``runner`` is ``process``, ``docker`` or ``auto``; ``images`` has each step's image, where they are
    known; with ``cache`` results of unchanged steps are reused; ``ahead`` has interpreters that were
    started for the run. Nothing that is printed or logged shows what ``mask`` hides: by default the
    parameters whose names look secret. Raises WorkbenchError (2) for what cannot begin.
    """
    if images is None:
        images = pushed.compiled_images(settings, root)
    project = _Project(package, settings, root, runner, images, ahead)
    setting = project.setting(mask or Mask(secret_texts(parameters)), is_caching=cache)
    run = Run(project.documents, parameters, setting)  # checked before anything is built
    run.setting = setting._replace(runner=project.provide(run))
    return Prepared(project, run)


class _Project:
    """What the project gives to a run."""

    def __init__(
        self,
        package: Path,
        settings: Settings,
        root: Path,
        runner: str,
        images: Mapping[str, str],
        ahead: Ahead | None,
    ) -> None:
        self._ahead = ahead
        self._package, self._settings, self._root, self._runner = package, settings, root, runner
        self.documents = documents = steps.read_documents(package)
        executors = (documents[0].get("deploymentSpec") or {}).get("executors") or {}
        containers = {
            label: item["container"] for label, item in executors.items() if "container" in item
        }
        ours = {images[step.name]: step for step in steps.find_steps(root) if step.name in images}
        self._wanted = provision.Wanted(containers, ours, settings, root)
        self._progress = progress.make(lambda: progress.places(documents[0]))
        self._allowances = allowances.of(documents)
        self._name = ahead.name if ahead else new_name()

    def setting(self, mask: Mask, *, is_caching: bool) -> Setting:
        """Return the setting of a run, with a runner that runs nothing yet."""
        ours = self._wanted.ours
        return Setting(
            self._root / record.RUNS / self._name,
            ProcessRunner({}),
            title=self._settings.display_name,
            jobs=jobs.at_once(),
            cache=self._root if is_caching else None,
            objects=self._root / OBJECTS,
            project=self._root.absolute(),
            steps={image: step.name for image, step in ours.items()},
            contents={
                image: steps.content_tag(step, self._settings, self._root)
                for image, step in (ours.items() if is_caching else ())
            },
            progress=self._progress,
            mask=mask,
        )

    def provide(self, run: Run) -> Any:
        """Return what runs the containers, once all that it needs is there."""
        say = self._progress.say
        wanted = self._wanted._replace(models=run.models())
        runner = provision.provide(
            self._runner, wanted, run_id=self._name, say=say, ahead=self._ahead
        )
        if without := allowances.left_out(self._allowances, runner.held):
            say(without)
        return runner

    def execute(self, run: Run, shown: Mapping[str, Any]) -> record.Run:
        """Run the pipeline, in a folder of its own."""
        folder = run.setting.folder
        kind = run.setting.runner.kind
        if run.setting.cache is not None:
            version = "" if kind == "docker" else ".".join(map(str, sys.version_info[:3]))
            kept = cache.open_folder(self._root / "build" / "cache" / f"{kind}{version}")
            run.setting = run.setting._replace(cache=kept)
        new_folder(folder)
        (folder / record.PACKAGE).write_bytes(self._package.read_bytes())
        run.shown = shown
        try:
            with held(folder):
                noted = run.execute()
        finally:
            self._progress.close()
            run.setting.runner.close(folder)
            remove_old(folder.parent)
        if noted.state == "failed":
            self._show_log(noted, folder)
        return noted

    def _show_log(self, noted: record.Run, folder: Path) -> None:
        """Show a failed step's last lines, if they are not there."""
        task = first_failure(noted)
        if task is None or not task.log or self._progress.last.split(" (")[0] == task.step:
            return
        print(f"\nThe last lines of {task.step}:", file=sys.stderr)
        for line in last_lines(folder / task.log, TAIL):
            print(f"  {on_screen(line)}", file=sys.stderr)


def first_failure(noted: record.Run) -> record.Task | None:
    """Return the task that failed first; None where none did."""
    failed = [task for task in noted.tasks if task.failed_in]
    ended = sorted(failed, key=lambda task: task.started + task.seconds)
    return ended[0] if ended else None


def _problem(noted: record.Run, folder: Path) -> str:
    task = first_failure(noted)
    if task is None or not task.log:
        return noted.error
    name = f"step {task.step}" if task.step else task.label
    where = os.path.relpath(folder / task.log)
    said = f" {task.reason}" if task.failed_in == "command" else f": {task.reason}"
    return f"{name}{said}: all it said is in {where}"


def new_folder(folder: Path) -> None:
    """Make the folder of a run."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # outputs may be secret
    folder.mkdir()


def remove_old(runs: Path) -> None:
    """Remove the folders of old runs, but for those that still run, or that another run removes."""
    for old in sorted(path for path in runs.iterdir() if path.is_dir())[:-KEPT]:
        with contextlib.suppress(OSError), held(old, fcntl.LOCK_EX | fcntl.LOCK_NB):
            files.remove(old)


@contextlib.contextmanager
def held(folder: Path, how: int = fcntl.LOCK_SH) -> Iterator[None]:
    """Hold a run's folder while it is needed, where the file system can tell others of that.

    Raises BlockingIOError where somebody else holds it, and it is not to be waited for; another
    OSError where it cannot be opened.
    """
    number = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(number, how)
        except BlockingIOError:
            raise
        except OSError:
            pass
        yield
    finally:
        os.close(number)


def last_lines(log: Path, count: int, size: int = 64 * 1024) -> list[str]:
    """Return the last lines of a file, at most ``size`` bytes of it."""
    if not log.is_file():
        return []
    with log.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - size))
        text = file.read().decode(errors="replace")
    return text.splitlines()[-count:]


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
