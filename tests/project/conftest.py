"""Fixtures of the tests of what a project says of itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.kfp_server import KfpServer, kfp_server
from shared.parameters import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def server() -> Iterator[KfpServer]:
    with kfp_server() as running:
        yield running
