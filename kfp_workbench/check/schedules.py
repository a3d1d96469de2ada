"""Checks ``schedules.yaml`` against the parameters of the pipeline."""

from collections.abc import Iterator

from kfp_workbench.check import wiring
from kfp_workbench.cluster import schedule_file
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.sources import Sources, UnreadableError


def check_schedules(sources: Sources) -> Iterator[Finding]:
    """Find what is wrong with the schedules, where the project has any."""
    if (sources.root / schedule_file.FILE).exists():
        try:
            kinds = wiring.parameter_kinds(sources)
        except UnreadableError:
            kinds = None  # that is found elsewhere
        yield from schedule_file.read_schedules(sources, kinds)[1]
