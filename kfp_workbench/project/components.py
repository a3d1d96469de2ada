"""A step's ``component.yaml``, read with its lines.

The schema is
https://www.kubeflow.org/docs/components/pipelines/legacy-v1/reference/component-spec/
as kfp 2 reads it (``kfp.dsl.structures.ComponentSpec.from_v1_component_spec``).
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from kfp_workbench.project.component_forms import as_plain
from kfp_workbench.project.documents import Document, Place
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.sources import Sources, UnreadableError
from kfp_workbench.project.steps import Step

# The types that kfp takes for parameters, in lower case, as the compiled pipeline calls them.
PARAMETERS = {
    **dict.fromkeys(("integer", "int"), "NUMBER_INTEGER"),
    **dict.fromkeys(("double", "float"), "NUMBER_DOUBLE"),
    **dict.fromkeys(("string", "str", "text"), "STRING"),
    **dict.fromkeys(("bool", "boolean"), "BOOLEAN"),
    **dict.fromkeys(("dict", "jsonobject"), "STRUCT"),
    **dict.fromkeys(("list", "jsonarray"), "LIST"),
}
# The types that kfp takes for artifacts of a kind of their own; all others are plain ones.
_ARTIFACTS = {
    name.lower(): f"system.{name}"
    for name in (
        *("Artifact", "Dataset", "Model", "HTML", "Markdown"),
        *("Metrics", "ClassificationMetrics", "SlicedClassificationMetrics"),
    )
}
FINAL_STATUS = "PipelineTaskFinalStatus"  # an input that KFP fills in itself
OF_STATUS = "TASK_FINAL_STATUS"  # what the compiled pipeline calls its type
CONTAINER: Place = ("implementation", "container")


class Component(NamedTuple):
    """A step's ``component.yaml`` and where it lies."""

    path: str
    document: Document
    value: Any  # in the plain form
    container: Mapping[str, Any]

    def found(self, place: Place, what: str, cure: str) -> Finding:
        """Return a finding about the part at ``place``."""
        return Finding(self.path, self.document.line(*place), what, cure)

    def ports(self, kind: str) -> dict[str, tuple[Place, Mapping[str, Any]]]:
        """Return the inputs or outputs by name, each with its place."""
        items = self.value.get(kind) or []
        return {
            str(item["name"]): ((kind, number), item)
            for number, item in enumerate(items if isinstance(items, list) else [])
            if isinstance(item, dict) and "name" in item
        }

    def words(self, key: str) -> list[Any]:
        """Return what stands in ``command`` or ``args``; nothing where that is no list."""
        found = self.container.get(key)
        return found if isinstance(found, list) else []


def parameter_type(declared: object) -> str | None:
    """Return what the compiled pipeline calls a parameter's type; None for an artifact's.

    ``List[str]``, also as ``typing.List[str]``, is a list. Of whatever is no parameter, a type
    that kfp does not know among it, kfp makes an artifact.
    """
    if not isinstance(declared, str):
        return None
    if declared == FINAL_STATUS:
        return OF_STATUS
    name = declared.removeprefix("typing.").lower()
    return PARAMETERS.get(name.partition("[")[0] if name.startswith(("list", "dict")) else name)


def schema_title(declared: object) -> str:
    """Return what the compiled pipeline calls an artifact's type."""
    if not isinstance(declared, str):
        return _ARTIFACTS["artifact"]
    name = declared.removeprefix("typing.")
    if re.fullmatch(r"google\.[A-Za-z]+", name):
        return name
    return _ARTIFACTS.get(name.lower(), _ARTIFACTS["artifact"])


def read_component(step: Step, sources: Sources) -> Component:
    """Return a step's component; raises UnreadableError."""
    path = step.folder / "component.yaml"
    document = sources.document(path)
    value = container = as_plain(document.value)
    for key in CONTAINER:
        container = container.get(key) if isinstance(container, dict) else None
    if not isinstance(container, dict):
        cure = "write implementation: {container: {image: ..., command: [...], args: [...]}}"
        raise UnreadableError(
            Finding(sources.name(path), 1, "has no implementation.container", cure)
        )
    return Component(sources.name(path), document, value, container)
