"""What a real KFP was seen to do, for tests that hold this project to it.

The records are no part of this repository. Where they are at hand, beside it or where ``GOLDEN``
says, tests use them; elsewhere those tests are skipped, and say so.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.baking import TEMPLATE

FOLDER = Path(os.environ.get("GOLDEN") or TEMPLATE.parent / "shared" / "golden")
TRAINING = FOLDER / "training-inputs.json"  # what each step of the starter `training` was given
MISSING = f"no records of a real KFP in {FOLDER}: name their folder in GOLDEN"


def each(name: str, found: Iterable[tuple[str, Any]]) -> pytest.MarkDecorator:
    """Return what makes of a test one for each of the things found, which have their ids."""
    cases = [pytest.param(value, id=key) for key, value in found]
    skipped = pytest.param(None, id="none", marks=pytest.mark.skip(reason=MISSING))
    return pytest.mark.parametrize(name, cases or [skipped])


def runs() -> Iterator[tuple[str, list[Any]]]:
    """Yield the tasks of every recorded run, with the run's name."""
    for path in sorted(FOLDER.glob("records*/*.json")):
        for number, run in enumerate(_read(path).get("runs", ())):
            yield f"{path.parent.name}/{path.stem}-{number}", run.get("tasks", [])


def executor_inputs() -> Iterator[tuple[str, Any]]:
    """Yield every executor input that was recorded, once, with the name of its file."""
    seen: list[Any] = []
    for path in sorted([*FOLDER.glob("records*/*.json"), *FOLDER.glob(TRAINING.name)]):
        for found in _executor_inputs(_read(path)):
            if found not in seen:
                seen.append(found)
                yield f"{path.parent.name}/{path.stem}", found


def _executor_inputs(value: Any) -> Iterator[Any]:
    if isinstance(value, str):  # an argument of a command line
        value = json.loads(value) if '"outputFile"' in value else None
    if isinstance(value, dict) and "outputFile" in (value.get("outputs") or ()):
        yield value
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in items:
        yield from _executor_inputs(item)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
