"""Names what a backend would do with the compiled pipeline, and nobody wants, before a run.

Each kind of trap is a function in `FINDERS`, which looks at one task; where the sources ask for it is
found here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kfp_workbench.check import (
    traps_arguments,
    traps_branches,
    traps_parameters,
    traps_pods,
    traps_tasks,
    traps_texts,
    traps_values,
)
from kfp_workbench.check.flow import Visit, visits
from kfp_workbench.check.trap import Finder, Trap
from kfp_workbench.local import spec
from kfp_workbench.pipeline.view import Line, Lines, View
from kfp_workbench.project.components import CONTAINER, Component
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import in_kubernetes
from kfp_workbench.project.params_file import SETTINGS
from kfp_workbench.project.sources import Sources, UnreadableError

FINDERS: Sequence[Finder] = (
    traps_arguments.unresolved,
    traps_arguments.missing,
    traps_arguments.clauses,
    traps_values.null,
    traps_values.types,
    traps_values.lists,
    traps_values.fields,
    traps_values.conditions,
    traps_values.outputs,
    traps_branches.collected,
    traps_branches.branches,
    traps_texts.texts,
    traps_texts.quotes,
    traps_tasks.refused,
    traps_tasks.pods,
    traps_pods.settings,
    traps_tasks.exits,
    traps_tasks.artifacts,
    traps_tasks.importers,
    traps_tasks.characters,
)
_MODULE = "pipeline.py"


def check_traps(
    sources: Sources, components: Sequence[Component], view: View, found: Sequence[Finding]
) -> Iterator[Finding]:
    """Find the traps of a compiled pipeline; ``found`` is what the sources alone have told."""
    if not view.documents:
        if not any(_is_compiled(finding.path) for finding in found):
            yield from view.wrong
        return
    yield from view.wrong
    pipeline = spec.read(view.documents)
    given = list(_given(sources))
    by_image = {str(part.container.get("image")): part for part in components}
    yield from traps_parameters.check_parameters(sources, pipeline)
    told = [finding.what for finding in found]
    for visit in visits(pipeline):
        for find in FINDERS:
            for trap in find(visit, given):
                if not any(what.endswith(trap.what) for what in told):
                    yield _placed(trap, visit, view.lines, by_image)


def _is_compiled(path: str) -> bool:
    """Tell whether a file is one of those that compiling reads."""
    return path.endswith((".py", "component.yaml", "kubernetes.yaml", "pyproject.toml"))


def _given(sources: Sources) -> Iterator[Mapping[str, Any]]:
    """Yield the parameters that each file in ``params/`` gives, as they stand there."""
    for path in sorted((sources.root / "params").glob("*.yaml")):
        try:
            value = sources.document(path).value
        except UnreadableError:
            continue
        if isinstance(value, dict):
            yield {str(name): part for name, part in value.items() if name != SETTINGS}
        elif value is None:
            yield {}


def _placed(trap: Trap, visit: Visit, lines: Lines, components: Mapping[str, Component]) -> Finding:
    component = components.get(str(visit.container.get("image")))
    if trap.word and component:
        place = (*CONTAINER, trap.word.key, trap.word.number)
        return component.found(place, trap.what, trap.cure)
    what = f"{visit.task.label} {trap.what}" if trap.word else trap.what
    return Finding(*line_of(visit, lines), what, trap.cure)


def line_of(visit: Visit, lines: Lines) -> Line:
    """Return the line in which a task was made; of the pipeline's first where that is not known."""
    owner = visit.parent
    while owner and owner.is_group:
        owner = owner.parent
    name = owner.component.name.removeprefix("comp-") if owner else visit.pipeline.name
    names = set(visit.graph.dag.tasks) if visit.graph.dag else set()
    own = [made for key, made in lines.items() if in_kubernetes(key) == in_kubernetes(name)]
    alike = [made for made in lines.values() if names <= made.keys()]
    for made in (*own, *alike, *lines.values()):
        if visit.task.name in made:
            return made[visit.task.name]
    return (_MODULE, 1)
