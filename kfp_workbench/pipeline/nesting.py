"""Puts a pipeline that is used as a step into the other one, for as long as modules are loaded.

kfp 2.17 renames the inner pipeline's steps one after the other, in the order of a hash: the same
sources give other bytes each time, two tasks may end up with one executor (image, CPU, memory),
and what is set for Kubernetes may land on a task of the outer pipeline. Two functions of its
compiler, which it looks up by attribute, are replaced here: new names are found in one order, and
given all at once. Where no two names are the same, nothing changes; a test tells when they move.
"""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from kfp.compiler import pipeline_spec_builder


@contextlib.contextmanager
def corrected() -> Iterator[None]:
    """Put right how pipelines are put into each other within."""
    replacements = {
        "_merge_deployment_spec": _merge_executors,
        "_merge_component_spec": _merge_components,
    }
    before = {name: getattr(pipeline_spec_builder, name) for name in replacements}
    for name, replacement in replacements.items():
        setattr(pipeline_spec_builder, name, replacement)
    try:
        yield
    finally:
        for name, original in before.items():
            setattr(pipeline_spec_builder, name, original)


def _merge_executors(
    main_deployment_config: Any,
    sub_pipeline_spec: Any,
    main_platform_spec: Any,
    sub_platform_spec: Any,
) -> None:
    """Add the executors of the inner pipeline, with what each has for a platform."""
    inner = type(main_deployment_config)()
    pipeline_spec_builder.json_format.ParseDict(
        pipeline_spec_builder.json_format.MessageToDict(sub_pipeline_spec.deployment_spec), inner
    )
    labels = new_names(inner.executors, main_deployment_config.executors)
    for old, new in labels.items():
        main_deployment_config.executors[new].CopyFrom(inner.executors[old])
    for component in sub_pipeline_spec.components.values():
        if component.executor_label in labels:
            component.executor_label = labels[component.executor_label]
    for platform, settings in sub_platform_spec.platforms.items():
        merged = main_platform_spec.platforms[platform].deployment_spec.executors
        for label, config in settings.deployment_spec.executors.items():
            merged[labels[label]].CopyFrom(config)


def _merge_components(main_pipeline_spec: Any, sub_pipeline_spec: Any) -> None:
    """Add the components of the inner pipeline."""
    names = new_names(sub_pipeline_spec.components, main_pipeline_spec.components)
    inner = [sub_pipeline_spec.root, *sub_pipeline_spec.components.values()]
    for dag in (component.dag for component in inner if component.HasField("dag")):
        for task in dag.tasks.values():
            if task.component_ref.name in names:
                task.component_ref.name = names[task.component_ref.name]
    for old, new in names.items():
        main_pipeline_spec.components[new].CopyFrom(sub_pipeline_spec.components[old])


def new_names(names: Collection[str], taken: Collection[str]) -> Mapping[str, str]:
    """Return names as they are or, where they are taken, with the next number that is free."""
    found: dict[str, str] = {}
    used = {*taken, *names}
    for name in sorted(names, key=lambda name: (len(name), name)):
        new, number = name, 2
        while new in used and (new != name or name in taken):
            new, number = f"{name}-{number}", number + 1
        found[name] = new
        used.add(new)
    return found
