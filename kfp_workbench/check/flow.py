"""Follows values through a compiled pipeline: what each task may be given, before anything runs.

The rules are those of local runs (`kfp_workbench.local.inputs`), which are held to what a real
backend did. Nothing is known of what a task makes; of a pipeline's parameters what their defaults
and the files in ``params/`` say.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kfp_workbench.local import expansion, spec, values
from kfp_workbench.local.spec import ComponentInput, Constant, Source


class Nothing:
    """What stands for a value that is not there: a null, or an input that is not passed."""


NOTHING = Nothing()
# What stands for values that only a run would tell, by their type.
SAMPLES: Mapping[str, Sequence[Any]] = {
    "STRING": ("text", "1", "true", "[]"),
    "NUMBER_INTEGER": (1.0,),
    "NUMBER_DOUBLE": (1.5,),
    "BOOLEAN": (True, False),
    "LIST": (["text"],),
    "STRUCT": ({"key": "text"},),
    "TASK_FINAL_STATUS": ({"state": "SUCCEEDED"},),
    "TASK_CONFIG": ({},),
}
_GROUP = re.compile(r"comp-(for-loop|condition|condition-branches|exit-handler)-[0-9]+")
MOST = 20  # of the items of a loop that are looked at


class Visit(NamedTuple):
    """A task, as it is come to from the root."""

    pipeline: spec.Pipeline
    task: spec.Task
    graph: spec.Component  # around it
    parent: "Visit | None"  # the task that the graph is of; None for the root's

    @property
    def component(self) -> spec.Component:
        """What the task is an instance of."""
        return self.pipeline.component_of(self.task)

    @property
    def is_group(self) -> bool:
        """Tell whether it is a loop, a condition or the like, which has no name that people gave."""
        return bool(_GROUP.fullmatch(self.component.name))

    @property
    def called(self) -> str:
        """What a message calls it."""
        return "this block" if self.is_group else self.task.label

    @property
    def executor(self) -> Mapping[str, Any]:
        """What executes it; nothing for a graph."""
        return self.pipeline.executors.get(self.component.executor, {})

    @property
    def names(self) -> frozenset[str]:
        """The names of its input parameters, also of those that KFP's compiler adds to it."""
        return frozenset({*self.component.parameters, *self.task.parameters})

    @property
    def container(self) -> Mapping[str, Any]:
        """What its container is; nothing for others."""
        found: Mapping[str, Any] = self.executor.get("container", {})
        return found


Given = Sequence[Mapping[str, Any]]  # the parameters that each environment gives


def visits(pipeline: spec.Pipeline) -> Iterator[Visit]:
    """Yield all tasks of a pipeline, outer ones first; one of a pipeline used twice comes twice."""
    yield from _within(pipeline, pipeline.root, None)


def _within(
    pipeline: spec.Pipeline, graph: spec.Component, parent: Visit | None
) -> Iterator[Visit]:
    for task in graph.dag.tasks.values() if graph.dag else ():
        visit = Visit(pipeline, task, graph, parent)
        yield visit
        yield from _within(pipeline, visit.component, visit)


def possible(visit: Visit, name: str, given: Given) -> list[Any]:
    """Return what an input parameter of a task may be, in the type that it has there.

    `NOTHING` stands for no value at all. A value that is not known is one or more samples.
    """
    parameter = visit.component.parameters.get(name)
    kind = parameter.kind if parameter else "STRING"
    source = visit.task.parameters.get(name)
    if source is None:
        default = parameter.default if parameter else None
        return [NOTHING if default is None else default]
    found = of_source(visit, source, given)
    if found is None or name in visit.task.selectors:
        return list(SAMPLES.get(kind, ("text",)))
    texts = kind == "STRING"
    return [values.launcher_text(v) if texts and v is not NOTHING else v for v in found]


def of_source(visit: Visit, source: Source, given: Given) -> list[Any] | None:
    """Return what a source may be, or None where only a run would tell."""
    if isinstance(source, Constant):
        return [source.value]
    if not isinstance(source, ComponentInput):
        return None
    outer = visit.parent
    if outer is None:
        return _of_root(visit.pipeline, source.name, given)
    loop = outer.task.loop
    if loop and source.name == loop.item:
        return items(outer, given)
    if source.name in outer.component.parameters or source.name in outer.task.parameters:
        inner = outer.task.parameters.get(source.name)
        if isinstance(inner, (Constant, ComponentInput)) or inner is None:
            return possible(outer, source.name, given)
    return None


def _of_root(pipeline: spec.Pipeline, name: str, given: Given) -> list[Any] | None:
    declared = pipeline.root.parameters.get(name)
    if declared is None:
        return None
    found = []
    for environment in given or [{}]:
        try:
            value = values.doubles(environment.get(name, declared.default))
        except TypeError:
            return None  # no JSON, which is found elsewhere
        if value is None and declared.is_optional:
            found.append(NOTHING)
        elif not values.KINDS.get(declared.kind, _any)(value) or _has_variable(value):
            return None  # a run has to give it, or the file is found to be wrong elsewhere
        else:
            found.append(value)
    return found


def _any(value: Any) -> bool:
    return value is not None


def _has_variable(value: Any) -> bool:
    return any("${" in text for text in expansion.texts(value))


def items(loop: Visit, given: Given) -> list[Any] | None:
    """Return the items that a loop may have, or None where only a run would tell; not too many."""
    lists = lists_of(loop, given)
    if lists is None:
        return None
    kind = loop.component.parameters.get(loop.task.loop.item if loop.task.loop else "")
    texts = kind is not None and kind.kind == "STRING"
    found = [item for each in lists for item in each][:MOST]
    return [values.launcher_text(item) if texts else item for item in found]


def lists_of(loop: Visit, given: Given) -> list[list[Any]] | None:
    """Return the lists that a loop may go over, or None where only a run would tell."""
    over = loop.task.loop
    if over is None:
        return None
    if over.raw:
        return [_list(over.raw)]
    source = loop.task.parameters.get(over.items)
    if source is None or over.items in loop.task.selectors:
        return None
    found = of_source(loop, source, given)
    return None if found is None else [_list(each) for each in found if each is not NOTHING]


def _list(value: Any) -> list[Any]:
    if isinstance(value, str):
        try:
            value = spec.constant(json.loads(value))
        except ValueError:
            return []
    return value if isinstance(value, list) else []


def has_artifact(visit: Visit, name: str) -> bool:
    """Tell whether an input artifact of a task is passed, all the way from where it is made."""
    source = visit.task.artifacts.get(name)
    outer = visit.parent
    if isinstance(source, ComponentInput) and outer is not None and not outer.task.over_artifacts:
        return has_artifact(outer, source.name)
    return source is not None
