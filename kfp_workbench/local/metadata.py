"""What KFP's metadata service knows of a run: its executions and artifacts, in memory.

The driver, the launcher and the importer know of each other's work by it alone, and by the rules of
https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/metadata (``client.go``,
``converter.go``). Only one thread may use it at a time.
"""

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kfp_workbench.local.problems import ProblemError

RUNNING, COMPLETE, FAILED = "RUNNING", "COMPLETE", "FAILED"
CACHED, CANCELED = "CACHED", "CANCELED"  # the latter is skipped by its condition
DONE = (COMPLETE, CACHED, CANCELED)


class MetadataError(ProblemError):
    """What the service, or a client of it, refuses."""

    code = "metadata"


class Artifact(NamedTuple):
    """An artifact as the service keeps it."""

    id: int
    uri: str
    kind: str  # its schema's title
    metadata: Mapping[str, Any]  # in the service's form
    is_in_workspace: bool = False
    is_direct: bool = True  # from the task that made it, not from a DAG that was given it


class Execution:
    """A task that a driver, or an importer, has begun."""

    def __init__(self, id: int, kind: str, name: str, parent: int) -> None:
        """``kind`` is dag, container or importer; ``parent`` the DAG's execution, 0 for the root."""
        self.id, self.kind, self.name, self.parent = id, kind, name, parent
        self.state = RUNNING
        self.inputs: Mapping[str, Any] = {}
        self.outputs: Mapping[str, Any] = {}
        self.input_artifacts: Sequence[tuple[str, Artifact]] = ()
        self.output_artifacts: Mapping[str, Artifact] = {}
        self.index: int | None = None  # of an iteration
        self.iterations: int | None = None  # of a loop
        self.parameter_producers: Mapping[str, Any] | None = None  # of a DAG's outputs
        self.artifact_producers: Mapping[str, Any] | None = None
        self.tasks = 0  # in a DAG

    @property
    def is_dag(self) -> bool:
        """Tell whether it is a DAG's."""
        return self.kind == "dag"


class Metadata:
    """All executions of a run."""

    def __init__(self) -> None:
        self._executions: dict[int, Execution] = {}
        self._children: dict[int, list[Execution]] = {}
        self._named: dict[tuple[str, int, int | None], Execution] = {}
        self._ambiguous: set[int] = set()  # DAGs in which, however deep, two tasks share a name
        self._ids = itertools.count(1)
        # An artifact keeps its number from run to run, and no other may have it.
        self._artifact_ids = itertools.count(time.time_ns() // 1000)

    def create(self, execution: Execution) -> Execution:
        """Note an execution, and give it its number.

        Raises MetadataError where an artifact is given to it twice: the service keeps one event of
        an artifact and an execution (``Event`` in
        https://github.com/google/ml-metadata/blob/v1.14.0/ml_metadata/util/metadata_source_query_config.cc).
        """
        self._refuse_twice(execution)
        execution.id = next(self._ids)
        self._executions[execution.id] = execution
        self._children.setdefault(execution.parent, []).append(execution)
        key = self._key(execution)
        if key in self._named:
            self._ambiguous.update(self._upwards(execution.parent))
        self._named[key] = execution
        return execution

    @staticmethod
    def _refuse_twice(execution: Execution) -> None:
        names: dict[int, str] = {}
        for name, artifact in execution.input_artifacts:
            if artifact.id in names:
                both = " and as ".join(dict.fromkeys((names[artifact.id], name)))
                raise MetadataError(
                    f"it is given one artifact twice, as {both}, and KFP's metadata keep it once"
                )
            names[artifact.id] = name

    def new_artifact(
        self,
        uri: str,
        kind: str,
        metadata: Mapping[str, Any],
        *,
        in_workspace: bool = False,
        number: int | None = None,
    ) -> Artifact:
        """Return a new artifact; its metadata are in the service's form already."""
        known = next(self._artifact_ids) if number is None else number
        return Artifact(known, uri, kind, metadata, in_workspace)

    def __getitem__(self, number: int) -> Execution:
        return self._executions[number]

    def find(self, name: str, dag: Execution, index: int | None) -> Execution | None:
        """Return the execution of a task of a DAG, in one of its iterations where it is a loop.

        ``index`` is that of the task itself, or of the DAG that is an iteration. Raises MetadataError
        where two tasks have one name.
        """
        if dag.id in self._ambiguous:
            raise MetadataError(f"two tasks in {dag.name or 'the pipeline'} have one name")
        return self._named.get((name, dag.id, index))

    def update_states(self, dag: Execution) -> None:
        """Set a DAG's state by its tasks', and those of the DAGs around it (UpdateDAGExecutionsState)."""
        while True:
            expected = dag.tasks if dag.iterations is None else dag.iterations
            if (expected == 0 and dag.iterations is None) or dag.id in self._ambiguous:
                return
            states = [task.state for task in self._children.get(dag.id, [])]
            if sum(state in DONE for state in states) == expected:
                dag.state = COMPLETE
            elif FAILED in states:
                dag.state = FAILED
            else:
                return
            if not dag.parent:
                return
            dag = self._executions[dag.parent]

    def _key(self, execution: Execution) -> tuple[str, int, int | None]:
        index = execution.index
        if index is None and execution.parent:
            index = self._executions[execution.parent].index
        return execution.name, execution.parent, index

    def _upwards(self, number: int) -> Iterator[int]:
        while number:
            yield number
            number = self._executions[number].parent


class Imported:
    """What was imported before: an importer takes the same thing again, but for ``reimport``."""

    def __init__(self, known: list[Artifact]) -> None:
        self.known = known

    def find(self, wanted: Artifact) -> Artifact | None:
        """Return an artifact that was imported from the same place, of the same type and metadata."""
        for artifact in self.known:
            same = (artifact.uri, artifact.kind) == (wanted.uri, wanted.kind)
            if same and all(
                artifact.metadata.get(key) == value for key, value in wanted.metadata.items()
            ):
                return artifact
        return None


def converted(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return an artifact's metadata in the service's form; raises MetadataError for a null."""
    return {key: _converted(value) for key, value in metadata.items()}


def _converted(value: Any) -> Any:
    if value is None:
        raise MetadataError("unknown/unsupported value type: null")
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, float):
        return float(f"{value:.6f}")  # the service keeps six places
    if isinstance(value, list):
        return {"list": value}
    return {"struct": value} if isinstance(value, dict) else value
