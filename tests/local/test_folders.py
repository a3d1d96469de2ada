"""The folders of runs: the oldest are removed, and none that is in use."""

import os
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.local import running


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return a folder with two runs more than are kept."""
    for number in range(running.KEPT + 2):
        running.new_folder(tmp_path / "local" / f"{number:03}")
    return tmp_path / "local"


def names(runs: Path) -> list[str]:
    return sorted(path.name for path in runs.iterdir())


def test_the_oldest_go(runs: Path) -> None:
    (runs / "a-file").touch()
    running.remove_old(runs)
    assert names(runs) == [*(f"{number:03}" for number in range(2, running.KEPT + 2)), "a-file"]


def test_one_that_still_runs_stays(runs: Path) -> None:
    with running.held(runs / "000"):
        running.remove_old(runs)
        assert names(runs)[:2] == ["000", "002"]
    running.remove_old(runs)
    assert "000" not in names(runs)


@pytest.mark.parametrize("error", [FileNotFoundError, PermissionError])
def test_one_that_another_run_removes_or_owns_is_no_error(
    error: type[OSError], runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse(path: Path, *rest: Any, **others: Any) -> int:
        if Path(path).name == "000":
            raise error(path)
        return opened(path, *rest, **others)

    monkeypatch.setattr("os.open", refuse)
    running.remove_old(runs)
    assert names(runs)[:2] == ["000", "002"]


def test_where_nobody_can_hold_a_folder_the_oldest_go(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(number: int, how: int) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    with running.held(runs / "000"):
        running.remove_old(runs)
    assert names(runs)[0] == "002"
