"""Finds what upstream tasks have made: through pipelines, branches and loops, however deep.

By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/driver/resolve.go
(``resolveUpstreamParameters``, ``resolveUpstreamArtifacts``, ``CollectInputs``, ``GetProducerTask``).
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from kfp_workbench.local.metadata import CACHED, COMPLETE, Artifact, Execution, Metadata
from kfp_workbench.local.problems import ProblemError


class UnresolvedError(ProblemError):
    """An input that the driver cannot find."""


class NoValue:
    """What stands for a parameter that its task has not made: neither a value nor a null."""


NO_VALUE = NoValue()


class _Kind(NamedTuple):
    """What differs between parameters and artifacts."""

    producers: Callable[[Execution], Mapping[str, Any] | None]
    selectors: Callable[[Any], list[tuple[str, str]]]  # task and key
    made: Callable[[Execution, str], Any]


def _parameter_selectors(output: Any) -> list[tuple[str, str]]:
    if "valueFromParameter" in output:
        source = output["valueFromParameter"]
        return [(source["producerSubtask"], source["outputParameterKey"])]
    sources = output["valueFromOneof"]["parameterSelectors"]
    return [(source["producerSubtask"], source["outputParameterKey"]) for source in sources]


def _artifact_selectors(output: Any) -> list[tuple[str, str]]:
    return [
        (selector["producerSubtask"], selector["outputArtifactKey"])
        for selector in output.get("artifactSelectors", [])
    ]


def _is_one_of(output: Any) -> bool:
    return "valueFromOneof" in output or len(output.get("artifactSelectors", [])) > 1


_PARAMETERS = _Kind(
    lambda execution: execution.parameter_producers,
    _parameter_selectors,
    lambda execution, key: execution.outputs.get(key, NO_VALUE),
)
_ARTIFACTS = _Kind(
    lambda execution: execution.artifact_producers,
    _artifact_selectors,
    lambda execution, key: execution.output_artifacts.get(key),
)


def parameter(metadata: Metadata, dag: Execution, task: str, key: str) -> Any:
    """Return an output parameter of a task of ``dag``; of a loop all of them, as one flat list.

    `NO_VALUE` for one that the task did not make. Raises UnresolvedError.
    """
    found = _resolved(metadata, dag, task, key, _PARAMETERS)
    if isinstance(found, list) and any(item is NO_VALUE for item in found):
        raise UnresolvedError(f"{task} lacks the output {key} of an iteration", "upstream")
    return found[0] if isinstance(found, tuple) else found


def artifacts(metadata: Metadata, dag: Execution, task: str, key: str) -> Sequence[Artifact]:
    """Return an output artifact of a task of ``dag``; of a loop all of them. Raises UnresolvedError."""
    found = _resolved(metadata, dag, task, key, _ARTIFACTS)
    if any(item is None for item in found):
        raise UnresolvedError(f"{task} has not made the artifact {key}", "upstream")
    return list(found)


def own_parameter(metadata: Metadata, dag: Execution, key: str) -> Any:
    """Return an output parameter of a DAG itself. Raises UnresolvedError."""
    found = _within(metadata, dag, key, _PARAMETERS)
    return found[0] if isinstance(found, tuple) else found


def own_artifacts(metadata: Metadata, dag: Execution, key: str) -> Sequence[Artifact]:
    """Return an output artifact of a DAG itself. Raises UnresolvedError."""
    found = _within(metadata, dag, key, _ARTIFACTS)
    if any(item is None for item in found):
        raise UnresolvedError(f"the artifact {key} was not made")
    return list(found)


def _resolved(
    metadata: Metadata, dag: Execution, task: str, key: str, kind: _Kind
) -> tuple[Any] | list[Any]:
    """Return what a task made, alone, or the list of what a loop's iterations made."""
    current = metadata.find(task, dag, dag.index)
    if current is None:
        raise UnresolvedError(f"{task} has not been run, and its output {key} is needed")
    return _within(metadata, current, key, kind)


def _within(
    metadata: Metadata, current: Execution, key: str, kind: _Kind
) -> tuple[Any] | list[Any]:
    while current.is_dag:
        if kind is _PARAMETERS and kind.producers(current) is None:
            raise UnresolvedError(f"{current.name} has no output parameter ({key})")
        parent = metadata[current.parent] if current.parent else current
        iterations = current.iterations if current.iterations is not None else parent.iterations
        if iterations:
            return _collected(metadata, current, key, kind)
        name, key = _producer(metadata, current, key, kind)
        found = metadata.find(name, current, None) if name else None
        if found is None:
            raise UnresolvedError(f"{name or current.name} has not been run: {key} is needed")
        current = found
    return (kind.made(current, key),)


def _collected(metadata: Metadata, loop: Execution, key: str, kind: _Kind) -> list[Any]:
    """Return what all iterations of a loop made, and of the loops within: breadth first.

    As the driver does, it has one key at a time, and goes back to the one before where tasks of one
    name follow each other: branches that name their outputs differently cannot be collected. Nor can
    what importers have taken: it takes them for DAGs, and ends with a panic.
    """
    found = []
    queue: deque[Execution] = deque([loop])
    before, last = key, loop.name
    while queue:
        current = queue.popleft()
        if current.name == last:
            key = before
        before, last = key, current.name
        if current.kind == "importer":
            raise UnresolvedError(
                f"what {current.name} has imported in a loop cannot be collected", "upstream"
            )
        if not current.is_dag:
            found.append(kind.made(current, key))
            continue
        name, key = _producer(metadata, current, key, kind)
        if current.iterations is None:
            queue.append(_found(metadata, name, current, current.index))
        else:
            numbers = range(current.iterations)
            queue.extend(_found(metadata, current.name, current, index) for index in numbers)
    return found


def _found(metadata: Metadata, name: str, dag: Execution, index: int | None) -> Execution:
    task = metadata.find(name, dag, index) if name else None
    if task is None:
        raise UnresolvedError(f"{name or dag.name} was not run in each iteration", "upstream")
    return task


def _producer(metadata: Metadata, dag: Execution, key: str, kind: _Kind) -> tuple[str, str]:
    """Return the task within a DAG that makes its output, and the output's key there.

    Without one, the name is empty. Raises UnresolvedError where no branch has ended well.
    """
    producers = kind.producers(dag)
    if producers is None:
        return "", key
    output = producers.get(key)
    if output is None:
        raise UnresolvedError(f"{dag.name} has no output {key}")
    selectors = kind.selectors(output)
    if not _is_one_of(output):
        return selectors[0] if selectors else ("", key)
    for name, inner in selectors:
        task = metadata.find(name, dag, None)
        if task is not None and task.state in (COMPLETE, CACHED):
            return name, inner
    raise UnresolvedError(f"no branch of {dag.name} has ended well, and its output {key} is needed")
