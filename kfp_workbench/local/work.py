"""What the scheduler has done: drivers, importers and containers, and a record of each task."""

from collections.abc import Mapping
from typing import Any

from kfp_workbench.local import record, spec
from kfp_workbench.local.container_task import ContainerTask
from kfp_workbench.local.dags import DagRun, Phase
from kfp_workbench.local.driver import Begun, DriverError
from kfp_workbench.local.inputs import Options
from kfp_workbench.local.metadata import COMPLETE, FAILED
from kfp_workbench.local.scheduler import Ended
from kfp_workbench.local.tasks import Tasks

_DAG_STATES = {COMPLETE: "succeeded", FAILED: "failed", "RUNNING": "unfinished"}


class Work:
    """The work of a run: see `kfp_workbench.local.scheduler.Work`."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def options(self, run: DagRun, task: spec.Task, index: int | None) -> Options:
        """Return what the driver of a task is told."""
        return self._tasks.options(run, task, index)

    def refused(
        self, run: DagRun, task: spec.Task, path: tuple[str, ...], error: DriverError
    ) -> None:
        """Note a task that its driver did not begin."""
        self._tasks.refused(run, task, path, error)

    def dag_begun(self, run: DagRun, task: spec.Task, begun: Begun, path: tuple[str, ...]) -> None:
        """Note a DAG; its state is the metadata's, in the end."""
        noted = record.Task("/".join(path), "dag", task.label, "")
        self._tasks.note_inputs(noted, begun)
        noted.iterations = begun.execution.iterations
        self._tasks.recorder.begin(noted)
        if begun.triggers:
            self._tasks.recorder.follow(noted, lambda: _DAG_STATES[begun.execution.state])
        else:
            self._tasks.recorder.end_task(noted, "skipped")

    def execute(self, run: DagRun, task: spec.Task, ended: Ended) -> None:
        """Begin a container's task, or an importer's."""
        component = self._tasks.pipeline.component_of(task)
        executor = self._tasks.pipeline.executors[component.executor]
        if "importer" in executor:
            ended(self._import(run, task, component, executor["importer"]))
            return
        ContainerTask(self._tasks, run, task, component, executor["container"], ended).begin()

    def _import(
        self, run: DagRun, task: spec.Task, component: spec.Component, what: Mapping[str, Any]
    ) -> Phase:
        from kfp_workbench.local import importer  # most pipelines have none

        noted = record.Task("/".join((*run.path, task.name)), "importer", task.label, "")
        noted.inputs = importer.inputs(run.execution, task)
        self._tasks.recorder.begin(noted)
        try:
            execution, artifact = importer.run(
                self._tasks.metadata,
                run.execution,
                task,
                component,
                what,
                self._tasks.imported,
                self._tasks.store,
                self._tasks.meant,
            )
            if artifact.is_in_workspace:
                importer.fetch(artifact, self._tasks.store, self._tasks.files("importer", 1))
        except importer.ImporterError as error:
            self._tasks.failed(run, task, noted, "launcher", error)
            return Phase.FAILED
        noted.artifacts_out = self._tasks.shown(execution.output_artifacts.items())
        self._tasks.recorder.end_task(noted, "succeeded")
        self._tasks.teller.ended(run, task, noted)
        return Phase.SUCCEEDED
