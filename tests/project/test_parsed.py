"""What a file says is kept by its text, and parsed again as soon as that, or the parser, is another."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.project import parsed


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a project that is compiled."""
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "pipeline.yaml").touch()
    monkeypatch.setattr(parsed, "_ROOT", tmp_path)
    monkeypatch.setattr(parsed, "FOLDER", tmp_path / "build" / "parsed")
    return tmp_path


def _never(text: str) -> Any:
    raise AssertionError("parsed again")


def _parsing(found: Any) -> Callable[[str], Any]:
    return lambda text: found


@pytest.mark.parametrize(
    "found", [None, "a", 1, 1.5, True, [], {"a": [{"b": "\ud800\u2028"}]}, 2**70]
)
def test_what_json_has_is_kept(own: Path, found: Any) -> None:
    assert parsed.value(own / "x", "text", _parsing(found)) == found
    again = parsed.value(own / "x", "text", _never)
    assert again == found and type(again) is type(found)


@pytest.mark.parametrize(
    "found", [{1: "a"}, ("a",), float("nan"), [float("inf")], {"a": {None: 1}}, b""]
)
def test_what_json_would_change_is_parsed_each_time(own: Path, found: Any) -> None:
    parsed.value(own / "x", "text", _parsing(found))
    assert parsed.value(own / "x", "text", _parsing("other")) == "other"


def test_an_error_is_raised_each_time(own: Path) -> None:
    for _ in range(2):
        with pytest.raises(AssertionError, match="parsed again"):
            parsed.value(own / "x", "text", _never)


def test_another_text_or_parser_is_another_value(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own / "parser.py").touch()
    monkeypatch.syspath_prepend(own)
    asked = [("one", ()), ("two", ()), ("one", ("parser",))]
    for number, (text, modules) in enumerate(asked):
        assert parsed.value(own / "x", text, _parsing(number), *modules) == number
    os.utime(own / "parser.py", (1, 1))
    assert parsed.value(own / "x", "one", _parsing("new"), "parser") == "new"


def test_the_newest_are_kept_for_their_owner_alone(own: Path) -> None:
    for number in range(parsed.MOST + 5):
        parsed.value(own / "x", str(number), _parsing(number))
    assert len([*parsed.FOLDER.iterdir()]) == parsed.MOST
    assert parsed.FOLDER.stat().st_mode & 0o077 == 0
    assert parsed.value(own / "x", str(parsed.MOST + 4), _never) == parsed.MOST + 4


def test_what_is_damaged_is_parsed_again(own: Path) -> None:
    for text in ("", "{", "[]", '{"other": 1}'):
        parsed.value(own / "x", "text", _parsing(1))
        for path in parsed.FOLDER.iterdir():
            path.write_text(text)
        assert parsed.value(own / "x", "text", _parsing(2)) == 2
        assert json.loads(next(parsed.FOLDER.iterdir()).read_text()) == {"value": 2}


def test_of_other_folders_and_before_there_is_a_pipeline_nothing_is_kept(
    own: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    parsed.value(other / "x", "text", _parsing(1))
    assert not parsed.FOLDER.exists()
    (own / "build" / "pipeline.yaml").unlink()
    parsed.value(own / "x", "text", _parsing(1))
    assert not parsed.FOLDER.exists()
