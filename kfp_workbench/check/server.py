"""Checks the sources for what the server that a project is for does not have."""

from collections.abc import Iterable, Iterator

from kfp_workbench.pipeline.needs import read_needs
from kfp_workbench.project import versions
from kfp_workbench.project.components import Component
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.sources import Sources
from kfp_workbench.project.versions import Version


def check_server(
    sources: Sources, components: Iterable[Component], setting: Version | None
) -> Iterator[Finding]:
    """Find what servers lack of the version that is set, or else the SDK's."""
    if needs := list(read_needs(sources, components)):
        version = versions.target(setting)
        for need in needs:
            if version < need.feature.since:
                yield need.finding(versions.said(setting))
