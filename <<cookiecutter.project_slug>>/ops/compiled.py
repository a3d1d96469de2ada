"""Finds things in a compiled pipeline, by KFP's own names for its parts (pipeline_spec.proto)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Whole = Mapping[str, Any]  # both documents of a compiled pipeline, as one
Finder = Callable[[Whole], Iterator[str]]  # returns names of tasks, or of components
PVC_IMAGE = "argostub/createpvc"  # what kfp.kubernetes.CreatePVC is compiled to


def whole(documents: list[Any]) -> Whole:
    """Return the documents of a compiled pipeline as one; they share no key."""
    return {key: value for document in documents for key, value in document.items()}


def at(*paths: str, counts: Callable[[Any], object] = lambda value: True) -> Finder:
    """Return what finds values by their paths, in which ``*`` is any key or index."""

    def find(whole: Whole) -> Iterator[str]:
        for path in paths:
            for name, value in values(whole, path):
                if counts(value):
                    yield name.removeprefix("exec-").removeprefix("comp-")

    return find


def values(whole: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Return the values at a path, each with the first key that a ``*`` stands for, or ""."""
    found = [("", whole)]
    for word in path.split("."):
        found = [
            (name or (str(key) if word == "*" else ""), inner)
            for name, part in found
            for key, inner in _parts(part)
            if word in ("*", key)
        ]
    yield from found


def _parts(part: Any) -> Any:
    if isinstance(part, dict):
        return part.items()
    return enumerate(part) if isinstance(part, list) else ()


def of_executors(*fields: str) -> Finder:
    """Return what finds fields of what single tasks ask of Kubernetes."""
    return at(*(f"platforms.kubernetes.deploymentSpec.executors.*.{field}" for field in fields))


def of_pipeline(*fields: str) -> Finder:
    """Return what finds fields of what the whole pipeline asks of Kubernetes."""
    return at(*(f"platforms.kubernetes.pipelineConfig.{field}" for field in fields))


def collected(whole: Whole) -> Iterator[str]:
    """Find the loops whose outputs are collected."""
    yield from (name for name, _ in _collected(whole))


def collected_of_named(whole: Whole) -> Iterator[str]:
    """Find those of them that have a name of their own, by that."""
    for name, task in _collected(whole):
        called = task.get("taskInfo", {}).get("name", name)
        if called != name:
            yield called


def _collected(whole: Whole) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return the loops whose outputs other tasks take, or the graph around them."""
    for number, graph in enumerate(_graphs(whole)):
        takers = [task.get("inputs") for task in graph["tasks"].values()]
        takers += [graph.get("outputs")] if number else []  # no task takes those of the root
        makers = {maker for taker in takers for maker in _makers(taker)}
        for name, task in graph["tasks"].items():
            if name in makers and ("parameterIterator" in task or "artifactIterator" in task):
                yield name, task


def _makers(part: Any) -> Iterator[str]:
    """Return the names of the tasks that make what something takes."""
    for key, inner in _parts(part):
        if key in ("producerTask", "producerSubtask"):
            yield inner
        yield from _makers(inner)


def _graphs(whole: Whole) -> Iterator[Mapping[str, Any]]:
    """Return the graphs (``dag``) of a compiled pipeline, that of its root first."""
    for component in (whole["root"], *whole.get("components", {}).values()):
        if "dag" in component:
            yield component["dag"]


def claims_with_source(whole: Whole) -> Iterator[str]:
    """Find the claims that are made from others, or from snapshots."""
    executors = whole["deploymentSpec"]["executors"]
    for graph in _graphs(whole):
        for name, task in graph["tasks"].items():
            component = whole["components"].get(task["componentRef"]["name"], {})
            executor = executors.get(component.get("executorLabel"), {})
            is_claim = executor.get("container", {}).get("image") == PVC_IMAGE
            if is_claim and "data_source" in task.get("inputs", {}).get("parameters", {}):
                yield name
