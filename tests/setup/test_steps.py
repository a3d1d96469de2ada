"""Steps run in environments of their own, on the Python of their base image."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import venvs
from kfp_workbench.project import base_images
from kfp_workbench.project.steps import Step, get_step
from kfp_workbench.setup.states import this_python
from shared.baking import environment, make, pythons
from shared.wheels import locked, write_index, write_wheel

NO_UV = ["/usr/bin", "/bin"]


@pytest.fixture(autouse=True)
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take packages from a folder of the test, with pip, on a machine of one Python."""
    house = tmp_path / "house"
    wheels = [write_wheel(house, "alpha", version) for version in ("1.0", "2.0")]
    wheels.append(write_wheel(house, "beta", "1.0"))
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", write_index(tmp_path / "simple", wheels))
    monkeypatch.setenv("PATH", os.pathsep.join(NO_UV))
    monkeypatch.delenv("PYENV_ROOT", raising=False)


def steps(project: Path, requirements: str, python: str = "") -> tuple[Step, Step]:
    """Give both steps of a project the same requirements, and an image with a Python."""
    for name in ("add", "div"):
        folder = project / "steps" / name
        (folder / "requirements.txt").write_text(requirements)
        image = f"python:{python}-slim" if python else "ubuntu:24.04"
        (folder / "Dockerfile").write_text(f"FROM {image}\n")
    return get_step("add", project), get_step("div", project)


def run(folder: Path, *words: str) -> str:
    result = subprocess.run([str(folder / words[0]), *words[1:]], capture_output=True, text=True)
    return (result.stdout or result.stderr).strip()


def numbers(folder: Path) -> str:
    return run(folder, "python", "-c", "import alpha; print(alpha.number)")


def test_what_a_step_installs_while_it_runs_stays_its_own(project: Path) -> None:
    """And is gone with the next run, as it is with a container."""
    add, div = steps(project, "alpha==1.0\n")
    mine, theirs = (venvs.python_folder(step, project) for step in (add, div))
    assert numbers(mine) == numbers(theirs) == "1.0"
    assert run(mine, "python", "-m", "pip", "install", "-q", "alpha==2.0", "beta") == ""
    assert numbers(mine) == "2.0" and numbers(theirs) == "1.0"
    assert "No module" in run(theirs, "python", "-c", "import beta")
    assert venvs.python_folder(add, project) == mine
    assert numbers(mine) == "1.0" and "No module" in run(mine, "python", "-c", "import beta")
    assert run(mine, "pip", "install", "-q", "beta") == ""
    assert "No module" in run(theirs, "python", "-c", "import beta")


def test_an_environment_of_a_step_is_whole_or_made_anew(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add, _ = steps(project, "alpha==1.0\n")
    folder = venvs.python_folder(add, project)
    (shared,) = (path.parent for path in (project / "build/venvs").glob("*/made-by-make.json"))
    (shared / "made-by-make.json").write_text('{"locks": {}}')
    next(shared.glob("lib/*/site-packages/alpha.py")).unlink()
    assert venvs.python_folder(add, project) == folder and numbers(folder) == "1.0"
    (shared / "bin" / "python").unlink()
    (shared / "bin" / "python").symlink_to("/nonexistent")
    assert venvs.python_folder(add, project) == folder and numbers(folder) == "1.0"
    assert capsys.readouterr().err.count("installing steps/add/requirements.txt") == 3


def test_what_a_step_imports_is_compiled_once(project: Path) -> None:
    """Steps write no bytecode, as in an image: each run would compile all that it imports again."""
    add, _ = steps(project, "alpha==1.0\n")
    venvs.python_folder(add, project)
    (module,) = project.glob("build/venvs/*/lib/*/site-packages/alpha.py")
    assert list(module.parent.glob("__pycache__/alpha.*.pyc"))


def test_what_another_python_cannot_install_says_so(project: Path) -> None:
    add, _ = steps(project, "alpha==3.0\n", "3.99")
    with pytest.raises(WorkbenchError) as caught:
        venvs.provide(add, project)
    why = f"(on Python {this_python()}; its image has 3.99, which uv would bring)"
    assert "alpha==3.0" in str(caught.value) and str(caught.value).endswith(why)


def test_a_project_may_be_moved(project: Path) -> None:
    add, _ = steps(project, "alpha==1.0\n")
    venvs.python_folder(add, project)
    moved = project.rename(project.with_name("moved"))
    assert numbers(venvs.python_folder(get_step("add", moved), moved)) == "1.0"


@pytest.mark.parametrize("variable", ["PIP_TARGET", "PIP_DRY_RUN", "PIP_PREFIX", "PIP_USER"])
def test_what_pip_is_told_empties_no_steps_environment(
    project: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(project / "x") if variable == "PIP_TARGET" else "1")
    add, _ = steps(project, "alpha==1.0\n")
    assert numbers(venvs.python_folder(add, project)) == "1.0"


def other_python(project: Path) -> str:
    """Return the version of another Python that this machine has."""
    found = [version for version in pythons() if version != this_python()]
    if not found:
        pytest.skip("there is one Python here")
    return found[0]


def test_a_step_has_the_python_of_its_base_image(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = other_python(project)
    folder = project / "bin"
    folder.mkdir()
    (folder / f"python{version}").symlink_to(pythons()[version])
    add, _ = steps(project, "alpha==1.0\n", version)
    first = venvs.provide(add, project)
    assert (first.python, first.wanted) == (this_python(), version)
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), *NO_UV]))
    second = venvs.provide(add, project)
    assert (second.python, second.wanted) == (version, version)
    code = "import sys, alpha; print('%d.%d' % sys.version_info[:2])"
    assert run(second.bin, "python", "-c", code) == version
    monkeypatch.setenv("PATH", os.pathsep.join(NO_UV))
    assert venvs.provide(add, project) == second, "it is there, and is not sought again"


def test_another_python_than_the_images_is_told_once(project: Path) -> None:
    """Where it may matter: a step that requires nothing has no other versions."""
    words = ["compile", "local", "RUNNER=process"]
    for requirements, count in (("alpha\n", 1), ("# none\n", 0)):
        steps(project, requirements, "3.99")
        result = make(project, *words, env={"PATH": os.environ["PATH"]})
        assert result.returncode == 0, result.stderr
        note = f"note: add, div: on Python {this_python()} here, on 3.99 in the image: other versions, "
        assert result.stderr.count(note) == count
        assert ("note: " in result.stderr) is bool(count)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("FROM python:3.12-slim\n", "3.12"),
        ("FROM docker.io/library/python:3.11.9@sha256:00\n", "3.11"),
        ("FROM ghcr.io/astral-sh/uv:python3.13-trixie-slim AS build\nFROM build\n", "3.13"),
        ("FROM python:3.12 AS build\nRUN x\nFROM python:3.10\nCOPY --from=build a b\n", "3.10"),
        ("ARG TAG=3.14\nFROM python:${TAG}-slim\n", "3.14"),
        ("ARG TAG\nFROM python:${TAG:-3.12}\n", "3.12"),
        ("FROM ubuntu:24.04\n", None),
        ("FROM scratch\n", None),
        ("FROM mypython:3.12\n", None),
        ("", None),
    ],
)
def test_the_python_of_a_base_image(tmp_path: Path, text: str, version: str | None) -> None:
    (tmp_path / "Dockerfile").write_text(text)
    assert base_images.python_of(tmp_path / "Dockerfile", {}) == version


def test_make_wheels_fills_a_folder_that_is_enough(project: Path, tmp_path: Path) -> None:
    """For the project's own environment and those of its steps."""
    steps(project, "alpha\n")
    lock = project / "requirements-dev.txt"
    before = lock.read_text()
    lock.write_text(locked(tmp_path / "house" / "beta-1.0-py3-none-any.whl"))
    env = {"PATH": os.environ["PATH"]}
    code = (
        "from pathlib import Path; from kfp_workbench.local import wheels; wheels.fill(Path('w'))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env={**environment(), **env},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("fetching what steps/") == 1, "steps that require the same"
    assert {path.name for path in (project / "w").iterdir()} == {
        "alpha-2.0-py3-none-any.whl",
        "beta-1.0-py3-none-any.whl",
    }
    lock.write_text(before)
    offline = {**env, "PIP_INDEX_URL": "http://127.0.0.1:1", "WHEELS": "w"}
    result = make(project, "compile", "local", "RUNNER=process", env=offline)
    assert result.returncode == 0, result.stderr


def test_a_stable_link_leads_to_each_steps_environment(project: Path) -> None:
    add, div = steps(project, "alpha==1.0\n")
    folders = {step.name: venvs.python_folder(step, project) for step in (add, div)}
    for name, folder in folders.items():
        assert (project / "build" / "venvs" / name / "bin").resolve() == folder.resolve()
        assert numbers(project / "build" / "venvs" / name / "bin") == "1.0"
    (add.folder / "requirements.txt").write_text("alpha==2.0\n")
    (div.folder / "component.yaml").unlink()
    venvs.python_folder(add, project)
    assert numbers(project / "build" / "venvs" / "add" / "bin") == "2.0"
    assert not (project / "build" / "venvs" / "div").is_symlink()
