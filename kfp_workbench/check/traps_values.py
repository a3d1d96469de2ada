"""Traps of values: those that are not there, are of another type by then, or are not what they say."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

from kfp_workbench.check.flow import NOTHING, Given, Visit, lists_of, possible
from kfp_workbench.check.trap import Trap
from kfp_workbench.local import expansion, expression, inputs, placeholders, values
from kfp_workbench.local.cel import CelError
from kfp_workbench.local.spec import ComponentInput, Constant, TaskOutput
from kfp_workbench.project.names import called, shown
from kfp_workbench.project.port_types import Annotation

CHANNEL = "{{channel:"
_OF_RUN = re.compile(r"\{\{\$\.(?:pipeline_\w+|workspace_path)\}\}")
_MOST = 200  # of the ways in which a condition's inputs may go together


def null(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find inputs that have to have a value and may get none."""
    for name, source in visit.task.parameters.items():
        if isinstance(source, ComponentInput) and not _is_optional(visit, name):
            outer = visit.parent
            is_told = outer and source.name in outer.component.parameters
            if is_told and not _is_optional(outer, source.name):
                continue  # there is a line of its own about the block around
            if NOTHING in possible(visit, name, given):
                yield Trap(
                    f"{visit.called} takes {called(source.name)}, which may be None, and fails then",
                    "give that another default, such as an empty text",
                )


def _is_optional(visit: Visit | None, name: str) -> bool:
    declared = visit.component.parameters.get(name) if visit else None
    return bool(declared and declared.is_optional)


def types(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find items of a loop that are texts by the time that a task takes them for something else."""
    for name, source in visit.task.parameters.items():
        declared = visit.component.parameters.get(name)
        if declared is None or name in visit.task.selectors or declared.kind not in values.KINDS:
            continue
        if isinstance(source, ComponentInput) and visit.parent is not None:
            outer = visit.parent.component.parameters.get(source.name)
            if outer and outer.kind == "STRING" and declared.kind != "STRING":
                yield Trap(
                    f"{visit.task.label} takes {called(source.name)} for "
                    f"{values.TYPES.get(declared.kind, declared.kind)}, and it is a text by then",
                    _typed(visit.parent, source.name, declared.kind),
                )
                continue
        for value in possible(visit, name, given):
            if value is not NOTHING and not values.KINDS[declared.kind](value):
                kind = values.TYPES.get(declared.kind, declared.kind)
                what = f"{visit.task.label} gets {called(name)}, which may be no {kind}"
                yield Trap(what, "pass values of its type")
                break


def _typed(visit: Visit, name: str, kind: str) -> str:
    """Return how a loop's item, an input of what is around a task, comes to be of a type."""
    wanted = word = Annotation(kind).text
    outer: Visit | None = visit
    while outer is not None:
        loop = outer.task.loop
        if loop and name == loop.item:
            name, wanted = loop.items, f"list[{wanted}]"
        source = outer.task.parameters.get(name)
        if not isinstance(source, ComponentInput):
            # KFP does not know what the lists are of that steps make.
            return f"take a text, str, and make {word} of it in the step"
        outer, name = outer.parent, source.name
    return f"write {name}: {wanted} in pipeline.py"


def lists(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find what takes, within a loop, the list that the loop goes over: iterations are not given it."""
    outer = visit.parent
    loop = outer.task.loop if outer else None
    for source in visit.task.parameters.values():
        if loop and isinstance(source, ComponentInput) and source.name == loop.items:
            what = f"{visit.called} takes {called(source.name)}, over which the loop around it goes"
            cure = "give it the list by another parameter, or another step's output"
            yield Trap(f"{what}, and no iteration has that", cure)


def conditions(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find conditions that a server cannot evaluate, whatever is compared."""
    text = visit.task.condition
    if not text:
        return
    found = {name: _there(visit, name, given) for name in visit.task.parameters}
    problem = None
    for chosen in islice(product(*found.values()), _MOST):
        try:
            expression.condition(text, dict(zip(found, chosen, strict=True)))
        except CelError as error:
            problem = error
        else:
            return
    if problem:
        cure = "compare what is of one type"
        if "escape" in str(problem):
            cure = "compare with a text that has no backslash"
        yield Trap("a server cannot evaluate this condition", cure)


def _there(visit: Visit, name: str, given: Given) -> list[Any]:
    return [value for value in possible(visit, name, given) if value is not NOTHING] or ["text"]


def outputs(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find outputs that are taken of a group which does not hand them on."""
    graph = visit.graph.dag
    for source in visit.task.parameters.values():
        if isinstance(source, TaskOutput) and graph and source.task in graph.tasks:
            maker = visit.pipeline.component_of(graph.tasks[source.task])
            if maker.dag and source.key not in maker.dag.parameters:
                yield Trap(
                    f"{visit.called} takes what KFP's compiler does not hand on from "
                    "the block that makes it",
                    "let a step take it, and go on with that step's output",
                )


def artifacts(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find artifacts that a block takes and what is in it does not get: a server keeps one a name.

    By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/metadata/client.go
    (``GetInputArtifactsByExecutionID``).
    """
    if visit.component.dag is None:
        return
    seen: dict[Any, str] = {}
    for name, source in visit.task.artifacts.items():
        is_list = visit.component.artifacts.get(name, {}).get("isArtifactList")
        if is_list and not (isinstance(source, ComponentInput) and visit.parent):
            what = "takes a list of artifacts, of which what is in it gets the last alone"
            cure = "let a step before it take the list, and hand on what that makes"
            yield Trap(f"{visit.called} {what}", cure)
        elif source in seen:
            what = f"takes one artifact as {called(seen[source])} and as {called(name)}"
            yield Trap(
                f"{visit.called} {what}, of which it gets one", "hand it over by one name alone"
            )
        seen[source] = name


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
    for output in (*component.dag.parameters.values(), *component.dag.artifacts.values()):
        for maker in _makers(output):
            task = component.dag.tasks.get(maker)
            if task and task.condition:
                what = "collects what a dsl.If within the loop makes, and fails where one does not"
                yield Trap(what, "let a step make it that runs in each iteration")


def _makers(output: Any) -> Iterator[str]:
    if isinstance(output, Mapping):
        for key, inner in output.items():
            if key == "producerSubtask":
                yield str(inner)
            yield from _makers(inner)
    elif isinstance(output, list):
        for inner in output:
            yield from _makers(inner)


def texts(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find constants and settings with placeholders that nothing replaces there."""
    for name, source in visit.task.parameters.items():
        value = source.value if isinstance(source, Constant) else None
        if isinstance(value, str) and _is_whole(value):
            continue
        for text in expansion.texts(value):
            where = f"{called(name)} of {visit.task.label}"
            yield from _in_text(where, text)
            for inner in placeholders.names_in(text) if visit.container else ():
                if inner == name or inner not in visit.names:
                    what = f"{where} has {shown(_tag(inner))}, which stays as it is"
                    yield Trap(what, _ARGUMENT)
    for item in visit.container.get("env") or ():
        text = str(item.get("value", ""))
        where = f"the variable {item['name']} of {visit.task.label}"
        yield from _in_text(where, text)
        for inner in placeholders.names_in(text):
            yield Trap(f"{where} has {shown(_tag(inner))}, which stays as it is", _ARGUMENT)
    importer = visit.executor.get("importer") or {}
    for text in expansion.texts(importer.get("metadata")):
        where = f"metadata of {visit.task.label}"
        yield from _in_text(where, text)
        if placeholders.names_in(text):
            what = f"{where} take an input, which stays as it is written"
            yield Trap(what, "write them as constants, or hand the value to the steps")
    address = str((importer.get("artifactUri") or {}).get("constant", ""))
    yield from _in_text(f"the address of {visit.task.label}", address)


_ARGUMENT = "hand the value over as an argument of the step"


def _in_text(where: str, text: str) -> Iterator[Trap]:
    if CHANNEL in text:
        what = f"{where} has an f-string of what KFP's compiler does not fill in"
        yield Trap(
            what, "hand that over as an argument of its own, or annotate it with a plain type"
        )
    for tag in dict.fromkeys(_OF_RUN.findall(text)):
        what = f"{where} has {shown(tag)} in a place where nothing fills it in"
        yield Trap(what, "pass a placeholder that KFP fills in, alone, and join texts in the step")


def _tag(name: str) -> str:
    return f"{{{{$.inputs.parameters['{name}']}}}}"


def _is_whole(text: str) -> bool:
    return text in inputs.PLACEHOLDERS or inputs.WORKSPACE_TAG in text
