"""Compares what came of a case here with what the backend did."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from conformance.failures import UNSAID, Failure
from conformance.outcomes import Run, Task

SHOWN = 400  # characters of a value
# Words of a record that stand for any such value.
WORDS = {
    "EXECUTION_ID": r"\d+",
    "ARTIFACT_ID": r"(?:\d+|ARTIFACT_ID)",
    "POD": r"[A-Za-z0-9]+(?:[-.][a-z0-9]+)*",
}
_WORD = re.compile(rf"\b({'|'.join(WORDS)})\b")


def differences(there: Sequence[Run], here: Sequence[Run]) -> list[str]:
    """Return how the runs here differ from those of the backend; nothing when they agree."""
    found = []
    if len(there) != len(here):
        found.append(f"runs: {len(there)} there, {len(here)} here")
    for number, (one, other) in enumerate(zip(there, here, strict=False), 1):
        prefix = f"run {number}: " if len(there) > 1 else ""
        found += [f"{prefix}{text}" for text in _of_run(one, other)]
    return found


def _of_run(there: Run, here: Run) -> Iterator[str]:
    yield from _unlike("the run", "state", there.state, here.state)
    yield from _unlike("the run", "failures", *_failures(there.failures, here.failures))
    ours, theirs = _by_path(here.tasks), _by_path(there.tasks)
    yield from _unlike("the run", "tasks", _counted(theirs), _counted(ours))
    for path in sorted(theirs.keys() & ours.keys()):
        for one, other in zip(theirs[path], ours[path], strict=False):
            yield from _of_task(path, one, other)


def _of_task(path: str, there: Task, here: Task) -> Iterator[str]:
    for name, theirs, ours in zip(Task._fields[1:], there[1:], here[1:], strict=True):
        if name.startswith("artifacts"):
            theirs, ours = _by_key(theirs), _by_key(ours)
        yield from _unlike(path, name, theirs, ours)


def _unlike(what: str, name: str, there: Any, here: Any) -> Iterator[str]:
    if not same(there, here):
        for place, one, other in _places(name, there, here):
            yield f"{what}: {place}: {_shown(one)} there, {_shown(other)} here"


def same(one: Any, other: Any) -> bool:
    """Tell whether two values of JSON are the same; true is no number, 1 and 1.0 are one.

    ``one`` is a record's, and may hold words that stand for any value.
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, str) and isinstance(other, str) and _WORD.search(one):
        return bool(_pattern(one).fullmatch(other))
    return bool(one == other)


def _pattern(text: str) -> re.Pattern[str]:
    """Return what matches a text with any value in the place of a word such as ``EXECUTION_ID``."""
    parts = [WORDS.get(part) or re.escape(part) for part in _WORD.split(text)]
    return re.compile("".join(parts), re.DOTALL)


def _places(name: str, there: Any, here: Any) -> Iterator[tuple[str, Any, Any]]:
    """Find the innermost places at which two values differ."""
    if isinstance(there, dict) and isinstance(here, dict):
        for key in sorted({*there, *here}):
            if not same(there.get(key, MISSING), here.get(key, MISSING)):
                yield from _places(f"{name}.{key}", there.get(key, MISSING), here.get(key, MISSING))
    elif isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        for index, (one, other) in enumerate(zip(there, here, strict=True)):
            if not same(one, other):
                yield from _places(f"{name}[{index}]", one, other)
    else:
        yield name, there, here


MISSING = object()


def _shown(value: Any) -> str:
    if value is MISSING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"


def _failures(there: Iterable[Failure], here: Iterable[Failure]) -> tuple[list[str], list[str]]:
    """Return failures as texts; where the backend gave no reason, none is compared."""
    unsaid = {failure[:2] for failure in there if failure.kind == UNSAID}
    known = [
        [f._replace(kind=UNSAID) if f[:2] in unsaid else f for f in failures]
        for failures in (there, here)
    ]
    return sorted(map(str, known[0])), sorted(map(str, known[1]))


def _by_path(tasks: Iterable[Task]) -> dict[str, list[Task]]:
    """Return tasks by path; those of one path in an order that does not depend on time."""
    ordered = sorted(tasks, key=lambda task: (task.path, json.dumps(task, sort_keys=True)))
    return {path: list(group) for path, group in groupby(ordered, key=lambda task: task.path)}


def _counted(tasks: dict[str, list[Task]]) -> dict[str, int]:
    return {path: len(group) for path, group in tasks.items()}


def _by_key(artifacts: Iterable[Any]) -> dict[str, list[Any]]:
    """Return artifacts by key; the order of those of one key counts."""
    found: dict[str, list[Any]] = {}
    for artifact in artifacts:
        found.setdefault(artifact["key"], []).append(artifact)
    return found
