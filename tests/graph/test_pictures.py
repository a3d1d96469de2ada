"""The pictures of a project: a new one has them, and they are never old unnoticed."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from kfp_workbench.check import check_project
from kfp_workbench.graph.pictures import MERMAID, SVG
from shared.baking import bake, make
from shared.pictures import parsed, shown

SHAPES: dict[str, Mapping[str, str]] = {
    "training": {"starter": "training", "project_slug": "other-name"},
    "average": {},
    "one": {"starter": "blank", "steps": "Load data", "registry": "ghcr.io/a/b"},
    "awkward-names": {"starter": "blank", "steps": "a, a_task, print, type, s10, s9, end"},
    "sixty": {"starter": "blank", "steps": ", ".join(f"step {n}" for n in range(60))},
    "hostile": {"project_name": '<b> "x" `y`', "project_slug": "x", "description": "]]> --> <"},
}


def pictures(project: Path) -> dict[str, bytes]:
    return {name: (project / name).read_bytes() for name in (SVG, MERMAID)}


@pytest.mark.parametrize("answers", SHAPES.values(), ids=list(SHAPES))
def test_a_new_project_has_what_make_graph_draws(
    tmp_path: Path, answers: Mapping[str, str]
) -> None:
    project = bake(tmp_path, **answers)
    before = pictures(project)
    env = {"REGISTRY": "example.com/elsewhere"}
    result = make(project, "graph", env=env)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    assert result.stderr.endswith("drew docs/pipeline.svg and docs/pipeline.mmd\n")
    assert pictures(project) == before
    parsed(before[SVG].decode())


def test_the_readme_shows_it(default: Path) -> None:
    readme = (default / "README.md").read_text()
    (path,) = re.findall(r"!\[[^\]]+\]\(([^)]+\.svg)\)", readme)
    assert path == SVG and (default / path).exists()
    assert "make graph" in readme


def test_a_new_step_is_in_the_picture(project: Path) -> None:
    assert make(project, "step", "NAME=Round off").returncode == 0
    assert "Round off" in shown(parsed((project / SVG).read_text()))
    assert '"Round off"' in (project / MERMAID).read_text()
    assert check_project(project) == []


def change(path: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(project: Path) -> None:
        file = project / path
        text = file.read_text() if file.exists() else ""
        assert old in text
        file.write_text(text.replace(old, new, 1) if old else text + new)

    return edit


COMPONENT = "steps/add/component.yaml"
MODULE = "pipeline.py"
OLD: dict[str, tuple[Callable[[Path], object], str]] = {
    "label": (change(MODULE, '("Add")', '("Add up")'), SVG),
    "constant": (change(MODULE, "context: dict)", "context: dict = {})"), SVG),
    "wiring": (change(MODULE, "div(context=add_task.output)", "div(context=context)"), SVG),
    "output": (change(COMPONENT, "- {name: Output,", "- {name: Result,"), SVG),
    "removed": (lambda project: (project / SVG).unlink(), SVG),
    "one-removed": (lambda project: (project / MERMAID).unlink(), MERMAID),
    "one-old": (change(MERMAID, "sources", "sources 0"), MERMAID),
    "not-ours": (lambda project: (project / SVG).write_text("<svg/>"), SVG),
}
CURRENT: dict[str, list[Callable[[Path], object]]] = {
    "comment": [change(MODULE, "", "\n# Why so.\n")],
    "layout": [change(MODULE, "add(context=context)", "add(\n        context=context,\n    )")],
    "docstring": [change(MODULE, "Hands the context", "Hands on the context")],
    "image": [change(COMPONENT, "calculate-average/add", "elsewhere/add")],
    "args": [change(COMPONENT, "args: [--executor-input", "args: [--all-at-once")],
    "component-comment": [change(COMPONENT, "outputs:", "# What comes out.\noutputs:")],
    "script": [change("steps/add/main.py", "", "\nX = 1\n")],
    "settings": [change("pyproject.toml", "localhost:5000", "example.com")],
    "display-name": [change("pyproject.toml", 'display_name = "', 'display_name = "My ')],
    "parameters": [change("params/dev.yaml", "[1, 2, 3, 4]", "[5]")],
    "crlf": [lambda p: (p / MODULE).write_bytes((p / MODULE).read_bytes().replace(b"\n", b"\r\n"))],
}  # fmt: skip


def old_pictures(project: Path) -> list[str]:
    return [f"{f.path}:{f.line}: {f.cure}" for f in check_project(project) if "picture" in f.what]


@pytest.mark.parametrize(("edit", "path"), OLD.values(), ids=list(OLD))
def test_an_old_picture_is_found(project: Path, edit: Callable[[Path], object], path: str) -> None:
    assert old_pictures(project) == []
    edit(project)
    assert old_pictures(project) == [f"{path}:1: make graph"]


def test_a_module_that_the_pipeline_imports_counts(project: Path) -> None:
    (project / "wired.py").write_text("RATE = 1\n")
    change(MODULE, "from kfp import dsl\n", "from kfp import dsl\n\nimport wired\n")(project)
    assert make(project, "graph").returncode == 0
    assert old_pictures(project) == []
    (project / "wired.py").write_text("RATE = 2\n")
    assert old_pictures(project) == [f"{SVG}:1: make graph"]
    assert make(project, "graph").returncode == 0
    assert old_pictures(project) == []


@pytest.mark.parametrize("edits", CURRENT.values(), ids=list(CURRENT))
def test_what_does_not_show_makes_no_picture_old(
    project: Path, edits: list[Callable[[Path], object]]
) -> None:
    for edit in edits:
        edit(project)
    assert old_pictures(project) == []


def test_make_check_says_so(project: Path) -> None:
    change(MODULE, '("Add")', '("Add up")')(project)
    result = make(project, "check")
    assert result.returncode != 0
    assert result.stdout == (
        "docs/pipeline.svg:1: the picture is out of date: "
        "pipeline.py or a component.yaml has changed: make graph\n"
    )
    assert make(project, "graph", "check").returncode == 0


def test_a_broken_module_leaves_the_pictures(project: Path) -> None:
    before = pictures(project)
    (project / MODULE).write_text("def (\n")
    assert make(project, "graph").returncode == 2
    assert pictures(project) == before
