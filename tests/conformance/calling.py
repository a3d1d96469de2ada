"""Calls ``make conformance``'s command for tests."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from shared.baking import TEMPLATE

OWN = Path(__file__).parent
_RECORDED = Path(os.environ.get("GOLDEN") or TEMPLATE.parent / "shared" / "golden")
GOLDEN = [_RECORDED] if (_RECORDED / "cases").is_dir() else []  # where it is


class Result(NamedTuple):
    """What a call printed."""

    agree: list[str]
    refused: dict[str, str]
    differ: dict[str, str]
    table: str  # all of stderr

    @property
    def elsewhere(self) -> int:
        """How many lines below the table name what only Kubernetes does."""
        return self.table.count("only on Kubernetes: ")


def conformance(folder: Path, runner: str, *arguments: str) -> Result:
    """Run the cases of a folder; a process of its own, which can fork, does it."""
    places = ["--cases", str(folder / "cases"), "--records", str(folder / "records")]
    result = subprocess.run(
        [sys.executable, "-m", "conformance", *places, "--runner", runner, *arguments],
        env={**os.environ, "PYTHONPATH": f"{OWN.parent}{os.pathsep}{TEMPLATE}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert result.returncode in (0, 1), result.stderr
    return Result(**json.loads(result.stdout), table=result.stderr.strip())
