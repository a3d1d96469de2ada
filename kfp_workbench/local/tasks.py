"""What the tasks of a run share: its metadata, its store, its record, and who tells of them."""

from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

from kfp_workbench.local import record, spec
from kfp_workbench.local.allowances import Allowance
from kfp_workbench.local.artifacts import WITHIN, local_path
from kfp_workbench.local.cache import Cache
from kfp_workbench.local.dags import DagRun
from kfp_workbench.local.driver import Begun, DriverError
from kfp_workbench.local.inputs import Identity, Options
from kfp_workbench.local.launcher import Launcher
from kfp_workbench.local.metadata import Artifact, Imported, Metadata
from kfp_workbench.local.places import Place
from kfp_workbench.local.problems import ProblemError
from kfp_workbench.local.runners import Runner
from kfp_workbench.local.scheduler import Scheduler
from kfp_workbench.local.store import Store
from kfp_workbench.local.telling import Teller


class Tasks(NamedTuple):
    """The tasks of one run."""

    pipeline: spec.Pipeline
    metadata: Metadata
    identity: Identity
    scheduler: Scheduler
    launcher: Launcher
    store: Store
    runner: Runner
    folder: Path
    recorder: record.Recorder
    teller: Teller
    cache: Cache
    imported: Imported
    allowances: Mapping[str, Allowance]
    stop: Event

    def options(self, run: DagRun, task: spec.Task, index: int | None) -> Options:
        """Return what the driver of a task is told."""
        component = self.pipeline.component_of(task)
        return Options(self.metadata, self.identity, run.execution, task, component, index)

    def refused(
        self, run: DagRun, task: spec.Task, path: tuple[str, ...], error: DriverError
    ) -> None:
        """Note a task that its driver did not begin."""
        component = self.pipeline.component_of(task)
        kind = "dag" if component.dag is not None else "container"
        noted = record.Task("/".join(path), kind, task.label, self._step(component, task))
        self.recorder.begin(noted)
        self.failed(run, task, noted, "driver", error)

    def failed(
        self, run: DagRun, task: spec.Task, noted: record.Task, where: str, why: ProblemError
    ) -> None:
        """Note and tell that a task has failed, in which of KFP's parts, and why."""
        noted.failed_in, noted.reason, noted.cause = where, str(why), why.code
        self.recorder.end_task(noted, "failed")
        self.teller.failed(run, task, noted)

    def note_inputs(self, noted: record.Task, begun: Begun) -> None:
        """Note what a task was given."""
        noted.inputs = dict(begun.inputs.parameters)
        noted.artifacts_in = self.shown(
            (name, item) for name, several in begun.inputs.artifacts.items() for item in several
        )

    def _step(self, component: spec.Component, task: spec.Task) -> str:
        image = (
            self.pipeline.executors.get(component.executor, {})
            .get("container", {})
            .get("image", "")
        )
        return self.teller.step(image, task) if image else ""

    def files(self, name: str, attempt: int) -> Place:
        """Return the files of an attempt at a task."""
        again = f".{attempt}" if attempt > 1 else ""
        workspace = self.folder / "kfp-workspace"
        root = local_path(self.launcher.root).rstrip("/")
        folder = self.folder / "tasks" / f"{name}{again}"
        return Place(folder, workspace, self.runner.is_rooted, root)

    def meant(self, text: str) -> str:
        """Return the address that a task means by what it was given as one: a process, by a path."""
        path = Path(text)
        if not path.is_relative_to(self.folder / "tasks"):
            return text
        return self.files(path.relative_to(self.folder / "tasks").parts[0], 1).address(text)

    def shown(self, artifacts: Any) -> list[dict[str, Any]]:
        """Return artifacts for the record."""
        return [self._shown(key, artifact) for key, artifact in artifacts]

    def _shown(self, key: str, artifact: Artifact) -> dict[str, Any]:
        metadata = {name: value for name, value in artifact.metadata.items() if name not in WITHIN}
        return {
            "key": key,
            "id": artifact.id,
            "type": artifact.kind,
            "uri": artifact.uri,
            "metadata": metadata,
            "file": self._file(artifact.uri),
        }

    def _file(self, uri: str) -> str:
        path = self.store.known(uri)
        if path is None:
            return ""
        inside = path.is_relative_to(self.folder)
        return path.relative_to(self.folder).as_posix() if inside else str(path)
