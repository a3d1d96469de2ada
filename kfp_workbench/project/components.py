"""A step's ``component.yaml``, read with its lines.

The schema is
https://www.kubeflow.org/docs/components/pipelines/legacy-v1/reference/component-spec/
as kfp 2 reads it (``kfp.dsl.structures.ComponentSpec.from_v1_component_spec``).
"""

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
