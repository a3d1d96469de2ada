"""One task of an earlier run once more: by itself, with the inputs that it had, and a terminal.

Its code is that of now; inputs, command line and settings are those of the run.
"""

import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import (
    attaching,
    container_task,
    driver,
    outputs,
    provision,
    values,
    vscode,
)
from kfp_workbench.local.artifacts import LOGS, local_path, root_of
from kfp_workbench.local.attached.sitecustomize import LEFT
from kfp_workbench.local.driver import Begun, DriverError
from kfp_workbench.local.earlier import Earlier
from kfp_workbench.local.inputs import Inputs, Options
from kfp_workbench.local.launcher import Launcher, Result
from kfp_workbench.local.metadata import Metadata
from kfp_workbench.local.places import Place
from kfp_workbench.local.runners import Job, Talker
from kfp_workbench.local.running import new_folder, remove_old
from kfp_workbench.local.store import Shared, Store
from kfp_workbench.project import steps
from kfp_workbench.project.settings import Settings
from kfp_workbench.project.steps import Step

RUNS = Path("build") / "debug"  # a folder each
_INPUTS = "/tmp/kfp/inputs.json"  # noqa: S108  # in a container; removed as soon as it is read


class Alone:
    """A task that can be run by itself; ``runner`` is ``process``, ``docker`` or ``auto``."""

    def __init__(
        self, earlier: Earlier, inputs: Inputs, store: Store, settings: Settings, root: Path
    ) -> None:
        """Begin the task; raises WorkbenchError (2) for inputs that it cannot begin with."""
        self._earlier, self._inputs, self._store = earlier, inputs, store
        self._settings, self._root = settings, root
        self._name = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")
        self.folder = root / RUNS / self._name
        self._begun = self._begin()

    def run(self, runner: str, stop: str) -> dict[str, Any]:
        """Run it with the terminal of this process, and return its outputs by name.

        ``stop`` is "" for a run that only ``breakpoint()`` stops, ``pdb`` or ``shell``, which has no
        outputs. Those that are artifacts are paths. Raises WorkbenchError when it failed, with a
        status of its own for one that was left at its prompt.
        """
        step, image = self._image()
        engine = self._provide(runner, step, image)
        place = self._place(engine.is_rooted)
        modules = attaching.copy_modules(self.folder / "modules")
        variables = self._variables()
        variables |= self._stop(stop, step, place)

        def attach(
            words: Sequence[str],
            variables: Mapping[str, str],
            files: Place,
            shared: Sequence[Shared],
        ) -> int:
            log, allowance = self.folder / "log", self._earlier.allowance
            name = self._earlier.name
            job = Job(name, image, words, variables, files, log, allowance, shared)
            return engine.attach(job, modules)

        begun, component = self._begun, self._earlier.component
        try:
            result = self._launcher.launch(begun, component, variables, place, 0, attach)
        finally:
            engine.close(self.folder)
        return {} if stop == "shell" and not result.status else self._outputs(result, place)

    def for_vscode(self, name: str) -> dict[str, Any]:
        """Return what VS Code runs the step by, once its inputs lie in the folder of this run.

        Raises WorkbenchError (2) for what is no step of the project, or runs no Python script.
        """
        step, image = self._image()
        if step is None:
            raise WorkbenchError(f"{self._earlier.name} is no step with a script: make debug", 2)
        self._provide("process", step, image)  # with the environment that it runs in
        place = self._place(False)
        variables = self._variables()
        found: dict[str, Any] = {}

        def note(
            words: Sequence[str],
            variables: Mapping[str, str],
            files: Place,
            shared: Sequence[Shared],
        ) -> int:
            # Those of secrets are left to the environment that VS Code itself has.
            found.update(vscode.configuration(name, step, words, variables))
            return 1  # there are no outputs to be taken

        launcher = self._launcher._replace(keeps_inputs=True)
        component = self._earlier.component
        result = launcher.launch(self._begun, component, variables, place, 0, note)
        if not found:
            raise WorkbenchError(f"{self._earlier.name}: {result.reason}")
        return found

    def _variables(self) -> dict[str, str]:
        earlier = self._earlier
        pod = f"{earlier.identity.resource_name}-{earlier.name}"
        return container_task.variables_of(earlier.task, earlier.component, earlier.container, pod)

    @property
    def _launcher(self) -> Launcher:
        earlier = self._earlier
        root = root_of(earlier.pipeline.name, earlier.identity.run_id)
        return Launcher(self._store, root, earlier.identity.tags)

    def _begin(self) -> Begun:
        earlier, metadata = self._earlier, Metadata()
        dag = driver.root(metadata, {})
        options = Options(metadata, earlier.identity, dag, earlier.task, earlier.component)
        begun = driver.again(options, self._inputs, earlier.pipeline.name)
        try:
            driver.resolve_command(begun, earlier.container)
        except DriverError as error:
            raise WorkbenchError(f"{earlier.name}: {error}", 2) from None
        return begun

    def _image(self) -> tuple[Step | None, str]:
        """Return the image of the task, as it is now where that is one of the project's steps."""
        try:
            image = driver.resolve_image(self._begun, self._earlier.container)
        except DriverError as error:
            raise WorkbenchError(f"{self._earlier.name}: {error}", 2) from None
        found = {step.image_name: step for step in steps.find_steps(self._root)}
        step = found.get(steps.untagged(image).rpartition("/")[2])
        return step, steps.reference(step, self._settings, self._root) if step else image

    def _provide(self, runner: str, step: Step | None, image: str) -> Talker:
        earlier = self._earlier
        wanted = provision.Wanted(
            {earlier.component.executor: {**earlier.container, "image": image}},
            {image: step} if step else {},
            self._settings,
            self._root,
            title=f"{earlier.name}, with the inputs of {earlier.folder.name},",
        )
        return provision.provide(runner, wanted, run_id=self._name, say=_say)

    def _place(self, is_rooted: bool) -> Place:
        """Make the folder of this run, with a copy of what the tasks of the other one shared."""
        new_folder(self.folder)
        remove_old(self.folder.parent)
        if self._earlier.workspace.is_dir():
            copy = self.folder / "kfp-workspace"
            shutil.copytree(self._earlier.workspace, copy, ignore_dangling_symlinks=True)
        root = local_path(self._launcher.root).rstrip("/")
        return Place(self.folder / "task", self.folder / "kfp-workspace", is_rooted, root)

    def _stop(self, stop: str, step: Step | None, place: Place) -> dict[str, str]:
        """Return the variables that tell the task's Python where to stop."""
        if not stop:
            return {}
        where = attaching.place_of(self._begun.command, step, self._root)
        if where is None:
            what = f"{self._earlier.name} runs no Python script, and stops nowhere by itself"
            raise WorkbenchError(f"{what}: make debug runs it with your terminal", 2)
        inputs = ""
        if stop == "shell" and not where.has_inputs:
            inputs = place.seen(_INPUTS)
            attaching.write_inputs(self._inputs, _INPUTS, place)
        return attaching.variables(where, inputs, shell=stop == "shell")

    def _outputs(self, result: Result, place: Place) -> dict[str, Any]:
        """Return what the task made, as people read it."""
        name = self._earlier.name
        if result.status == LEFT:
            raise WorkbenchError(f"{name} was left at its prompt: it has no outputs", LEFT)
        if result.failed_in == "command":
            raise WorkbenchError(f"step {name} {result.reason}")
        if result.failed_in:
            raise WorkbenchError(f"step {name}: {result.reason}")
        kinds = self._earlier.component.outputs
        found: dict[str, Any] = {
            key: values.plain(value) if kinds.get(key) == "NUMBER_INTEGER" else value
            for key, value in result.parameters.items()
        }
        for key, artifact in result.artifacts.items():
            if key != LOGS:
                found[key] = str(outputs.file_of(artifact, place) or artifact.uri)
        return found


def _say(text: str) -> None:
    print(text, file=sys.stderr)
