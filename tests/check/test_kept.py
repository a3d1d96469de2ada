"""`make check` tells again what it has found in the same project, and examines any other one."""

import json
from pathlib import Path

import pytest

from kfp_workbench.commands import checking
from kfp_workbench.pipeline import tools
from kfp_workbench.project.whole import Whole
from shared.baking import make


def test_the_same_project_gets_the_same_answer(project: Path) -> None:
    """Which is looked up: another answer in its place would be told."""
    main = project / "steps" / "add" / "main.py"
    main.write_text(f"import kfp\n{main.read_text()}")
    first, again = make(project, "check"), make(project, "check")
    assert first.returncode == again.returncode != 0
    assert first.stdout == again.stdout != "" and first.stderr == again.stderr
    kept = project / checking.KEPT
    answer = json.loads(kept.read_text())
    kept.write_text(json.dumps({**answer, "findings": [["kept.py", 1, "is", "kept"]]}))
    assert make(project, "check").stdout == "kept.py:1: is: kept\n"
    assert "file=kept.py" in make(project, "check", "ARGS=--format github").stdout
    main.write_text(main.read_text().removeprefix("import kfp\n"))
    mended = make(project, "check")
    assert (mended.returncode, mended.stdout) == (0, "")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('open("/nowhere/at/all")', "cannot be compiled here"),
        ("import os; os._exit(3)", "status 3"),
    ],
    ids=["a file that is elsewhere", "a process that is ended"],
)
def test_what_may_be_gone_the_next_time_is_looked_at_again(
    project: Path, line: str, words: str
) -> None:
    module = project / "pipeline.py"
    module.write_text(f"{line}\n{module.read_text()}")
    result = make(project, "check")
    assert words in result.stdout + result.stderr
    assert not (project / checking.KEPT).exists()


@pytest.mark.parametrize("name", ["state", "packages"])
def test_other_tools_may_find_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    whole = Whole(tmp_path)
    before = checking._basis(whole)
    assert checking._basis(whole) == before
    monkeypatch.setattr(tools, name, lambda: "another")
    assert checking._basis(whole) != before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"of": []}', '{"of": 1, "findings": [[]]}'])
def test_what_is_damaged_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(checking, "ROOT", tmp_path)
    (tmp_path / "build").mkdir()
    (tmp_path / checking.KEPT).write_text(text)
    assert checking._kept(Whole(tmp_path)) is None
