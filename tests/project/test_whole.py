"""What stands for a project is another as soon as anything in it is, and there is none where that is unsure."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kfp_workbench.project import whole
from kfp_workbench.project.whole import Whole

CHANGES: dict[str, Callable[[Path], object]] = {
    "a text": lambda root: (root / "steps" / "add" / "main.py").write_text("b"),
    "a new file": lambda root: (root / "steps" / "add" / "new").touch(),
    "a file that is gone": lambda root: (root / "pipeline.py").unlink(),
    "a new folder": lambda root: (root / "docs").mkdir(),
    "a name": lambda root: (root / "steps" / "add").rename(root / "steps" / "div"),
    "a mode": lambda root: (root / "pipeline.py").chmod(0o755),
    "a hidden file": lambda root: (root / ".dockerignore").write_text("*"),
    "a pipe": lambda root: os.mkfifo(root / "pipe"),
}
UNCLEAR: dict[str, Callable[[Path], object]] = {
    "a link": lambda root: (root / "link").symlink_to("pipeline.py"),
    "modules in build/": lambda root: (root / "build" / "x.py").touch(),
    "too many files": lambda root: _fill(root),
    "too much": lambda root: (root / "data").write_bytes(b"\0" * (whole.MOST_BYTES + 1)),
}
MADE: dict[str, Callable[[Path], object]] = {
    "a date": lambda root: os.utime(root / "pipeline.py", (1, 1)),
    "what is built": lambda root: (root / "build" / "x").touch(),
    "bytecode": lambda root: (root / "steps" / "__pycache__" / "x.pyc").touch(),
    "an environment": lambda root: (root / ".venv" / "x.py").touch(),
}


def _fill(root: Path) -> None:
    for number in range(whole.MOST_FILES + 1):
        (root / f"{number}").touch()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("build", ".venv", "steps/add", "steps/__pycache__"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "pipeline.py").write_text("a")
    (tmp_path / "steps" / "add" / "main.py").write_text("a")
    return tmp_path


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_any_change_counts(root: Path, change: Callable[[Path], object]) -> None:
    before = Whole(root)
    assert before.digest and before.is_still()
    change(root)
    assert not before.is_still() and Whole(root).digest not in ("", before.digest)


@pytest.mark.parametrize("change", UNCLEAR.values(), ids=list(UNCLEAR))
def test_where_it_is_unsure_there_is_none(root: Path, change: Callable[[Path], object]) -> None:
    before = Whole(root)
    change(root)
    assert not before.is_still() and not Whole(root).digest and not Whole(root).is_still()


@pytest.mark.parametrize("change", MADE.values(), ids=list(MADE))
def test_what_is_made_does_not_count(root: Path, change: Callable[[Path], object]) -> None:
    before = Whole(root)
    change(root)
    assert Whole(root).digest == before.digest != ""


def test_a_file_that_was_changed_and_changed_back_is_not_still_the_same(root: Path) -> None:
    before = Whole(root)
    (root / "pipeline.py").write_text("b")
    (root / "pipeline.py").write_text("a")
    assert not before.is_still() and Whole(root).digest == before.digest
