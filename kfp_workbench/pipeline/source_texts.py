"""Finds the texts of the sources that a KFP server refuses, or that a cluster changes, once compiled."""

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from kfp_workbench.pipeline.kubernetes import FILE as KUBERNETES
from kfp_workbench.project import texts
from kfp_workbench.project.component_forms import as_plain
from kfp_workbench.project.components import CONTAINER
from kfp_workbench.project.documents import Document, DocumentError, Place, written
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.literals import LOADER, called, submitted
from kfp_workbench.project.secrecy import is_secret
from kfp_workbench.project.sources import Module, Sources, UnreadableError
from kfp_workbench.project.strict_yaml import parse
from kfp_workbench.project.texts import Trouble

# A part of a file, its place, and whether Argo gets to see it.
Part = tuple[Place, Any, bool]


class Found(NamedTuple):
    """A finding, and the trouble that it tells of."""

    finding: Finding
    trouble: Trouble


def find_compiled(sources: Sources) -> Iterator[Found]:
    """Find what is wrong with those texts that get into the compiled pipeline."""
    try:
        modules = sources.pipeline_modules()
    except UnreadableError:
        modules = []
    for module, line, text in submitted(modules):
        for place, trouble in texts.find(text):
            yield _found(sources.name(module.path), line, place, trouble)
    for module in modules:
        yield from _loaded(sources.name(module.path), module)
    yield from in_files(sources, _COMPILED)


def in_files(
    sources: Sources, files: Mapping[str, Callable[[Any], Iterator[Part]]]
) -> Iterator[Found]:
    """Find what is wrong with the parts that are named of some files, by their pattern."""
    for pattern, parts in files.items():
        for path in sorted(sources.root.glob(pattern)):
            try:
                document = sources.document(path)
            except UnreadableError:
                continue
            yield from _in_document(sources.name(path), document, parts)


def _loaded(name: str, module: Module) -> Iterator[Found]:
    """Find what is wrong in components that stand in a module as text."""
    for call in module.calls:
        node = call.args[0] if call.args and called(call) == LOADER else None
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                document = parse(node.value)
            except DocumentError:
                continue
            yield from _in_document(name, document, _of_component, node.lineno - 1)


def _in_document(
    name: str, document: Document, parts: Callable[[Any], Iterator[Part]], above: int = 0
) -> Iterator[Found]:
    """Find what is wrong in a document, which begins after so many lines of its file."""
    for part, value, for_argo in parts(document.value):
        for place, trouble in texts.find(value, part, for_argo=for_argo):
            yield _found(name, above + document.line(*place), place, trouble)


def _found(name: str, line: int, place: Place, trouble: Trouble) -> Found:
    hidden = any(is_secret(str(part)) for part in place)
    inner = place[len(CONTAINER) :] if place[: len(CONTAINER)] == CONTAINER else place
    what = trouble.about if hidden else trouble.what
    where = f"{written(inner)}: " if inner else ""
    return Found(Finding(name, line, f"{where}{what}", trouble.cure), trouble)


def _of_component(value: Any) -> Iterator[Part]:
    """Return what kfp compiles of a component; descriptions stay behind."""
    value = as_plain(value)
    inputs = mapping(value).get("inputs")
    for number, item in enumerate(inputs if isinstance(inputs, list) else []):
        yield ("inputs", number, "default"), mapping(item).get("default"), True
    container = mapping(mapping(mapping(value).get(CONTAINER[0])).get(CONTAINER[1]))
    for key in ("command", "args", "env"):
        yield (*CONTAINER, key), container.get(key), True


def _of_kubernetes(value: Any) -> Iterator[Part]:
    """Return the variables: nothing else takes such texts, nor these anything of Argo's."""
    for name, part in mapping(value).items():
        yield (name, "env"), mapping(part).get("env"), False


def mapping(value: Any) -> Mapping[Any, Any]:
    """Return a mapping, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


_COMPILED = {"steps/*/component.yaml": _of_component, KUBERNETES: _of_kubernetes}
