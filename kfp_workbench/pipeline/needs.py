"""Finds in the sources what not every server has (`kfp_workbench.pipeline.features`).

What the sources do not tell, such as arguments by ``**``, `make compile` finds.
"""

import ast
import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench import errors
from kfp_workbench.pipeline import fitting
from kfp_workbench.pipeline.features import FEATURES, IF, NAMED_LOOP, Argument, Feature
from kfp_workbench.pipeline.kubernetes import FILE
from kfp_workbench.project.components import CONTAINER, Component, read_component
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import in_kubernetes
from kfp_workbench.project.sources import Module, Sources, UnreadableError
from kfp_workbench.project.steps import find_steps
from kfp_workbench.project.versions import Version

LOOP = Argument("ParallelFor", "name", 1)
COLLECTED = Argument("Collected", "output", 0)


class Need(NamedTuple):
    """A place in the sources that asks for a feature."""

    feature: Feature
    path: str
    line: int
    component: str = ""  # that asks for it; any if it is not known

    def is_of(self, tasks: Iterable[str]) -> bool:
        """Tell whether its component is among tasks, or components, as a feature names them."""
        called = re.compile(f"{re.escape(in_kubernetes(self.component))}(-[0-9]+)?")
        return not self.component or any(called.fullmatch(task) for task in tasks)

    def finding(self, whose: str) -> Finding:
        """Return that a server lacks it; ``whose`` is such as "and http://... has 2.15"."""
        return Finding(self.path, self.line, _lack(self.feature, whose), self.feature.cure)


def refuse(documents: list[Any], version: Version, whose: str, root: Path) -> None:
    """Raise WorkbenchError (2) for all that a compiled pipeline has and a server of ``version`` lacks.

    It is told where the sources ask for it, or else by the tasks that have it.
    """
    lacking = fitting.lacking(documents, version)
    needs = lacked(project_needs(root), lacking) if lacking else []
    lines = [finding.text for finding in sorted({need.finding(whose) for need in needs})]
    for feature, tasks in lacking.items():
        if feature not in {need.feature for need in needs}:
            who = ", ".join(filter(None, tasks)) or "the pipeline"
            lines.append(f"pipeline.py: {who}: {_lack(feature, whose)}: {feature.cure}")
    errors.refuse(lines)


def lacked(needs: Iterable[Need], lacking: Mapping[Feature, Sequence[str]]) -> list[Need]:
    """Return the needs among those that a compiled pipeline has; see `fitting.lacking`."""
    return [n for n in needs if n.feature in lacking and n.is_of(lacking[n.feature])]


def _lack(feature: Feature, whose: str) -> str:
    return f"{feature.what} needs KFP {feature.since}, {whose}"


def project_needs(root: Path) -> list[Need]:
    """Return what the project in ``root`` asks for of what not every server has."""
    sources, components = Sources(root), []
    for step in find_steps(root):
        with contextlib.suppress(UnreadableError):
            components.append(read_component(step, sources))
    return list(read_needs(sources, components))


def read_needs(sources: Sources, components: Iterable[Component]) -> Iterator[Need]:
    """Return all that the sources ask for of what not every server has."""
    for component in components:
        name = str(component.value.get("name", ""))
        yield from (Need(IF, component.path, line, name) for line in _ifs(component))
    yield from _of_settings(sources)
    try:
        modules = sources.pipeline_modules()
    except UnreadableError:
        return  # that is found elsewhere
    for module in modules:
        path = sources.name(module.path)
        yield from (Need(NAMED_LOOP, path, line) for line in _named_loops(module))
        for feature in FEATURES:
            for argument in feature.arguments:
                yield from (Need(feature, path, line) for line in _given(module, argument))


def _ifs(component: Component) -> Iterator[int]:
    for key in ("command", "args"):
        words = component.container.get(key)
        for number, word in enumerate(words if isinstance(words, list) else []):
            if isinstance(word, dict) and "if" in word:
                yield component.document.line(*CONTAINER, key, number)


def _of_settings(sources: Sources) -> Iterator[Need]:
    if not (sources.root / FILE).exists():
        return
    try:
        document = sources.document(sources.root / FILE)
    except UnreadableError:
        return
    for feature in FEATURES:
        for path in feature.settings:
            for place in _places(document.value, ["*", *path.split(".")]):
                yield Need(feature, FILE, document.line(*place))


def _places(part: Any, path: Sequence[str]) -> Iterator[tuple[object, ...]]:
    """Return where there is something along a path, in which ``*`` is any key."""
    if not path:
        yield from [()] if part not in (None, "") else []
    elif isinstance(part, dict):
        for key, inner in part.items():
            if path[0] in ("*", key):
                yield from ((key, *rest) for rest in _places(inner, path[1:]))


def _given(module: Module, argument: Argument) -> Iterator[int]:
    """Return the lines in which an argument is given."""
    values = (_value(call, argument) for call in module.calls)
    yield from (value.lineno for value in values if value)


def _value(call: ast.Call, argument: Argument) -> ast.expr | None:
    """Return what a call gives for an argument, if that is its function's and not false."""
    called = getattr(call.func, "attr", None) or getattr(call.func, "id", None)
    if called != argument.function:
        return None
    given = [word.value for word in call.keywords if word.arg == argument.name]
    if argument.place is not None:
        given += call.args[argument.place : argument.place + 1]
    is_false = [isinstance(value, ast.Constant) and not value.value for value in given]
    return given[0] if is_false == [False] else None


def _named_loops(module: Module) -> Iterator[int]:
    """Return the lines of the loops with a name of which something is collected."""
    collected = {
        node.id
        for call in module.calls
        if (value := _value(call, COLLECTED))
        for node in ast.walk(value)
        if isinstance(node, ast.Name)
    }
    for node in module.nodes:
        if isinstance(node, ast.With) and not collected.isdisjoint(_assigned(node)):
            calls = (item.context_expr for item in node.items)
            loops = [call for call in calls if isinstance(call, ast.Call) and _value(call, LOOP)]
            yield from (loop.lineno for loop in loops)


def _assigned(block: ast.With) -> set[str]:
    stored = (node for node in ast.walk(block) if isinstance(node, ast.Name))
    return {node.id for node in stored if isinstance(node.ctx, ast.Store)}
