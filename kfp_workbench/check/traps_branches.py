"""Traps of what loops and branches hand on: outputs that a server does not find in KFP's metadata.

By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/driver/resolve.go
(``CollectInputs``, ``GetProducerTask``), and ``UpdateDAGExecutionsState`` in ``metadata/client.go``:
only the end of a container tells a branch that all in it has ended.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kfp_workbench.check.flow import Given, Visit, lists_of
from kfp_workbench.check.trap import Trap
from kfp_workbench.local.spec import Component, Dag, Pipeline, Task, TaskOutput

_IN_THE_LOOP = "let a step within the loop make an artifact of it"


class _Selector(NamedTuple):
    """A task within a graph that may make one of its outputs, and the name that it has there."""

    task: str
    key: str


def collected(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find what is collected of a loop and may not have been made."""
    loop, component = visit.task.loop, visit.component
    takers = visit.graph.dag.tasks.values() if visit.graph.dag else ()
    is_taken = any(
        isinstance(source, TaskOutput) and source.task == visit.task.name
        for taker in takers
        for source in (*taker.parameters.values(), *taker.artifacts.values())
    )
    if loop is None or component.dag is None or not is_taken:
        return
    if [] in (lists_of(visit, given) or ()):
        what = "what is collected of a loop over an empty list is not found, and the run fails"
        yield Trap(what, "put the loop and what follows into a dsl.If, or give it an item")
    for output in _outputs(component.dag):
        yield from dict.fromkeys(_lost(visit.pipeline, component.dag, output))


def _lost(pipeline: Pipeline, dag: Dag, output: Any) -> Iterator[Trap]:
    """Find why an output of each iteration cannot be collected, however deep it is made."""
    selectors = _selectors(output)
    if len({selector.key for selector in selectors}) > 1:
        what = "collects what dsl.OneOf chooses, and fails where iterations choose differently"
        yield Trap(what, "let a step take what is chosen, and collect that step's output")
        return
    for selector in selectors:
        task = dag.tasks[selector.task]
        component = pipeline.component_of(task)
        if task.condition:
            what = "collects what a dsl.If within the loop makes, and fails where one does not"
            yield Trap(what, "let a step make it that runs in each iteration")
        elif _is_importer(pipeline, task):
            yield Trap("collects what an importer within the loop takes, and fails", _IN_THE_LOOP)
        elif component.dag and (inner := _output(component, selector.key)) is not None:
            yield from _lost(pipeline, component.dag, inner)


def branches(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find branches of which KFP's metadata are never told that they have ended."""
    dag = visit.component.dag
    if dag is None:
        return
    for output in _outputs(dag):
        selectors = _selectors(output)
        for selector in selectors if len(selectors) > 1 else ():
            inner = visit.pipeline.component_of(dag.tasks[selector.task]).dag
            if inner and _only_imports(visit.pipeline, inner):
                what = "what only an importer of a branch takes is not found by a dsl.OneOf"
                yield Trap(what, "let a step of that branch make an artifact of it")
            elif inner and _ends_untold(visit.pipeline, inner):
                what = "a branch may end with what is skipped or imported, and a dsl.OneOf does"
                yield Trap(f"{what} not find it then", "move that to behind the dsl.OneOf")


def _only_imports(pipeline: Pipeline, dag: Dag) -> bool:
    inner = ((task, pipeline.component_of(task).dag) for task in dag.tasks.values())
    return all(
        _only_imports(pipeline, within) if within else _is_importer(pipeline, task)
        for task, within in inner
    )


def _ends_untold(pipeline: Pipeline, dag: Dag) -> bool:
    """Tell whether what ends last in a graph may be something that ends no container."""
    told = [task for task in dag.tasks.values() if not _is_untold(pipeline, task)]
    for task in dag.tasks.values():
        inner = pipeline.component_of(task).dag
        if inner and _ends_untold(pipeline, inner):
            return True
        if task not in told and task.after and not any(_is_after(dag, one, task) for one in told):
            return True
    return not told and not _are_all_cases(dag)


def _is_untold(pipeline: Pipeline, task: Task) -> bool:
    """Tell whether a task may end without a container's end: skipped, or as an importer."""
    inner = pipeline.component_of(task).dag
    if inner is None or task.condition:
        return bool(task.condition) or _is_importer(pipeline, task)
    within = inner.tasks.values()
    return all(_is_untold(pipeline, one) for one in within) and not _are_all_cases(inner)


def _are_all_cases(dag: Dag) -> bool:
    """Tell whether one of a graph's tasks is always run: they are an If and so on, with an Else."""
    before: list[str] = []
    for task in sorted(dag.tasks.values(), key=lambda task: (len(task.name), task.name)):
        others = " && ".join(f"!({condition})" for condition in before)
        if before and task.condition == others:
            return True
        before.append(task.condition.removeprefix(f"{others} && "))
    return False


def _is_after(dag: Dag, task: Task, other: Task) -> bool:
    """Tell whether a task waits for another one, through however many."""
    seen: set[str] = set()
    waiting = [*task.after]
    while waiting and other.name not in seen:
        if (name := waiting.pop()) not in seen:
            seen.add(name)
            waiting += dag.tasks[name].after
    return other.name in seen


def _is_importer(pipeline: Pipeline, task: Task) -> bool:
    return "importer" in pipeline.executors.get(pipeline.component_of(task).executor, {})


def _outputs(dag: Dag) -> Sequence[Any]:
    return [*dag.parameters.values(), *dag.artifacts.values()]


def _output(component: Component, key: str) -> Any:
    assert component.dag is not None
    return component.dag.parameters.get(key) or component.dag.artifacts.get(key)


def _selectors(output: Any) -> list[_Selector]:
    if isinstance(output, Mapping):
        if task := output.get("producerSubtask"):
            return [
                _Selector(task, output.get("outputParameterKey") or output["outputArtifactKey"])
            ]
        output = list(output.values())
    return [one for part in output for one in _selectors(part)] if isinstance(output, list) else []
