"""What generated tests promise: each is seen failing, with a message that a person can read."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.baking import bake, make
from shared.project_tests import run_tests

Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake(tmp_path_factory.mktemp("baked"))


@pytest.fixture
def project(baked: Path, tmp_path: Path) -> Path:
    """Return a project to break; what was built for others serves it."""
    return shutil.copytree(baked, tmp_path / "project", symlinks=True)


def replace(name: str, old: str, new: str) -> Change:
    def change(project: Path) -> None:
        text = (project / name).read_text(encoding="utf-8")
        assert old in text
        (project / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def add_a_step(project: Path) -> None:
    shutil.copytree(project / "steps" / "add", project / "steps" / "extra")
    replace("steps/extra/component.yaml", "/add", "/extra")(project)


MAIN = "steps/add/main.py"
EXAMPLE = replace(MAIN, '"""Adds', '""">>> 1 + 1\n3\n\nAdds')


def with_an_import(project: Path) -> None:
    EXAMPLE(project)
    replace(MAIN, "import ", "import nonsense, ")(project)


UNTAGGED = """
@dsl.container_component
def bare():
    return dsl.ContainerSpec(image="localhost:5000/bare")


@dsl.pipeline"""
# By the test that fails: how to bring that about, and what it says.
BROKEN: dict[str, list[tuple[Change, str]]] = {
    "the_examples_in_docstrings_hold": [
        (EXAMPLE, "Expected:"),
        (with_an_import, "named 'nonsense'"),
    ],
    "the_contract_holds": [
        (replace("steps/add/component.yaml", "name: context", "name: given"), "steps/add/component.yaml:"),
        (add_a_step, "pipeline.py does not use steps/extra"),
    ],
    "the_pipeline_runs": [
        (replace("params/dev.yaml", "[1, 2, 3, 4]", "[]"), "numbers: expected a list with at least"),
    ],
}  # fmt: skip
CASES = [(name, *case) for name, cases in BROKEN.items() for case in cases]


def test_a_project_that_was_just_made_passes(baked: Path) -> None:
    result = run_tests(baked)
    assert result.returncode == 0, result.stdout
    assert "no container engine answers" in result.stdout, "says what it skipped and why"
    assert "1 skipped" in result.stdout


@pytest.mark.parametrize(("name", "change", "words"), CASES, ids=[case[2] for case in CASES])
def test_a_broken_promise_fails_its_test(
    project: Path, name: str, change: Change, words: str
) -> None:
    change(project)
    result = run_tests(project, f"tests/test_pipeline.py::test_{name}")
    assert result.returncode == 1, result.stdout + result.stderr
    assert re.search(rf"^(FAILED|ERROR) tests/test_pipeline.py::test_{name}", result.stdout, re.M)
    assert words in result.stdout
    assert len(result.stdout.splitlines()) < 60


def add_an_untagged_image(project: Path) -> None:
    replace("pipeline.py", "\n@dsl.pipeline", UNTAGGED)(project)
    replace("pipeline.py", "    add_task", "    bare()\n    add_task")(project)


def test_an_image_without_a_tag_is_found(project: Path) -> None:
    add_an_untagged_image(project)
    result = run_tests(project, "tests/test_pipeline.py", "-k", "tagged")
    assert "{'localhost:5000/bare'}" in result.stdout


def test_a_pipeline_that_does_not_compile_is_one_line(project: Path) -> None:
    replace("pipeline.py", "from pathlib", "nonsense\nfrom pathlib")(project)
    result = run_tests(project, "tests/test_pipeline.py", "-k", "tagged")
    assert "pipeline.py:" in result.stdout and "'nonsense'" in result.stdout
    assert "Traceback" not in result.stdout and len(result.stdout.splitlines()) < 12


def test_a_component_that_is_none_fails_the_contract_alone(project: Path) -> None:
    """Other tests are still found."""
    replace("steps/add/component.yaml", "name:", "name: [")(project)
    result = run_tests(project, "tests", "-k", "contract or examples")
    assert "1 failed, 1 passed" in result.stdout, result.stdout
    assert "steps/add/component.yaml:" in result.stdout


def test_no_docstring_needs_an_example(project: Path) -> None:
    main = project / MAIN
    main.write_text(main.read_text(encoding="utf-8").replace(">>>", "..."), encoding="utf-8")
    result = run_tests(project, "tests/test_pipeline.py", "-k", "examples")
    assert result.returncode == 0 and "1 passed" in result.stdout
    assert "skipped" not in result.stdout


def test_the_pipeline_is_tested_with_the_parameters_for_tests(project: Path) -> None:
    (project / "params" / "test.yaml").write_text("context: {numbers: [20, 40]}\n")
    (project / "params" / "dev.yaml").write_text("context: {numbers: []}\n")
    (project / "tests" / "test_mine.py").write_text(
        "def test_mine(run_pipeline):\n"
        "    assert run_pipeline()['Output']['average'] == 30\n"
        "    assert run_pipeline(context={'numbers': [1]})['Output']['average'] == 1\n"
    )
    result = run_tests(project, "tests", "-k", "mine or pipeline_runs")
    assert "2 passed" in result.stdout, result.stdout


LONG = """
def test_long():
    print("\\n".join(map(str, range(1000))))
    assert {n: str(n) for n in range(2000)} == {}

def test_wide():
    raise ValueError("x" * 100_000)
"""


@pytest.mark.parametrize("ci", ["", "true"])
@pytest.mark.parametrize(("test", "words"), [("long", "\n999\n"), ("wide", "ValueError: xxx")])
def test_a_failure_shows_a_screen(project: Path, ci: str, test: str, words: str) -> None:
    """In CI, too, where pytest leaves nothing out."""
    (project / "tests" / "test_long.py").write_text(LONG)
    result = run_tests(project, f"tests/test_long.py::test_{test}", CI=ci)
    assert "1 failed" in result.stdout and words in result.stdout
    assert len(result.stdout.splitlines()) < 60 and len(result.stdout) < 6000
    assert "pytest -vv shows all" in result.stdout
    assert re.search(r"^FAILED .* - (AssertionError: assert|ValueError: xxx)", result.stdout, re.M)


def test_all_of_a_failure_can_be_had(project: Path) -> None:
    (project / "tests" / "test_long.py").write_text(LONG)
    result = run_tests(project, "tests/test_long.py", "-vv")
    assert "x" * 100_000 in result.stdout and "\n500\n" in result.stdout


def test_tests_run_from_an_editor(project: Path) -> None:
    """Which starts pytest in any folder, with a file's whole path."""
    paths = [str(project / "tests" / f"test_{name}.py") for name in ("average", "pipeline")]
    result = run_tests(project.parent, *paths, "-k", "examples or tagged")
    assert result.returncode == 0, result.stdout + os.linesep + result.stderr


COMPILED = """
import sys

def test_it(images):
    print("kfp" in sys.modules, sorted(images))
"""


def test_what_is_compiled_already_is_tested_as_it_is(project: Path) -> None:
    """Importing kfp takes longer than most tests; a pipeline that has changed is compiled anew."""
    (project / "tests" / "test_one.py").write_text(COMPILED)

    def said() -> str:
        return run_tests(project, "-s", "tests/test_one.py").stdout

    assert said().startswith("True")
    assert make(project, "compile").returncode == 0
    assert said().startswith("False ['localhost:5000/calculate-average/add:")
    add_an_untagged_image(project)
    assert said().startswith("True ['localhost:5000/bare', ")
