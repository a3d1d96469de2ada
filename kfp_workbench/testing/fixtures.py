"""The plugin's fixtures, and the tests that are one for each step; `kfp_workbench.testing` lists them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.project.steps import get_step, used_images
from kfp_workbench.testing import examples as docstrings
from kfp_workbench.testing import local_runs, stepping
from kfp_workbench.testing.projects import Project, readable


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make of a test that asks for ``step`` one for each."""
    root, wanted = metafunc.config.rootpath, {*metafunc.fixturenames} - _own(metafunc)
    if "step" in wanted:
        metafunc.parametrize("step", [step.name for step in stepping.python_steps(root)])


def _own(metafunc: pytest.Metafunc) -> set[str]:
    """Return the names for which a test brings values of its own."""
    marks = metafunc.definition.iter_markers("parametrize")
    names = [mark.args[0] if mark.args else mark.kwargs["argnames"] for mark in marks]
    lists = [item.split(",") if isinstance(item, str) else item for item in names]
    return {name.strip() for item in lists for name in item}


@pytest.fixture(scope="session")
def project(request: pytest.FixtureRequest) -> Project:
    """Return the project in pytest's root folder."""
    return Project(request.config.rootpath)


@pytest.fixture(scope="session")
def package(project: Project) -> Path:
    """Return the compiled pipeline."""
    return project.compile()


@pytest.fixture(scope="session")
def images(package: Path) -> set[str]:
    """Return the images that the compiled pipeline names."""
    return used_images(package)


@pytest.fixture(scope="session")
def run_step(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., stepping.Done]:
    """Return a function that runs one step in its own environment, and tells what became of it.

    ``run_step("train", data="tests/small.csv", trees=5)`` runs it on inputs, as its component.yaml
    says: an artifact by its path, seen from the project's folder, or as another step made it, several
    of them as a list; ``run_step("train", ["--help"])`` on the words of a command line.
    See `kfp_workbench.testing.stepping.Done` for what it returns.
    """

    def run(name: str, words: Sequence[str] | None = None, /, **inputs: Any) -> stepping.Done:
        __tracebackhide__ = True
        with readable():
            step = get_step(name, project.root)
            folder = tmp_path_factory.mktemp(name)
            return stepping.run(step, words, inputs, project.root, folder)

    return run


@pytest.fixture(scope="session")
def examples(project: Project) -> docstrings.Examples:
    """Return what became of all steps' examples."""
    with readable():
        return docstrings.run(stepping.python_steps(project.root), project.root)


@pytest.fixture(scope="session")
def run_pipeline(project: Project, package: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that runs the compiled pipeline, and returns its outputs by name.

    ``run_pipeline("docker", threshold=0.5)``: as processes unless another runner is named, with the
    parameters of params/test.yaml, or else of params/dev.yaml, but for those that are given.
    Fails the test, in one line, when a step failed.
    """

    def run(runner: str = "process", /, **parameters: Any) -> dict[str, Any]:
        if runner == "docker" and (reason := local_runs.why_no_engine(project.settings)):
            pytest.skip(reason)
        return project.run(package, runner, parameters)

    return run
