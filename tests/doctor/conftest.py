"""Fixtures of the tests of `make doctor`."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kfp_workbench.doctor import engine
from kfp_workbench.local import engines
from servers.kfp_server import KfpServer, kfp_server
from shared.machines import HERE, Machine


@pytest.fixture
def machine(tmp_path: Path, default: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    ours = [name for name in os.environ if name.startswith(("DOCKER_", "CONTAINER", "KFP_"))]
    for name in (*ours, "DOCKER", "PLATFORM", "REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("kfp_workbench.doctor.machine.platform.node", lambda: HERE)
    monkeypatch.setattr("kfp_workbench.doctor.machine.sys.platform", "linux")
    monkeypatch.setattr(engine, "BINFMT", tmp_path / "binfmt")
    monkeypatch.setattr(engines, "connect", lambda command: None)
    return Machine(tmp_path, default, monkeypatch)


@pytest.fixture
def server() -> Iterator[KfpServer]:
    with kfp_server() as running:
        yield running
