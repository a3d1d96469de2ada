"""A task of an earlier run: what it is, by the file that was run, and what it was given."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import admission, allowances, record, spec
from kfp_workbench.local.allowances import UNLIMITED
from kfp_workbench.local.artifacts import SESSION, WORKSPACE, workspace_path
from kfp_workbench.local.inputs import Identity, Inputs
from kfp_workbench.local.metadata import Artifact
from kfp_workbench.local.spec import ComponentInput, Constant, TaskOutput
from kfp_workbench.local.store import Store
from kfp_workbench.local.values import doubles
from kfp_workbench.project import steps, values
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import MASK, hide_assignments

_ITERATION = re.compile(r".*\[[0-9]+\]")
_CUT = re.compile(r"\([0-9,]+ bytes, not kept\)")
MADE_UP = "minio://mlpipeline/given"  # the address of a file that was given in an artifact's place


class Earlier:
    """A task of the run in ``folder``, which may have failed, or have been skipped."""

    def __init__(self, folder: Path, run: record.Run, noted: record.Task) -> None:
        """Read what was run; raises WorkbenchError (2) for a task that got no inputs."""
        if noted.failed_in == "driver" and not noted.folder and not noted.inputs:
            raise WorkbenchError(
                f"{noted.step or noted.label} got no inputs in that run: {noted.reason}", 2
            )
        self.folder, self.run, self.noted = folder, run, noted
        documents = steps.read_documents(folder / record.PACKAGE)
        self.identity = Identity(run.run_id, run.workflow, run.name, _as_created(run.started))
        self.pipeline = spec.read(admission.substituted(documents, self.identity))
        self._around = self._tasks()
        self.task = self._around[-1]
        self.component = self.pipeline.component_of(self.task)
        self.container: Mapping[str, Any] = self.pipeline.executors[self.component.executor][
            "container"
        ]
        self.allowance = allowances.of(documents).get(self.component.executor, UNLIMITED)

    @property
    def name(self) -> str:
        """What people call it."""
        return self.noted.step or self.noted.label

    @property
    def workspace(self) -> Path:
        """The folder that the tasks of the run shared, if they did."""
        return self.folder / WORKSPACE.strip("/")

    def inputs(
        self, assignments: Sequence[str], parameters: Mapping[str, Any], store: Store
    ) -> Inputs:
        """Return what the task was given, but for what is assigned (``name=value``).

        ``parameters`` are those of the pipeline, where values come from that the record does not
        show. Files of artifacts are put into ``store``; a path may be assigned to one. Raises
        WorkbenchError (2) for a value that nobody knows, or that cannot be.
        """
        given = Inputs(record.inputs_of(self.noted, self.folder), self._artifacts(store))
        for assignment in assignments:
            self._assign(assignment, given, store)
        for name, value in given.parameters.items():
            if MASK in json.dumps(value):
                given.parameters[name] = self._origin(name, parameters)
            elif isinstance(value, str) and _CUT.fullmatch(value):
                raise self._unknown(name, "is too large for the record of that run")
        return given

    def _tasks(self) -> list[spec.Task]:
        """Return the task, and before it those around it."""
        found: list[spec.Task] = []
        component = self.pipeline.root
        for part in self.noted.path.split("/"):
            if not _ITERATION.fullmatch(part):
                assert component.dag is not None
                found.append(component.dag.tasks[part])
                component = self.pipeline.component_of(found[-1])
        return found

    def _artifacts(self, store: Store) -> dict[str, Sequence[Artifact]]:
        found: dict[str, list[Artifact]] = {}
        for item in self.noted.artifacts_in:
            uri, file = item["uri"], item["file"]
            path = self.folder / file
            if file and not path.exists():
                raise WorkbenchError(f"{path} is not there any more: make local", 2)
            if file:
                store.put(uri, path)
            is_direct = isinstance(self.task.artifacts.get(item["key"]), TaskOutput)
            found.setdefault(item["key"], []).append(
                Artifact(
                    item["id"],
                    uri,
                    item["type"],
                    {
                        "display_name": uri.rpartition("/")[2],
                        "store_session_info": SESSION,
                        **item["metadata"],
                    },
                    is_direct and self._is_in_workspace(uri),
                    is_direct,
                )
            )
        return dict(found)

    def _is_in_workspace(self, uri: str) -> bool:
        try:
            path = workspace_path(uri).removeprefix(f"{WORKSPACE}/")
        except ValueError:
            return False
        return (self.workspace / path).exists()

    def _assign(self, assignment: str, given: Inputs, store: Store) -> None:
        name, equals, text = assignment.partition("=")
        declared = self.component.parameters
        if not equals:
            said = shown(hide_assignments(assignment))
            raise WorkbenchError(f"-p {said}: write -p name=value", 2)
        if name in self.component.artifacts:
            self._give(name, Path(text), given, store)
        elif name in declared:
            given.parameters[name] = _value(name, text, declared[name].kind)
        else:
            known = ", ".join((*declared, *self.component.artifacts)) or "none"
            raise WorkbenchError(f"-p: {self.name} has no input {shown(name)}: it has {known}", 2)

    def _give(self, name: str, path: Path, given: Inputs, store: Store) -> None:
        """Give a file or folder of this machine in the place of an artifact's."""
        if not path.exists():
            raise WorkbenchError(f"-p {name}: {shown(str(path))} is not there", 2)
        uri = f"{MADE_UP}/{name}"
        store.put(uri, path.resolve())
        schema = self.component.artifacts[name].get("artifactType") or {}
        kind = schema.get("schemaTitle", "system.Artifact")
        before = given.artifacts.get(name) or ()
        number = before[0].id if before else 1
        metadata = dict(before[0].metadata) if before else {"display_name": name}
        given.artifacts[name] = [Artifact(number, uri, kind, metadata)]

    def _origin(self, name: str, parameters: Mapping[str, Any]) -> Any:
        """Return an input's value from the pipeline's parameters, or a constant of the file."""
        wanted = name
        for task in reversed(self._around):
            source = None if wanted in task.selectors else task.parameters.get(wanted)
            if isinstance(source, Constant):
                return source.value
            if not isinstance(source, ComponentInput):
                break
            wanted = source.name
        else:
            if wanted in parameters:
                return parameters[wanted]
        raise self._unknown(name, "is secret, and not in the record of that run")

    def _unknown(self, name: str, why: str) -> WorkbenchError:
        return WorkbenchError(f'{self.name}: {name} {why}: give it, ARGS="-p {name}=..."', 2)


def _as_created(started: str) -> str:
    """Return a time of the record as a run's placeholders have it."""
    try:
        moment = datetime.fromisoformat(started).astimezone(timezone.utc)
    except ValueError:
        return started
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _value(name: str, text: str, kind: str) -> Any:
    try:
        value = values.parse(text, kind)
    except ValueError as error:
        said = shown(hide_assignments(text))
        raise WorkbenchError(f"-p: {name}: {said} {error}", 2) from None
    for problem in values.problems((name,), value, kind):
        raise WorkbenchError(f"-p: {problem.text}", 2)
    return doubles(value)
