"""Refuses a compiled pipeline whose loops were wired wrongly by KFP's compiler, which says nothing.

kfp 2.17 gives the items of two loops over one list one name, so that the inner one hides the
outer one. And it forgets to hand on some of what a text is made of, and the item of which an
Else, too, looks at a part: a cluster looks for it in the box around the task, and fails, or
gets an empty text where it is a part of what a task has made.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.names import called

# Of a loop, a branch or an exit handler: these see the names of what is around them.
_BOX = re.compile(r"comp-(for-loop|condition|condition-branches|exit-handler)-[0-9]+")


class Problem(NamedTuple):
    """A task that would not get what ``pipeline.py`` says."""

    task: str
    what: str
    cure: str


def check(spec: Any) -> None:
    """Raise WorkbenchError (2) for the first task that would not get what pipeline.py says."""
    for problem in problems(spec):
        raise WorkbenchError(f"pipeline.py: {problem.what}: {problem.cure}", 2)


def problems(spec: Any) -> Iterator[Problem]:
    """Find all such tasks of a pipeline, KFP's protobuf message."""
    yield from _problems(spec, spec.root, _inputs(spec.root.input_definitions), frozenset())


def _problems(spec: Any, graph: Any, scope: set[str], items: frozenset[str]) -> Iterator[Problem]:
    """Find what a graph's tasks are not given; ``scope`` is what it is given itself."""
    for name, task in graph.dag.tasks.items():
        taken = {part.component_input_parameter for part in task.inputs.parameters.values()}
        taken |= {part.component_input_artifact for part in task.inputs.artifacts.values()}
        for lost in sorted(taken - scope - {""}):
            yield Problem(
                name,
                f"{name} takes {called(lost)}, which KFP's compiler does not hand on to it",
                "hand it over as an argument, not in a text, or to a pipeline of its own",
            )
        inner = spec.components[task.component_ref.name]
        if not inner.HasField("dag"):
            continue
        item = task.parameter_iterator.item_input or task.artifact_iterator.item_input
        if item in items:
            yield Problem(
                name,
                f"{name} is in a loop over the same, and KFP's compiler takes {called(item)} in "
                "both for one",
                "give the inner loop the list by another parameter, or another step's output",
            )
        around = items if _BOX.fullmatch(task.component_ref.name) else frozenset()
        yield from _problems(
            spec,
            inner,
            {*_given(spec, graph, task), *task.inputs.artifacts, item}
            | _inputs(inner.input_definitions, optional=True),
            around | ({item} if item else set()),
        )


def _given(spec: Any, graph: Any, task: Any) -> Iterator[str]:
    """Yield the parameters that a task is given; not those that its compiler takes of nothing.

    A part of an item of what a task has made, in a text, is taken for another output of that task.
    """
    for name, part in task.inputs.parameters.items():
        taken = part.task_output_parameter
        maker = graph.dag.tasks[taken.producer_task] if taken.producer_task else None
        made = spec.components[maker.component_ref.name] if maker else None
        if made is None or taken.output_parameter_key in {
            *made.output_definitions.parameters,
            *made.dag.outputs.parameters,
        }:
            yield name


def _inputs(definitions: Any, optional: bool = False) -> set[str]:
    """Return the names of inputs, perhaps only of those that need not be given."""
    declared = {**definitions.parameters, **definitions.artifacts}
    return {name for name, value in declared.items() if value.is_optional or not optional}
