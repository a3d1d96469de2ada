"""What a run's importers will ask for, as far as that is known before it begins."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kfp_workbench.local import own_data, spec
from kfp_workbench.local.importer import takes_image
from kfp_workbench.local.spec import Component, ComponentInput, Constant, Pipeline, Task


class Import(NamedTuple):
    """An address that an importer has."""

    label: str  # the importer's, for people
    address: str
    is_used: bool  # a task takes what it imports
    is_certain: bool  # it is imported whatever comes of others: in no condition, and in no loop
    takes_image: bool = False  # what it imports may be in an image

    @property
    def is_path(self) -> bool:
        """Tell whether it is a path of this machine, which no cluster takes."""
        return own_data.is_path(self.address)


def known(pipeline: Pipeline, parameters: Mapping[str, Any]) -> Iterator[Import]:
    """Yield what importers ask for by a text in the file, or by one of the run's ``parameters``."""
    yield from _within(pipeline, pipeline.root, parameters, is_certain=True)


def _within(
    pipeline: Pipeline, component: Component, values: Mapping[str, Any], *, is_certain: bool
) -> Iterator[Import]:
    if component.dag is None:
        return
    for task in component.dag.tasks.values():
        inner = pipeline.components.get(task.component)
        if inner is None:
            continue
        given = _given(task, values)
        is_sure = is_certain and not task.condition and task.loop is None
        importer = pipeline.executors.get(inner.executor, {}).get("importer")
        if importer is None:
            yield from _within(pipeline, inner, given, is_certain=is_sure)
        elif address := _address(importer, given):
            is_used = _is_used(component.dag, task)
            yield Import(task.label, address, is_used, is_sure, takes_image(importer))


def _given(task: Task, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a task whose values are known."""
    found = {}
    for name, source in task.parameters.items():
        if name in task.selectors:
            continue
        if isinstance(source, Constant):
            found[name] = source.value
        elif isinstance(source, ComponentInput) and source.name in values:
            found[name] = values[source.name]
    return found


def _address(importer: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    uri = importer.get("artifactUri") or {}
    address = uri.get("constant", given.get(uri.get("runtimeParameter", "")))
    return address if isinstance(address, str) else ""


def _is_used(dag: spec.Dag, importer: Task) -> bool:
    return any(importer.name in task.after and task.artifacts for task in dag.tasks.values())
