"""Fixtures of the tests of what is on a cluster."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.cluster.schedules import Wanted
from kfp_workbench.project import settings as project_settings
from servers.kfp_server import KfpServer, kfp_server
from servers.kubeflow_server import Kubeflow, kubeflow
from shared.baking import make
from shared.schedules import clear
from shared.signing_in import Authority


@pytest.fixture(scope="session")
def package(default: Path) -> Path:
    """Return a compiled pipeline."""
    assert make(default, "compile").returncode == 0
    return default / "build" / "pipeline.yaml"


@pytest.fixture
def folder(tmp_path: Path, default: Path) -> Path:
    """Return a project's folder, as far as schedules need one."""
    (tmp_path / "params").mkdir()
    (tmp_path / "steps").symlink_to(default / "steps")
    for env, number in (("dev", 1), ("prod", 2)):
        (tmp_path / f"params/{env}.yaml").write_text(f"context: {{numbers: [{number}]}}\n")
    return tmp_path


@pytest.fixture(scope="session")
def settings(default: Path) -> project_settings.Settings:
    return project_settings.load(default, environ={})


@pytest.fixture(scope="session")
def server_of_all() -> Iterator[KfpServer]:
    """Run one server for the tests that need no other; `server` empties it."""
    with kfp_server() as running:
        yield running


@pytest.fixture
def server(server_of_all: KfpServer) -> KfpServer:
    clear(server_of_all)
    return server_of_all


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a compiled pipeline that the server takes."""
    path = tmp_path_factory.mktemp("small") / "pipeline.yaml"
    path.write_text(
        "pipelineInfo: {name: p}\nschemaVersion: 2.1.0\n"
        "root: {dag: {}, inputDefinitions: {parameters: {n: {parameterType: NUMBER_INTEGER, "
        "defaultValue: 1}, password: {parameterType: STRING, isOptional: true}}}}\n"
    )
    return path


@pytest.fixture
def wanted(small: Path) -> Callable[..., Wanted]:
    def make_wanted(key: str = "nightly", **more: Any) -> Wanted:
        return Wanted(
            **{
                **{"key": key, "title": f"p {key}", "env": "dev", "cron": "0 0 3 * * *"},
                **{"every": None, "start": None, "end": None, "enabled": True},
                **{"max_concurrency": 1, "catch_up": False, "package": small},
                **{"parameters": {}, "experiment": "p"},
                **more,
            }
        )

    return make_wanted


@pytest.fixture
def stranger() -> Iterator[Kubeflow]:
    """Another server, which would take the password too."""
    with kubeflow() as running:
        yield running


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "ca")
