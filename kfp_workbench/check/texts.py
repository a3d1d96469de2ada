"""Finds the texts of a project that a KFP server refuses, or that a cluster changes."""

from collections.abc import Iterator
from typing import Any

from kfp_workbench.cluster.schedule_file import FILE as SCHEDULES
from kfp_workbench.pipeline.source_texts import Found, Part, find_compiled, in_files, mapping
from kfp_workbench.project.params_file import SETTINGS
from kfp_workbench.project.sources import Sources


def find(sources: Sources) -> Iterator[Found]:
    """Find what is wrong with the texts in the files that a run is made of.

    What cannot be read is left out: that is found elsewhere.
    """
    yield from find_compiled(sources)
    yield from in_files(sources, _GIVEN)


def _of_parameters(value: Any) -> Iterator[Part]:
    for name, part in mapping(value).items():
        if name != SETTINGS:
            yield (name,), part, True
    for name in ("experiment", "experiment_description"):
        yield (SETTINGS, name), mapping(mapping(value).get(SETTINGS)).get(name), False


def _of_schedules(value: Any) -> Iterator[Part]:
    for name, entry in mapping(value).items():
        yield (name, "parameters"), mapping(entry).get("parameters"), True


_GIVEN = {"params/*.yaml": _of_parameters, SCHEDULES: _of_schedules}
