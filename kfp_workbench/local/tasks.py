"""What the scheduler has done: drivers, launchers and importers, and a record of each task."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import driver, importer, record, spec
from kfp_workbench.local.allowances import UNLIMITED, Allowance
from kfp_workbench.local.artifacts import SESSION, WITHIN, schema
from kfp_workbench.local.attempts import Attempts
from kfp_workbench.local.cache import Cache, Entry
from kfp_workbench.local.dags import DagRun, Phase
from kfp_workbench.local.driver import Begun, DriverError
from kfp_workbench.local.inputs import Identity, Place
from kfp_workbench.local.launcher import Launcher, Result
from kfp_workbench.local.metadata import CACHED, COMPLETE, FAILED, Artifact, Metadata
from kfp_workbench.local.places import Place as Files
from kfp_workbench.local.problems import ProblemError
from kfp_workbench.local.runners import Job, Runner
from kfp_workbench.local.scheduler import Ended, Scheduler
from kfp_workbench.local.store import Shared, Store
from kfp_workbench.local.telling import Teller


@dataclass
class Tasks:
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
    imported: importer.Imported
    allowances: Mapping[str, Allowance]
    stop: Event

    def place(self, run: DagRun, task: spec.Task, index: int | None) -> Place:
        """Return what the driver of a task is told."""
        component = self.pipeline.component_of(task)
        return Place(self.metadata, self.identity, run.execution, task, component, index)

    def dag_begun(self, run: DagRun, task: spec.Task, begun: Begun, path: tuple[str, ...]) -> None:
        """Note a DAG; its state is the metadata's, in the end."""
        noted = record.Task("/".join(path), "dag", task.label, "")
        self._note_inputs(noted, begun)
        noted.iterations = begun.execution.iterations
        self.recorder.begin(noted)
        if begun.triggers:
            self.recorder.follow(noted, lambda: _DAG_STATES[begun.execution.state])
        else:
            self.recorder.end_task(noted, "skipped")

    def refused(self, run: DagRun, task: spec.Task, path: tuple[str, ...], error: DriverError) -> None:
        """Note a task that its driver did not begin."""
        component = self.pipeline.component_of(task)
        kind = "dag" if component.dag is not None else "container"
        noted = record.Task("/".join(path), kind, task.label, self._step(component))
        self.recorder.begin(noted)
        self._failed(run, task, noted, "driver", error)

    def execute(self, run: DagRun, task: spec.Task, ended: Ended) -> None:
        """Begin a container's task, or an importer's."""
        component = self.pipeline.component_of(task)
        executor = self.pipeline.executors[component.executor]
        if "importer" in executor:
            ended(self._import(run, task, component, executor["importer"]))
            return
        _Container(self, run, task, component, executor["container"], ended).begin()

    def _import(
        self, run: DagRun, task: spec.Task, component: spec.Component, what: Mapping[str, Any]
    ) -> Phase:
        noted = record.Task("/".join((*run.path, task.label)), "importer", task.label, "")
        self.recorder.begin(noted)
        try:
            execution, artifact = importer.run(
                self.metadata, run.execution, task, component, what, self.imported
            )
            if artifact.is_in_workspace:
                importer.fetch(artifact, self.store, self.files("importer", 1))
        except importer.ImporterError as error:
            self._failed(run, task, noted, "launcher", error)
            return Phase.FAILED
        noted.artifacts_out = self.shown(execution.output_artifacts.items())
        self.recorder.end_task(noted, "succeeded")
        self.teller.ended(run, task, noted)
        return Phase.SUCCEEDED

    def _failed(self, run: DagRun, task: spec.Task, noted: record.Task, where: str, why: ProblemError) -> None:
        noted.failed_in, noted.reason, noted.cause = where, str(why), why.code
        self.recorder.end_task(noted, "failed")
        self.teller.failed(run, task, noted)

    def _note_inputs(self, noted: record.Task, begun: Begun) -> None:
        noted.inputs = dict(begun.inputs.parameters)
        noted.artifacts_in = self.shown(
            (name, item) for name, several in begun.inputs.artifacts.items() for item in several
        )

    def _step(self, component: spec.Component) -> str:
        image = self.pipeline.executors.get(component.executor, {}).get("container", {}).get("image", "")
        return self.teller.step(image)

    def files(self, name: str, attempt: int) -> Files:
        """Return the files of an attempt at a task."""
        again = f".{attempt}" if attempt > 1 else ""
        workspace = self.folder / "kfp-workspace"
        return Files(self.folder / "tasks" / f"{name}{again}", workspace, self.runner.is_rooted)

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


_DAG_STATES = {COMPLETE: "succeeded", FAILED: "failed", "RUNNING": "unfinished"}


class _Container:
    """One task with a container, from its driver to its end."""

    def __init__(
        self,
        tasks: Tasks,
        run: DagRun,
        task: spec.Task,
        component: spec.Component,
        container: Mapping[str, Any],
        ended: Ended,
    ) -> None:
        self._tasks, self._run, self._task = tasks, run, task
        self._component, self._container, self._ended = component, container, ended
        self._path = (*run.path, task.name)
        self._attempts = Attempts(task.retry)
        self._entry: Entry | None = None
        self._begun: Begun
        self._noted: record.Task
        self._image = ""

    def begin(self) -> None:
        """Drive the task, and run it, if it is to be run."""
        tasks = self._tasks
        try:
            place = tasks.place(self._run, self._task, None)
            begun = driver.container(place, self._container, tasks.pipeline.name)
        except DriverError as error:
            tasks.refused(self._run, self._task, self._path, error)
            self._ended(Phase.UNBEGUN)
            return
        self._begun = begun
        self._noted = record.Task("/".join(self._path), "container", self._task.label, "")
        tasks._note_inputs(self._noted, begun)
        tasks.recorder.begin(self._noted)
        if not begun.triggers:
            tasks.recorder.end_task(self._noted, "skipped")
            self._ended(Phase.SKIPPED)
            return
        if self._task.caches:
            self._entry = tasks.cache.entry(self._component, self._container, begun)
            if self._reused():
                return
        self._queue()

    def _reused(self) -> bool:
        tasks, execution = self._tasks, self._begun.execution
        found = tasks.cache.find(self._entry)
        if found is None:
            return False
        for artifact, path in found.files:
            tasks.store.put(artifact.uri, path)
        execution.outputs, execution.output_artifacts = found.parameters, found.artifacts
        execution.state = CACHED
        self._noted.step = tasks.teller.step(str(self._container["image"]))
        self._note_outputs()
        tasks.recorder.end_task(self._noted, "reused")
        tasks.teller.reused(self._run, self._task, self._noted, found.changed)
        self._ended(Phase.SUCCEEDED)
        return True

    def _queue(self) -> None:
        """Resolve the command line, and have it run when there is room."""
        try:
            self._image = driver.resolve_image(self._begun, self._container)
            driver.resolve_command(self._begun, self._container)
        except DriverError as error:
            self._noted.step = self._tasks.teller.step(self._image)
            self._tasks._failed(self._run, self._task, self._noted, "driver", error)
            self._ended(Phase.UNBEGUN)
            return
        self._noted.step = self._tasks.teller.step(self._image)
        self._submit()

    @property
    def _allowance(self) -> Allowance:
        return self._tasks.allowances.get(self._component.executor, UNLIMITED)

    def _submit(self) -> None:
        weight = (self._allowance.cpu or 1) if "cpu" in self._tasks.runner.held else 1
        self._tasks.scheduler.submit(weight, self._work)

    def _work(self) -> Any:
        """Run the task once; in a thread of its own."""
        result = self._attempt()
        return lambda: self._done(result)

    def _attempt(self) -> Result:
        tasks = self._tasks
        self._attempts.begin(time.monotonic())
        name = tasks.teller.begun(self._run, self._task, self._noted, self._attempts.number)
        files = tasks.files(name, self._attempts.number)
        self._noted.folder = files.folder.relative_to(tasks.folder).as_posix()
        self._noted.attempts = self._attempts.number
        variables = {"KFP_POD_NAME": f"{tasks.identity.resource_name}-{name}", "KFP_POD_UID": name}
        variables |= {item["name"]: str(item.get("value", "")) for item in self._container.get("env", [])}
        try:
            return tasks.launcher.launch(
                self._begun, self._component, variables, files, self._attempts.number - 1, self._command
            )
        except (WorkbenchError, OSError) as error:
            return Result(failed_in="launcher", reason=str(error))

    def _command(
        self, words: Sequence[str], variables: Mapping[str, str], files: Files, shared: Sequence[Shared]
    ) -> int:
        tasks = self._tasks
        if tasks.stop.is_set():
            return 130
        with tasks.teller.log(self._noted) as (path, write):
            job = Job(
                self._noted.step, self._image, words, variables, files, path, self._allowance, shared
            )
            return tasks.runner.run(job, write, tasks.stop)

    def _done(self, result: Result) -> None:
        """Publish what came of an attempt."""
        tasks, execution = self._tasks, self._begun.execution
        self._noted.status = None if result.status is None else int(result.status)
        execution.state = FAILED if result.failed_in else COMPLETE
        if not result.failed_in:
            execution.outputs = result.parameters
            execution.output_artifacts = {
                name: tasks.metadata.new_artifact(
                    item.uri,
                    schema(item),
                    {"display_name": name, "store_session_info": SESSION, **(item.metadata or {})},
                )
                for name, item in result.artifacts.items()
            }
        tasks.metadata.update_states(self._run.execution)
        if tasks.stop.is_set() and result.failed_in:
            tasks.recorder.end_task(self._noted, "interrupted")
            tasks.teller.ended(self._run, self._task, self._noted)
            return
        if result.failed_in:
            self._retry(result)
            return
        self._note_outputs()
        if self._entry:
            tasks.cache.keep(self._entry, execution, tasks.store)
        tasks.recorder.end_task(self._noted, "succeeded")
        tasks.teller.ended(self._run, self._task, self._noted)
        self._ended(Phase.SUCCEEDED)

    def _retry(self, result: Result) -> None:
        tasks = self._tasks
        pause = self._attempts.pause(time.monotonic())
        if pause is None:
            why = ProblemError(result.reason, result.cause)
            tasks._failed(self._run, self._task, self._noted, result.failed_in, why)
            self._ended(Phase.FAILED)
            return
        tasks.teller.again(self._noted, result.reason, self._attempts.what_follows(pause))
        tasks.scheduler.later(pause, self._submit)

    def _note_outputs(self) -> None:
        execution = self._begun.execution
        self._noted.outputs = dict(execution.outputs)
        self._noted.artifacts_out = self._tasks.shown(execution.output_artifacts.items())
