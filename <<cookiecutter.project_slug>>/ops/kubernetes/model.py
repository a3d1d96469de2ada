"""What a step can ask of the cluster, as values that are known to be right."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ops.errors import OpsError
from ops.kubernetes import FILE


class Bounds(NamedTuple):
    """What a step is sure to get, and what it may use at most: thousandths of a core, or bytes."""

    request: int | None
    limit: int | None


@dataclass(frozen=True)
class Gpu:
    """Some devices of a kind."""

    type: str  # as the cluster calls the resource
    count: int


class Variable(NamedTuple):
    """An environment variable: its text, or the object and the key that the text is in."""

    name: str
    kind: str  # "value", "secret" or "config_map"
    source: str
    key: str = ""


class Volume(NamedTuple):
    """Something to be found at a path."""

    path: str
    kind: str  # "claim", "empty_dir", "secret" or "config_map"
    source: str  # its name; of an empty_dir its size, or nothing
    sub_path: str = ""  # of a claim
    medium: str = ""  # of an empty_dir: "Memory", or nothing for the node's disk


@dataclass(frozen=True)
class Retries:
    """How often and when a failed task is tried again; times are in seconds."""

    count: int
    wait: int = 0
    factor: float = 2.0
    max_wait: int = 3600


class Security(NamedTuple):
    """As whom a step runs; None for what is not said."""

    non_root: bool | None = None
    user: int | None = None
    group: int | None = None


class Settings(NamedTuple):
    """What steps and tasks ask for: by their names, values by their keys in the file."""

    by_name: Mapping[str, Mapping[str, Any]]
    lines: Mapping[str, int]

    def of(self, step: str, number: int) -> dict[str, Any]:
        """Return what the ``number``-th task of a step asks for, counted from 1."""
        return {**self.by_name.get(step, {}), **self.by_name.get(f"{step}-{number}", {})}

    def check_numbers(self, calls: Mapping[str, int]) -> None:
        """Raise OpsError (2) for a task that is not there; ``calls`` are the tasks of each step."""
        for name, line in self.lines.items():
            step, dash, number = name.rpartition("-")
            made = calls.get(step, 0)
            if dash and int(number) > made:
                what = f"there is no {name}: pipeline.py calls {step} {made} times"
                raise OpsError(f"{FILE}:{line}: {what}, so write {step} or a lower number", 2)
