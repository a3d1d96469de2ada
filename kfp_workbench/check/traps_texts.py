"""Traps of texts: with placeholders that nothing replaces there, or with quotes that break JSON."""

import json
import re
from collections.abc import Iterator
from typing import Any

from kfp_workbench.check.flow import NOTHING, Given, Visit, possible
from kfp_workbench.check.trap import Trap
from kfp_workbench.local import expansion, inputs, placeholders, values
from kfp_workbench.local.spec import Constant, TaskOutput
from kfp_workbench.project.names import called, shown

CHANNEL = "{{channel:"
_OF_RUN = re.compile(r"\{\{\$\.(?:pipeline_\w+|workspace_path)\}\}")


def texts(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find constants and settings with placeholders that nothing replaces there."""
    yield from _in_constants(visit)
    for where, value in _unfilled(visit):
        for text in expansion.texts(value):
            yield from _in_text(where, text)
    for item in visit.container.get("env") or ():
        text = str(item.get("value", ""))
        where = f"the variable {item['name']} of {visit.task.label}"
        yield from _in_text(where, text)
        for inner in placeholders.names_in(text):
            yield Trap(
                f"{where} has {shown(placeholders.tag(inner))}, which stays as it is", _ARGUMENT
            )
    importer = visit.executor.get("importer") or {}
    for text in expansion.texts(importer.get("metadata")):
        where = f"metadata of {visit.task.label}"
        yield from _in_text(where, text)
        if placeholders.names_in(text):
            what = f"{where} take an input, which stays as it is written"
            yield Trap(what, "write them as constants, or hand the value to the steps")
    address = str((importer.get("artifactUri") or {}).get("constant", ""))
    yield from _in_text(f"the address of {visit.task.label}", address)


def _in_constants(visit: Visit) -> Iterator[Trap]:
    for name, source in visit.task.parameters.items():
        value = source.value if isinstance(source, Constant) else None
        if isinstance(value, str) and _is_whole(value):
            continue
        for text in expansion.texts(value):
            where = f"{called(name)} of {visit.task.label}"
            yield from _in_text(where, text)
            for inner in placeholders.names_in(text):
                if visit.component.dag:
                    what = f"{where} is an f-string, which a pipeline within gets as it is written"
                    yield Trap(what, "hand the values over, and let a step join them")
                    break
                if visit.container and (inner == name or inner not in visit.names):
                    what = f"{where} has {shown(placeholders.tag(inner))}, which stays as it is"
                    yield Trap(what, _ARGUMENT)


def _unfilled(visit: Visit) -> Iterator[tuple[str, Any]]:
    """Yield values in which no driver fills in anything, and what they are."""
    for name, parameter in visit.component.parameters.items():
        if name not in visit.task.parameters and parameter.default is not None:
            yield f"the default of {called(name)} of {visit.task.label}", parameter.default
    if visit.task.loop and visit.task.loop.raw:
        yield "an item of the loop", json.loads(visit.task.loop.raw)


def quotes(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find texts made of values whose quotes break the JSON in which a container gets its inputs."""
    words = (*(visit.container.get("command") or ()), *(visit.container.get("args") or ()))
    if not any("{{$}}" in str(word) for word in words):
        return
    for name, source in visit.task.parameters.items():
        text = source.value if isinstance(source, Constant) else None
        for inner in placeholders.names_in(text) if isinstance(text, str) else ():
            if (
                inner != name
                and inner in visit.task.parameters
                and _has_quotes(visit, inner, given)
            ):
                what = f"{called(name)} of {visit.task.label} has {called(inner)} in it"
                cure = "hand it over as an argument of its own, and join texts in the step"
                yield Trap(f"{what}, whose quotes break the JSON that the step is given", cure)


def _has_quotes(visit: Visit, name: str, given: Given) -> bool:
    source, graph = visit.task.parameters[name], visit.graph.dag
    if isinstance(source, TaskOutput) and graph and source.task in graph.tasks:
        maker = visit.pipeline.component_of(graph.tasks[source.task])
        return maker.outputs.get(source.key) == "STRUCT"
    found = [value for value in possible(visit, name, given) if value is not NOTHING]
    texts = [values.launcher_text(value) for value in found]
    return any(json.dumps(text, ensure_ascii=False) != f'"{text}"' for text in texts)


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


def _is_whole(text: str) -> bool:
    return text in inputs.PLACEHOLDERS or inputs.WORKSPACE_TAG in text
