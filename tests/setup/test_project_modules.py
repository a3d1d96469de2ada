"""A step's main.py finds the project's modules from any folder, where its environment is ours."""

import shutil
import subprocess
import venv
from pathlib import Path

import pytest

import kfp_workbench
from kfp_workbench.local import venvs
from kfp_workbench.project.steps import get_step
from kfp_workbench.setup import environments
from shared.baking import bake


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project of its own."""
    return bake(tmp_path)


def run(python: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in the folder of its installation, with no variables but these."""
    env = {"PYTHONDONTWRITEBYTECODE": "1", **variables}
    return subprocess.run(
        [python, *words], cwd=python.parent, env=env, capture_output=True, text=True
    )


def test_scripts_find_them_in_the_projects_environment(project: Path) -> None:
    """Also when it was moved with the project."""
    environment, root = project / ".venv", project
    venv.create(environment, symlinks=True, with_pip=False)
    for _ in range(2):
        environments.find_project(environment, root)
    numbers = ("--context", '{"numbers": [1, 2]}')
    for place in (project, project.with_name("moved")):
        if not place.exists():
            shutil.move(project, place)
        done = run(place / ".venv/bin/python", str(place / "steps/add/main.py"), *numbers)
        assert (done.returncode, done.stdout) == (0, '{"numbers": [1, 2], "sum": 3}\n'), done.stderr
        code = "from steps.add.main import add; print(add({'numbers': [1, 2]}))"
        assert (
            run(place / ".venv/bin/python", "-c", code).stdout
            == "{'numbers': [1, 2], 'sum': 3.0}\n"
        )


def test_an_environment_beside_no_project_finds_nothing(tmp_path: Path) -> None:
    environment = tmp_path / ".venv"
    venv.create(environment, symlinks=True, with_pip=False)
    environments.find_project(environment, tmp_path)
    assert not [*environment.rglob("*.pth")]


def test_scripts_find_them_in_a_steps_environment(project: Path) -> None:
    """Unless it stands for the step's image, which has not all of them."""
    python = venvs.python_folder(get_step("add", project), project) / "python"
    numbers = ("--context", '{"numbers": [1, 2]}')
    done = run(python, str(project / "steps/add/main.py"), *numbers)
    assert (done.returncode, done.stdout) == (0, '{"numbers": [1, 2], "sum": 3}\n'), done.stderr
    assert run(python, "-c", "import pipeline").stderr.endswith("No module named 'kfp'\n")
    done = run(python, "-c", "import pipeline", KFP_AS_IMAGE="1")
    assert done.stderr.endswith("ModuleNotFoundError: No module named 'pipeline'\n")


@pytest.mark.parametrize("is_ours", [True, False])
def test_an_environment_of_ours_keeps_bytecode(tmp_path: Path, is_ours: bool) -> None:
    """Also where PYTHONDONTWRITEBYTECODE spares people's own folders that."""
    environment = tmp_path / ".venv"
    venv.create(environment, symlinks=True, with_pip=False)
    (packages,) = environment.glob("lib/python*/site-packages")
    shutil.copytree(Path(kfp_workbench.__file__).parent, packages / "kfp_workbench")
    shutil.rmtree(packages / "kfp_workbench" / "__pycache__", ignore_errors=True)
    if is_ours:
        (environment / "made-by-make.json").touch()
    done = run(environment / "bin" / "python", "-m", "kfp_workbench", "help", "steps")
    assert done.returncode == 0, done.stderr
    assert (packages / "kfp_workbench" / "__pycache__").exists() == is_ours
