"""One task with a container: from its driver, through its attempts, to its end."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import driver, identifiers, pod_settings, record, spec, task_config
from kfp_workbench.local.allowances import UNLIMITED, Allowance
from kfp_workbench.local.artifacts import SESSION, schema
from kfp_workbench.local.attempts import Attempts
from kfp_workbench.local.cache import Entry
from kfp_workbench.local.collecting import UnresolvedError
from kfp_workbench.local.dags import DagRun, Phase
from kfp_workbench.local.driver import Begun, DriverError
from kfp_workbench.local.inputs import Options
from kfp_workbench.local.launcher import Result
from kfp_workbench.local.metadata import CACHED, COMPLETE, FAILED
from kfp_workbench.local.places import Place
from kfp_workbench.local.problems import ProblemError
from kfp_workbench.local.runners import Job, is_too_long
from kfp_workbench.local.scheduler import Ended, Share
from kfp_workbench.local.store import Shared
from kfp_workbench.local.tasks import Tasks


def variables_of(
    task: spec.Task,
    component: spec.Component,
    container: Mapping[str, Any],
    pod: str,
    attempt: int = 0,
) -> dict[str, str]:
    """Return the variables of a task's container in a pod of some name; ``attempt`` counts from 0."""
    found = {"KFP_POD_NAME": pod, "KFP_POD_UID": identifiers.new()}
    if task.retry:
        found["KFP_RETRY_INDEX"] = str(attempt)
    if task_config.on_pod(component, task_config.ENV):
        own = container.get("env", [])
        found |= {item["name"]: str(item.get("value", "")) for item in own}
    return found


class ContainerTask:
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
        """Take a task up; ``ended`` is called once it has ended, which may be when it begins."""
        self._tasks, self._run, self._task = tasks, run, task
        self._component, self._container, self._ended = component, container, ended
        self._path = (*run.path, task.name)
        self._attempts = Attempts(task.retry)
        self._entry: Entry | None = None
        self._options: Options
        self._begun: Begun
        self._noted: record.Task
        self._image = ""

    def begin(self) -> None:
        """Drive the task, and run it, if it is to be run."""
        tasks = self._tasks
        try:
            self._options = tasks.options(self._run, self._task, None)
            begun = driver.container(self._options, tasks.pipeline.name)
        except DriverError as error:
            tasks.refused(self._run, self._task, self._path, error)
            self._ended(Phase.UNBEGUN)
            return
        self._begun = begun
        self._noted = record.Task("/".join(self._path), "container", self._task.label, "")
        tasks.note_inputs(self._noted, begun)
        tasks.recorder.begin(self._noted)
        if not begun.triggers:
            tasks.recorder.end_task(self._noted, "skipped")
            self._ended(Phase.SKIPPED)
            return
        if self._task.caches:
            self._entry = tasks.cache.entry(self._component, self._container, begun, tasks.store)
            if self._reused():
                return
        self._queue()

    def _reused(self) -> bool:
        tasks, execution = self._tasks, self._begun.execution
        found = tasks.cache.find(self._entry, execution.id)
        if found is None:
            return False
        for artifact, path in found.files:
            tasks.store.put(artifact.uri, path)
        execution.outputs, execution.output_artifacts = found.parameters, found.artifacts
        execution.state = CACHED
        self._noted.step = tasks.teller.step(str(self._container["image"]), self._task)
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
            driver.check_amounts(self._begun, self._container)
            pod_settings.check(self._options, self._settings)
            driver.check_tags(self._begun)
            self._configure()
        except (DriverError, UnresolvedError, task_config.TaskConfigError) as error:
            self._noted.step = self._tasks.teller.step(self._image, self._task)
            self._tasks.failed(self._run, self._task, self._noted, "driver", error)
            self._ended(Phase.UNBEGUN)
            return
        self._noted.step = self._tasks.teller.step(self._image, self._task)
        if self._begun.command:
            self._submit()
            return
        # Its launcher does not get as far as telling KFP's metadata of it.
        why = ProblemError("it has no command and no arguments", "command-not-found")
        self._tasks.failed(self._run, self._task, self._noted, "launcher", why)
        self._ended(Phase.FAILED)

    def _configure(self) -> None:
        """Give the task its own config, if it takes that; KFP's cache has not looked at it."""
        if not (names := task_config.wanted(self._component)):
            return
        tasks, inputs = self._tasks, self._begun.inputs
        claim = f"{tasks.identity.resource_name}-kfp-workspace" if inputs.in_workspace else None
        config = task_config.made(
            self._component, self._container, self._settings, inputs.parameters, claim
        )
        inputs.parameters.update(dict.fromkeys(names, config))
        self._noted.inputs |= dict.fromkeys(names, config)

    @property
    def _settings(self) -> Mapping[str, Any]:
        """What is set for its pod."""
        return self._tasks.pipeline.kubernetes.get(self._component.executor, {})

    @property
    def _allowance(self) -> Allowance:
        """What holds for the task itself, and is not only passed on by its config."""
        found = self._tasks.allowances.get(self._component.executor, UNLIMITED)
        if not task_config.on_pod(self._component, task_config.RESOURCES):
            found = found._replace(cpu=None, memory=None)
        if not task_config.on_pod(self._component, task_config.ENV):
            found = found._replace(variables=())
        return found

    def _submit(self) -> None:
        allowance, held = self._allowance, self._tasks.runner.held
        jobs = (allowance.cpu or 1) if "cpu" in held else 1
        memory = (allowance.memory or 0) if "memory" in held else 0
        self._tasks.scheduler.submit(Share(jobs, memory), self._work)

    def _work(self) -> Any:
        """Run the task once; in a thread of its own."""
        result = self._attempt()
        return lambda: self._done(result)

    def _attempt(self) -> Result:
        tasks = self._tasks
        self._attempts.begin(time.monotonic())
        if self._attempts.number == 1:
            tasks.recorder.start(self._noted)
        name = tasks.teller.begun(self._run, self._task, self._noted, self._attempts.number)
        files = tasks.files(name, self._attempts.number)
        self._noted.folder = files.folder.relative_to(tasks.folder).as_posix()
        self._noted.attempts = self._attempts.number
        if self._attempts.number == 1:
            tasks.recorder.keep_inputs(self._noted, files.folder)
        pod = f"{tasks.identity.resource_name}-{name}"
        attempt = self._attempts.number - 1
        variables = variables_of(self._task, self._component, self._container, pod, attempt)
        try:
            return tasks.launcher.launch(
                self._begun,
                self._component,
                variables,
                files,
                attempt,
                self._command,
            )
        except (WorkbenchError, OSError) as error:
            return Result(failed_in="launcher", reason=str(error))

    def _command(
        self,
        words: Sequence[str],
        variables: Mapping[str, str],
        files: Place,
        shared: Sequence[Shared],
    ) -> int:
        tasks = self._tasks
        if tasks.stop.is_set():
            return 130
        if is_too_long(words):
            tasks.teller.given_too_much(self._noted)
        with tasks.teller.log(self._noted) as (path, write):
            job = Job(
                self._noted.step,
                self._image,
                words,
                variables,
                files,
                path,
                self._allowance,
                shared,
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
        if tasks.scheduler.is_late and result.failed_in:
            why = "was ended: the run took longer than its deadline"
            tasks.failed(
                self._run, self._task, self._noted, "command", ProblemError(why, "time-limit")
            )
            return
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
            tasks.failed(self._run, self._task, self._noted, result.failed_in, why)
            self._ended(Phase.FAILED)
            return
        tasks.teller.again(self._noted, result.reason, self._attempts.what_follows(pause))
        tasks.scheduler.later(pause, self._submit)

    def _note_outputs(self) -> None:
        execution = self._begun.execution
        self._noted.outputs = dict(execution.outputs)
        self._noted.artifacts_out = self._tasks.shown(execution.output_artifacts.items())
