"""Fixtures of the tests of `make check`."""

import subprocess
from pathlib import Path

import pytest

from shared.baking import bake
from shared.by_hand import write_by_hand


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project that each test edits and puts back: ``add`` is written by hand."""
    return write_by_hand(bake(tmp_path_factory.mktemp("check")))


@pytest.fixture
def project(original: Path, tmp_path: Path) -> Path:
    """Return a copy of the project."""
    folder = tmp_path / "project"
    subprocess.run(["cp", "-R", original, folder], check=True)
    return folder
