"""What `make compile` would write, as `make check` looks at it, and where it comes from."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from kfp_workbench.project.findings import Finding

Line = tuple[str, int]  # a path below the project's folder, with slashes
Lines = Mapping[
    str, Mapping[str, Line]
]  # of tasks and groups, by their pipeline's name and their own


class View(NamedTuple):
    """A compiled pipeline, or why there is none."""

    documents: Sequence[Any] = ()  # as in the compiled file; perhaps none
    lines: Lines = MappingProxyType({})
    images: Sequence[str] = ()  # those of the project's own steps
    wrong: Sequence[Finding] = ()  # what compiling refuses, or gets wrong
    hindered: str = ""  # what kept it from being compiled on this machine
    is_lasting: bool = True  # the same files give the same view


def of_json(data: Any) -> View:
    """Return a view as `as_json` wrote it; raises what a broken one raises."""
    lines = {
        pipeline: {name: (str(path), int(line)) for name, (path, line) in tasks.items()}
        for pipeline, tasks in data["lines"].items()
    }
    wrong = [Finding(*finding) for finding in data["wrong"]]
    return View(data["documents"], lines, data["images"], wrong, data["hindered"])


def as_json(view: View) -> Any:
    """Return a view as a JSON value."""
    return {**view._asdict(), "lines": dict(view.lines)}
