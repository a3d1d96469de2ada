"""Checks the project for what the server that it is for does not have.

Most of it stands in the sources, with a line; what only the compiled pipeline shows is found by its tasks.
"""

import copy
from collections.abc import Iterable, Iterator

from kfp_workbench.pipeline import fitting, needs
from kfp_workbench.pipeline.features import Feature
from kfp_workbench.pipeline.view import View
from kfp_workbench.project import versions
from kfp_workbench.project.components import Component
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.sources import Sources
from kfp_workbench.project.versions import Version


def check_server(
    sources: Sources, components: Iterable[Component], setting: Version | None, view: View
) -> Iterator[Finding]:
    """Find what servers lack of the version that is set, or else the SDK's."""
    asked = list(needs.read_needs(sources, components))
    if not asked and not setting:
        return  # nothing is newer than the SDK
    version = versions.target(setting)
    lacking = _lacking(view, version)
    newer = (need for need in asked if version < need.feature.since)
    for need in needs.lacked(newer, lacking) if view.documents else newer:
        yield need.finding(versions.said(setting))
    for feature in lacking.keys() - {need.feature for need in asked}:
        for path, line in sorted({_line(view, task) for task in lacking[feature]}):
            yield needs.Need(feature, path, line).finding(versions.said(setting))


def _lacking(view: View, version: Version) -> dict[Feature, list[str]]:
    """Return what a compiled pipeline has that a server of a version lacks and needs."""
    if not view.documents:
        return {}
    documents = copy.deepcopy(list(view.documents))
    fitting.fit(documents, version, view.images.__contains__)
    return fitting.lacking(documents, version)


def _line(view: View, task: str) -> tuple[str, int]:
    """Return where a task was made, which a feature names by its name or its component's."""
    for made in view.lines.values():
        if task in made:
            return made[task]
    return "pipeline.py", 1
