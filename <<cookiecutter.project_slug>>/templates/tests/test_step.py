"""The step {{ step }}: copy the test, for each thing that it should do."""

from pathlib import Path
from typing import Any


def test_{{ step }}(run_step: Any, tmp_path: Path) -> None:
{{ files }}    {{ run }}
    {{ checks }}
