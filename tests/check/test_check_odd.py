"""`make check`: files that are missing, or like no file that anybody expects."""

import os
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml

from kfp_workbench.check import check_project
from kfp_workbench.pipeline import viewing
from kfp_workbench.pipeline.view import View
from shared.checking import ADD, DOCKER, LOCK, SCRIPT, edit, report


@pytest.mark.parametrize("name", ["main.py", "requirements.txt", "Dockerfile", "component.yaml"])
def test_a_missing_file_is_found(project: Path, name: str) -> None:
    (project / "steps" / "add" / name).unlink()
    (finding,) = [finding for finding in check_project(project) if finding.what == "is missing"]
    assert finding.path == f"steps/add/{name}"


def test_a_folder_that_no_step_can_have_is_found(project: Path) -> None:
    (project / "steps" / "div").rename(project / "steps" / "Div it")
    found = check_project(project)
    assert any("the step 'Div it' is not a valid name" in finding.text for finding in found)
    assert any("loads steps/div/component.yaml, which is not" in finding.text for finding in found)


ODD: list[Any] = [
    None,
    3,
    True,
    "",
    "x",
    [],
    [[]],
    [None, 3],
    {},
    {3: []},
    {"name": []},
    {"a": {"b": 1}},
]


def places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the place of every part of a document."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
    return [above, *(place for key, item in items for place in places(item, (*above, key)))]


def test_no_component_is_too_odd(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part of it replaced by each of many things, and left out: always findings, no crash."""
    monkeypatch.setattr(viewing, "looking", lambda _: nullcontext(View))  # for speed
    text = (project / ADD).read_text(encoding="utf-8")
    for place in places(yaml.safe_load(text)):
        for odd in ODD:
            document = [yaml.safe_load(text)]
            parent: Any = document
            for key, child in zip((0, *place), (*place, None), strict=True):
                if child is None:
                    parent[key] = odd
                parent = parent[key]
            (project / ADD).write_text(yaml.safe_dump(document[0]), encoding="utf-8")
            for finding in check_project(project):
                assert finding.text.isprintable()


@pytest.mark.parametrize("ends", ["\r\n", "\n\n"])
def test_line_ends_do_not_matter(project: Path, ends: str) -> None:
    for path in (ADD, SCRIPT, DOCKER, LOCK, "pipeline.py", "params/dev.yaml", ".dockerignore"):
        text = (project / path).read_text(encoding="utf-8")
        (project / path).write_text(text.replace("\n", ends), encoding="utf-8", newline="")
    assert report(check_project(project)) == ""


ODD_LINES = ["", "\\", "FROM", "RUN", "COPY", "COPY x", "ADD [", "USER", "ENTRYPOINT", "ENV", "ARG"]
ODD_LINES += [
    "ENV =",
    "RUN ['",
    "ENTRYPOINT [1]",
    "COPY 'a b",
    "RUN <<E",
    "FROM a AS",
    "\x00",
    "ONBUILD",
]


def test_no_dockerfile_is_too_odd(project: Path) -> None:
    lines = (project / DOCKER).read_text(encoding="utf-8").splitlines()
    for number in range(len(lines)):
        for odd in ODD_LINES:
            changed = [*lines[:number], odd, *lines[number + 1 :]]
            (project / DOCKER).write_text("\n".join(changed), encoding="utf-8")
            for finding in check_project(project):
                assert finding.text.isprintable()


def test_without_a_pipeline(project: Path) -> None:
    (project / "pipeline.py").unlink()
    (finding,) = check_project(project)
    assert finding.text == "pipeline.py:1: is missing: put it back"


def test_without_a_dockerignore(project: Path) -> None:
    (project / ".dockerignore").unlink()
    (finding,) = check_project(project)
    assert finding.path == ".dockerignore" and "secrets" in finding.what


def test_a_file_that_is_no_text(project: Path) -> None:
    (project / SCRIPT).write_bytes(b"\xff\xfe")
    (finding,) = check_project(project)
    assert finding.path == SCRIPT and "not UTF-8" in finding.what


def test_aliases_and_merged_keys_are_fine(project: Path) -> None:
    text = "context: &c\n  of: &o {a: 1, b: [1]}\n  more: {<<: *o, a: 2}\n  last: [*o, *o]\n"
    (project / "params" / "dev.yaml").write_text(f"{text}<<: {{x: *c}}\n")
    (finding,) = check_project(project)
    assert finding.text.startswith("params/dev.yaml:5: the pipeline has no parameter 'x'")


@pytest.mark.parametrize("key", ["1", "true", "null", "1.5", "2026-01-01", "? [1]\n   "])
def test_a_key_that_is_no_text_is_found(project: Path, key: str) -> None:
    text = f"context:\n  of:\n    {key} : x\n"
    (project / "params" / "dev.yaml").write_text(text)
    found = check_project(project)
    assert {finding.path for finding in found} == {"params/dev.yaml"}, found


@pytest.mark.parametrize(
    "code",
    [
        "x = " + "-" * 5000 + "1",
        "x = " + "(" * 3000 + ")" * 3000,
        "x = " + "+".join(["1"] * 100_000),
    ],
    ids=["minus", "brackets", "sum"],
)
@pytest.mark.parametrize("path", [SCRIPT, "pipeline.py"])
def test_python_that_is_nested_too_deeply_is_found(project: Path, path: str, code: str) -> None:
    edit(project, path, "", f"\n{code}\n")
    (finding,) = check_project(project)
    assert finding.path == path and "nested" in finding.what


def test_an_annotation_of_many_types(project: Path) -> None:
    edit(project, "pipeline.py", "context: dict)", f"context: {'None | ' * 900}dict)")
    paths = [finding.path for finding in check_project(project)]
    assert paths == ["pipeline.py"]  # as Python has no such type; there is nothing to draw


@pytest.mark.parametrize(
    "path",
    [SCRIPT, ADD, DOCKER, LOCK, "steps/add/requirements.in", "params/dev.yaml", ".dockerignore"],
)
def test_a_pipe_is_no_file(project: Path, path: str) -> None:
    (project / path).unlink(missing_ok=True)
    os.mkfifo(project / path)
    os.mkfifo(project / "steps" / "add" / "other")
    found = [finding for finding in check_project(project) if finding.what == "is no file"]
    assert [finding.path for finding in found] == [path]


def test_a_name_that_is_no_utf8(project: Path) -> None:
    odd = os.fsdecode(b"steps/add/\xff.py")
    (project / odd).symlink_to("/nowhere")
    (finding,) = check_project(project)
    assert finding.path == odd and "which the engine does not get" in finding.what
    finding.annotation.encode()
    finding.text.encode()
