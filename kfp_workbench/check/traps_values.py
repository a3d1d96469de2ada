"""Traps of values: those that are not there, are of another type by then, or are not what they say."""

import re
from collections.abc import Iterator
from itertools import islice, product
from typing import Any

from kfp_workbench.check.flow import NOTHING, Given, Visit, of_source, possible
from kfp_workbench.check.trap import Trap
from kfp_workbench.local import cel, expression, values
from kfp_workbench.local.problems import CelError
from kfp_workbench.local.spec import ComponentInput, TaskOutput
from kfp_workbench.project.names import called, shown
from kfp_workbench.project.port_types import Annotation

# What KFP's compiler makes of a number or a boolean that is compared with a text.
_CONVERTED = re.compile(r"'(?:\w+\()?inputs\.parameter_values\['[^']*'\]\)?'")
_MOST = 200  # of the ways in which a condition's inputs may go together


def null(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find inputs that have to have a value and may get none."""
    for name, source in visit.task.parameters.items():
        outer = visit.parent
        if not isinstance(source, ComponentInput) or _is_told(outer, source.name, given):
            continue
        if _is_optional(visit, name) and not _is_dropped(outer, source.name, given):
            continue
        if NOTHING in possible(visit, name, given):
            yield Trap(
                f"{visit.called} takes {called(source.name)}, which may be None, and fails then",
                "give that another default, such as an empty text",
            )


def _is_told(outer: Visit | None, name: str, given: Given) -> bool:
    """Tell whether a graph that is given an input, and may get none, has a line of its own."""
    if outer is None or name not in outer.component.parameters:
        return False
    source = outer.task.parameters.get(name)
    around = isinstance(source, ComponentInput) and _is_dropped(outer.parent, source.name, given)
    return around or not _is_optional(outer, name)


def _is_optional(visit: Visit | None, name: str) -> bool:
    declared = visit.component.parameters.get(name) if visit else None
    return bool(declared and declared.is_optional)


def _is_dropped(graph: Visit | None, name: str, given: Given) -> bool:
    """Tell whether a graph may be passed None for an input that need not be given.

    What is in it does not find that input then, not even where it need not be given either.
    """
    passed = graph is not None and isinstance(graph.task.parameters.get(name), ComponentInput)
    return bool(
        graph and passed and _is_optional(graph, name) and NOTHING in possible(graph, name, given)
    )


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
    outer, own = visit.parent, visit.task.loop
    if own and own.items in visit.task.selectors:
        what = "this loop goes over a field of another loop's item, which no iteration finds"
        yield Trap(what, "let a step make a list of it, and go over that")
    loop = outer.task.loop if outer else None
    for source in visit.task.parameters.values():
        if loop and isinstance(source, ComponentInput) and source.name == loop.items:
            what = f"{visit.called} takes {called(source.name)}, over which the loop around it goes"
            cure = "give it the list by another parameter, or another step's output"
            yield Trap(f"{what}, and no iteration has that", cure)


def fields(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find fields of items that an item does not have."""
    for name, selector in visit.task.selectors.items():
        source = visit.task.parameters.get(name)
        for value in (of_source(visit, source, given) or ()) if source else ():
            try:
                expression.select(value, selector)
            except CelError as error:
                _, is_missing, key = str(error).partition("no such key: ")
                what = f"{visit.called} takes a field of an item that has none ({error})"
                if is_missing:
                    what = f"{visit.called} takes {shown(key)} of each item, and {shown(value)} has none"
                yield Trap(what, "give each item the same keys, with a value")
                break


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
            problem = None
            break
    if problem is None and "\\" in text:
        what = "compares with a text that has a backslash, which a server takes for an escape"
        yield Trap(what, "compare with a text that has no backslash")
    elif problem:
        yield Trap("a server cannot evaluate this condition", _comparable(text, problem))


def _comparable(text: str, problem: CelError) -> str:
    """Return what to compare with instead, in a condition that is ``text``."""
    if "escape" in str(problem):
        return "compare with a text that has no backslash"
    if not _CONVERTED.search(text):
        try:
            cel.parse(text)
        except CelError:
            return "compare with a text that has no ' and no line break"
    return "compare what is of one type"


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
