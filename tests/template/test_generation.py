"""What is generated: the files, their bytes, and that projects of every shape work."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.baking import (
    PROJECT,
    TEMPLATE,
    bake,
    compiled,
    environment,
    files_of,
    make,
    python_with,
    pythons,
)
from shared.project_files import FILES

SIXTY = ", ".join(f"step {number}" for number in range(60))
SHAPES = {
    "average": {},
    "average-with-more": {"steps": "add, div, round", "ci": "gitlab"},
    "average-one": {"steps": "add", "ci": "none"},
    "blank": {"starter": "blank"},
    "blank-one": {"starter": "blank", "steps": "Load data"},
    "awkward-names": {"starter": "blank", "steps": "a, a_task, print, type, round"},
}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a default project in which no other test was."""
    return bake(tmp_path_factory.mktemp("fresh"))


def test_the_files_of_a_project(fresh: Path) -> None:
    assert set(files_of(fresh)) == FILES


def test_only_the_chosen_ci_is_there(tmp_path: Path) -> None:
    gitlab = files_of(bake(tmp_path / "gitlab", ci="gitlab"))
    none = files_of(bake(tmp_path / "none", ci="none"))
    assert ".gitlab-ci.yml" in gitlab and ".github/workflows/pipeline.yml" not in gitlab
    assert {name for name in none if name.startswith(".git")} == {".gitattributes", ".gitignore"}


def test_no_placeholder_is_left(fresh: Path) -> None:
    for name, content in files_of(fresh).items():
        if name.startswith("vendor/"):
            continue
        text = content.decode()
        assert not re.search(r"<<|<%|<#|cookiecutter", text), name
        if not name.startswith("templates/"):
            assert "{{ step" not in text and "{{ title" not in text, name


def test_plain_files_parse_unrendered() -> None:
    for path in PROJECT.rglob("*"):
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if path.suffix == ".py" and path.parts[-3] != "templates":
            compile(text, str(path), "exec")
            assert "{{ " not in text
        elif path.suffix in (".yaml", ".yml"):
            list(yaml.safe_load_all(text))


def test_generating_twice_gives_the_same_bytes(tmp_path: Path, fresh: Path) -> None:
    assert files_of(bake(tmp_path)) == files_of(fresh)


def test_generation_ends_with_three_commands(tmp_path: Path) -> None:
    folder = tmp_path / "my projects"
    result = subprocess.run(
        [sys.executable, "-m", "cookiecutter", "--no-input", "-o", str(folder), str(TEMPLATE)],
        capture_output=True,
        text=True,
        env=environment(),
    )
    commands = [line.strip() for line in result.stdout.splitlines() if line.startswith("  ")]
    assert commands == [f"cd '{folder}/calculate-average'", "make local", "make test"]
    for command in commands[1:]:
        assert make(folder / "calculate-average", *command.split()[1:]).returncode == 0


def test_every_prompt_has_a_sentence() -> None:
    answers = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    asked = [key for key in answers if not key.startswith("_")]
    assert asked == [
        *("project_name", "project_slug", "description", "starter", "steps", "registry"),
        *("base_image", "kfp_host", "ci"),
    ]
    assert list(answers["__prompts__"]) == asked
    for key in asked:
        if isinstance(answers[key], list):
            assert set(answers["__prompts__"][key]) == {"__prompt__", *answers[key]}


def test_answers_can_be_typed(tmp_path: Path) -> None:
    """As a person would: everything but two answers is left as offered."""
    typed = "My pipeline\n\n\n3\nLoad data, save\n\n\n\n3\n"
    result = subprocess.run(
        [sys.executable, "-m", "cookiecutter", "-o", str(tmp_path), str(TEMPLATE)],
        input=typed,
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "my-pipeline" / "steps" / "load_data" / "main.py").exists()


@pytest.mark.parametrize("answers", SHAPES.values(), ids=SHAPES)
def test_a_project_passes_its_own_tests_and_linters(
    tmp_path: Path, answers: dict[str, str]
) -> None:
    project = bake(tmp_path, **answers)
    for target in ("lint", "test"):
        result = make(project, target, env={"DOCKER_HOST": "unix:///nonexistent"})
        assert result.returncode == 0, result.stdout + result.stderr
    assert "no container engine answers" in result.stdout, "says what it skipped and why"


def test_sixty_steps_work(tmp_path: Path) -> None:
    project = bake(tmp_path, starter="blank", steps=SIXTY)
    result = make(project, "local", "lint", "RUNNER=process", "ARGS=-p context='{\"a\": 1}'")
    assert result.returncode == 0, result.stdout + result.stderr
    assert json.loads(result.stdout.splitlines()[0]) == {"Output": {"a": 1.0}}
    assert len(compiled(project)["root"]["dag"]["tasks"]) == 60


@pytest.mark.parametrize("version", ["3.10", "3.13", "3.15"])
@pytest.mark.parametrize("cookiecutter", ["2.6.0", "2.7.1"])
def test_python_and_cookiecutter_versions(
    tmp_path: Path, fresh: Path, version: str, cookiecutter: str
) -> None:
    """A project generated by each is the same, and each Python runs it to the same bytes."""
    if version not in pythons():
        pytest.skip(f"no Python {version} on this machine")
    python = python_with(version, f"cookiecutter=={cookiecutter}")
    command = [str(python), "-m", "cookiecutter", "--no-input", "-o", str(tmp_path), str(TEMPLATE)]
    subprocess.run(command, check=True, capture_output=True, env=environment())
    assert files_of(tmp_path / "calculate-average") == files_of(fresh)


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13", "3.14", "3.15"])
def test_a_project_works_on_python(tmp_path: Path, fresh: Path, version: str) -> None:
    """Set up from the lock file alone, in a .venv of that Python."""
    if version not in pythons():
        pytest.skip(f"no Python {version} on this machine")
    project = shutil.copytree(fresh, tmp_path / "project")
    venv = TEMPLATE / "build" / "test-venvs" / f"project-{version}"
    words = [f"VENV={venv}", f"PYTHON={pythons()[version]}"]
    env = {"DOCKER_HOST": "unix:///nonexistent"}
    command = ["make", "-s", *words, "setup", "local", "test", "RUNNER=process"]
    result = subprocess.run(
        command, cwd=project, env=environment(env), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    found: Any = json.loads(result.stdout.splitlines()[0])
    assert found["Output"]["average"] == 2.5
    other = shutil.copytree(fresh, tmp_path / "other")
    assert make(other, "compile").returncode == 0
    package = Path("build", "pipeline.yaml")
    assert (project / package).read_bytes() == (other / package).read_bytes()
