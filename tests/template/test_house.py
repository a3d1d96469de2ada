"""The house rules that no linter knows: small files, with names that tell them apart."""

from collections import Counter
from pathlib import Path

from shared.baking import TEMPLATE

MODULE_LINES = 300
TEST_LINES = 600


def longer(folder: Path, lines: int) -> set[str]:
    """Return the Python files below a folder that have more lines than that."""
    return {
        path.relative_to(TEMPLATE).as_posix()
        for path in folder.rglob("*.py")
        if len(path.read_text(encoding="utf-8").splitlines()) > lines
    }


def test_no_module_is_long() -> None:
    found = longer(TEMPLATE / "kfp_workbench", MODULE_LINES)
    assert found == set(), f"more than {MODULE_LINES} lines: split them"


def test_no_test_file_is_long() -> None:
    assert longer(TEMPLATE / "tests", TEST_LINES) == set(), f"more than {TEST_LINES} lines"


def test_test_files_have_names_of_their_own() -> None:
    """What runs at the same time is told by them (see conftest.py)."""
    names = Counter(path.name for path in (TEMPLATE / "tests").rglob("test_*.py"))
    assert len(names) > 60
    assert [name for name, count in names.items() if count > 1] == []
