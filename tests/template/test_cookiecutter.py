"""How people call cookiecutter: old versions, configurations, scaffolders, over what is there."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.project import settings
from kfp_workbench.scaffold import refusals
from shared.baking import TEMPLATE, bake, environment, files_of, python_with, pythons

if sys.version_info >= (3, 11):
    import tomllib as toml
else:
    import tomli as toml

EVIL = "<< cycler.__init__.__globals__.os.system('touch pwned') >>"


def generate(
    folder: Path,
    *words: str,
    template: Path = TEMPLATE,
    python: str | Path = sys.executable,
    **env: str,
) -> "subprocess.CompletedProcess[str]":
    """Call cookiecutter in ``folder``, which the project goes to."""
    return subprocess.run(
        [str(python), "-m", "cookiecutter", "--no-input", "-o", str(folder), *words, str(template)],
        cwd=folder,
        env=environment({"PYTHONPATH": "", **env}),
        capture_output=True,
        text=True,
    )


def told(result: "subprocess.CompletedProcess[str]") -> list[str]:
    """Return what was said of answers that were refused."""
    assert result.returncode == 1 and result.stdout == "nothing was generated\n", result.stderr
    lines = result.stderr.splitlines()
    return lines[lines.index("These answers cannot become a project:") + 1 :]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the template, with which a scaffolder may do what it likes."""
    folder = tmp_path / "template"
    ignored = shutil.ignore_patterns(".git", ".venv", "build", "tests", "docs", "__pycache__")
    return shutil.copytree(TEMPLATE, folder, ignore=ignored)


def fill_in(template: Path, **answers: object) -> None:
    """Write answers into ``cookiecutter.json``, as Backstage's scaffolder does."""
    path = template / "cookiecutter.json"
    questions = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**questions, **answers}), encoding="utf-8")


def test_a_scaffolders_answers_are_not_rendered(tmp_path: Path, copy: Path) -> None:
    fill_in(copy, project_name=EVIL, description=f"{EVIL} <% raw %>", project_slug="x", ci="none")
    result = generate(tmp_path, template=copy)
    assert result.returncode == 0, result.stderr
    table = toml.loads((tmp_path / "x" / "pyproject.toml").read_text(encoding="utf-8"))
    assert table["tool"]["pipeline"]["display_name"] == EVIL
    assert table["tool"]["pipeline"]["description"] == f"{EVIL} <% raw %>"
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("field", ["project_slug", "starter", "steps", "registry", "ci"])
@pytest.mark.parametrize("answer", [EVIL, "../../x", "/etc"])
def test_a_scaffolders_answers_are_checked(
    tmp_path: Path, copy: Path, field: str, answer: str
) -> None:
    fill_in(copy, **{field: answer})
    assert any(line.startswith(f"  {field}: ") for line in told(generate(tmp_path, template=copy)))
    assert [path.name for path in tmp_path.iterdir()] == ["template"]


def test_the_rendered_defaults_and_the_choices_are_those_of_the_questions() -> None:
    import kfp_template_answers

    questions = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    texts = {value for value in questions.values() if isinstance(value, str)}
    assert {text for text in texts if "<" in text} == kfp_template_answers.DEFAULTS
    choices = {key: tuple(questions[key]) for key in questions if key in refusals.CHOICES}
    assert choices == refusals.CHOICES
    for kind, folder in (("starter", TEMPLATE / "starters"), ("ci", TEMPLATE / "starters" / "ci")):
        parts = {path.name for path in folder.iterdir()} - {"ci"}
        assert parts == set(choices[kind]) - {"none"}


@pytest.mark.parametrize(
    ("defaults", "lines"),
    [
        (
            {"project_name": "Mine", "ci": "jenkins", "registry": "ghcr.io/x"},
            ["default_context: jenkins provided for choice variable ci"],
        ),
        (
            {"steps": ["add", "div"]},
            ["steps: ['add', 'div'] is a list: give one text, such as 'add"],
        ),
        ({"description": True}, ["description: True is no text: give one, between quotes"]),
        ({"base_image": None}, ["base_image: None is no text: give one, between quotes"]),
        ({"kfp_host": {"a": "b"}}, ["kfp_host: {'a': 'b'} is no text: give one, between quotes"]),
    ],
    ids=["choice", "list", "bool", "none", "object"],
)
def test_a_configuration_is_not_half_taken(
    tmp_path: Path, defaults: Mapping[str, Any], lines: list[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"default_context": defaults}))
    out = tmp_path / "out"
    out.mkdir()
    found = told(generate(out, "--config-file", str(config)))
    assert len(found) == len(lines) and not list(out.iterdir())
    assert all(line.startswith(f"  {start}") for line, start in zip(found, lines, strict=True))


def test_a_configuration_that_is_right_is_taken(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    defaults = {"project_name": 2024, "project_slug": "x", "full_name": "Me", "ci": ["gitlab"]}
    config.write_text(json.dumps({"default_context": defaults}))
    assert generate(tmp_path, "--config-file", str(config)).returncode == 0
    assert settings.load(tmp_path / "x", {}).display_name == "2024"
    assert (tmp_path / "x" / ".gitlab-ci.yml").exists()


@pytest.mark.parametrize("version", ["2.1.1", "2.5.0"])
def test_an_old_cookiecutter_is_told_in_one_line(tmp_path: Path, version: str) -> None:
    if "3.10" not in pythons():
        pytest.skip("no Python 3.10 on this machine")
    result = generate(tmp_path, python=python_with("3.10", f"cookiecutter=={version}"))
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert result.stdout.splitlines() == [
        f"cookiecutter {version} cannot read this template: install 2.6 or newer, "
        "with pip install --upgrade cookiecutter"
    ]
    assert not list(tmp_path.iterdir())


def test_other_packages_are_not_taken_for_the_templates(tmp_path: Path) -> None:
    path = tmp_path / "path"
    for name in ("hooks", "kfp_workbench", "tests"):
        (path / name).mkdir(parents=True)
        (path / name / "__init__.py").write_text("raise SystemExit('not this one')")
    result = generate(tmp_path, PYTHONPATH=str(path))
    assert result.returncode == 0, result.stdout + result.stderr
    assert files_of(tmp_path / "calculate-average") == files_of(bake(tmp_path / "other"))


def test_generating_over_a_project_loses_nothing(tmp_path: Path) -> None:
    project = bake(tmp_path)
    before = files_of(project)
    owned = {"pipeline.py", "steps/add/main.py", "params/dev.yaml", "tests/test_average.py"}
    replaced = {
        "README.md",
        "Makefile",
        "common/step.py",
        "tests/test_pipeline.py",
        "pyproject.toml",
    }
    for name in owned | replaced:
        (project / name).write_text("mine")
    (project / "common" / "more.py").write_text("mine")
    result = generate(tmp_path, "-f")
    assert result.returncode == 0, result.stderr
    first = result.stdout.splitlines()[0]
    assert first == "What you had changed in the template's files is in .replaced-1/."
    after = files_of(project)
    mine = {name for name, content in after.items() if content == b"mine"}
    assert mine == owned | {f".replaced-1/{name}" for name in replaced} | {"common/more.py"}
    assert {name: after[name] for name in before if name not in mine} == {
        name: before[name] for name in before if name not in mine
    }
    assert set(after) == set(before) | mine
    assert generate(tmp_path, "-f").stdout.startswith("calculate-average is ready."), "none is new"
    (project / "README.md").write_text("mine again")
    assert ".replaced-2/" in generate(tmp_path, "-f").stdout
    assert (project / ".replaced-1" / "README.md").read_text() == "mine"
    assert (project / ".replaced-2" / "README.md").read_text() == "mine again"


def test_a_generation_that_failed_keeps_what_it_replaced(tmp_path: Path) -> None:
    project = bake(tmp_path)
    (project / "README.md").write_text("mine")
    shutil.rmtree(project / "vendor")
    (project / "vendor").write_text("in the way")
    result = generate(tmp_path, "-f")
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "the project could not be made: " in result.stdout
    (project / "vendor").unlink()
    assert generate(tmp_path, "-f").returncode == 0
    assert (project / ".replaced-1" / "README.md").read_text() == "mine"


def test_a_project_notes_where_it_came_from(tmp_path: Path, copy: Path) -> None:
    hostile = 'it\'s "x" \\ << 1 + 1 >> é'
    result = generate(tmp_path, template=copy)
    assert result.returncode == 0, result.stderr
    project = bake(tmp_path / "other", project_name=hostile, project_slug="x", steps="Load it,b")
    table = toml.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    noted = table["tool"]["pipeline"]["template"]
    questions = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    assert list(noted["answers"]) == [key for key in questions if not key.startswith("_")]
    assert noted["answers"]["project_name"] == hostile and noted["answers"]["steps"] == "Load it,b"
    again = bake(tmp_path / "again", **noted["answers"])
    assert files_of(again) == files_of(project)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=TEMPLATE, capture_output=True, text=True
    ).stdout.strip()
    assert noted["commit"] == head
    settings.load(project, {})
    copied = toml.loads((tmp_path / "calculate-average" / "pyproject.toml").read_text())
    assert copied["tool"]["pipeline"]["template"]["commit"] == ""


def test_git_leaves_the_bytes_of_a_project_as_they_are(tmp_path: Path) -> None:
    """Where it converts line ends, which would give each image another tag."""
    project = bake(tmp_path)
    (project / "steps" / "add" / "data.csv").write_bytes(b"a,b\r\n1,2\n")
    before = files_of(project)
    converting = ["-c", "core.autocrlf=true", "-c", "core.safecrlf=false"]
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init"], ["add", "."], ["commit", "-m", "one"]):
        command = ["git", *converting, *identity, *words]
        subprocess.run(command, cwd=project, check=True, capture_output=True)
    clone = tmp_path / "clone"
    words = ["git", *converting, "clone", *converting, str(project), str(clone)]
    subprocess.run(words, check=True, capture_output=True)
    after = {name: text for name, text in files_of(clone).items() if not name.startswith(".git/")}
    assert after == before


def test_generating_leaves_nothing_in_the_template_but_bytecode(tmp_path: Path, copy: Path) -> None:
    before = files_of(copy)
    assert generate(tmp_path, template=copy).returncode == 0
    assert files_of(copy) == before
