"""Compiling leaves no bytecode beside a project's modules, and keeps that of packages."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kfp_workbench.pipeline import importing


@pytest.fixture(autouse=True)
def python(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let Python keep bytecode, and forget what a test has imported."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = {*sys.modules}
    yield
    for name in {*sys.modules} - before:
        del sys.modules[name]


@pytest.mark.parametrize("inside", [True, False], ids=["in the project", "elsewhere"])
def test_only_packages_keep_bytecode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    root = tmp_path / "project"
    prefix = root / ".venv" if inside else tmp_path / "venv"
    packages = prefix / "site-packages"
    for path in (root / "own", packages / "theirs"):
        path.mkdir(parents=True)
        (path / "__init__.py").touch()
        (path / "part.py").write_text("NAME = 'a'\n")
    lines = ["import own.part, theirs.part", "pipeline = own.part.NAME + theirs.part.NAME"]
    (root / "pipeline.py").write_text("\n".join(lines))
    monkeypatch.setattr(sys, "prefix", str(prefix))
    sys.path.append(str(packages))
    hooks = [*sys.path_hooks]
    assert importing.pipeline(root).pipeline == "aa"
    assert [path.parent.parent for path in tmp_path.rglob("part.*.pyc")] == [packages / "theirs"]
    assert not [*root.glob("__pycache__"), *(root / "own").glob("__pycache__")]
    assert sys.path_hooks == hooks


def test_bytecode_that_is_there_is_not_mistaken_for_a_changed_module(tmp_path: Path) -> None:
    (tmp_path / "pipeline.py").write_text("pipeline = 1\n")
    assert importing.pipeline(tmp_path).pipeline == 1
    del sys.modules["pipeline"]
    (tmp_path / "pipeline.py").write_text("pipeline = 22\n")
    assert importing.pipeline(tmp_path).pipeline == 22
