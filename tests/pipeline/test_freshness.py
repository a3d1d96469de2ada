"""`make local` compiles when the outcome could be another, and only then."""

import subprocess
import sys
from pathlib import Path

import pytest

from kfp_workbench.images import pushed
from kfp_workbench.pipeline import freshness
from kfp_workbench.project import settings
from shared.baking import environment, make

HELPER = "from pathlib import Path\n\nNAME = Path(__file__).with_name('name.txt').read_text()\n"
USED = '\nimport helper\n\nassert helper.NAME\n(STEPS.parents[1] / "outside.txt").read_text()\n'


@pytest.fixture
def compiled(project: Path) -> Path:
    """Return a project that was compiled; its pipeline.py reads a module, and two files."""
    (project / "helper.py").write_text(HELPER)
    (project / "name.txt").write_text("a")
    (project.parent / "outside.txt").write_text("a")
    _append(project / "pipeline.py", USED)
    _compile(project)
    assert _is_current(project)
    return project


def _append(path: Path, text: str) -> None:
    path.write_text(f"{path.read_text() if path.exists() else ''}{text}")


def _compile(project: Path) -> None:
    words = [sys.executable, "-m", "kfp_workbench", "compile"]
    subprocess.run(words, cwd=project, env=environment(), check=True, capture_output=True)


def _is_current(project: Path) -> bool:
    found = settings.load(project)
    return freshness.is_current(found, pushed.compiled_images(found, project), project)


@pytest.mark.parametrize(
    "name",
    [
        "pipeline.py",
        "helper.py",
        "name.txt",
        "../outside.txt",
        "steps/add/component.yaml",
        "steps/div/main.py",
        "common/new.py",
        "kubernetes.yaml",
        "build/pipeline.yaml",
    ],
)
def test_another_file_is_compiled_again(compiled: Path, name: str) -> None:
    _append(compiled / name, "# changed\n")
    assert not _is_current(compiled)


@pytest.mark.parametrize("name", ["params/dev.yaml", "tests/test_new.py", "build/new.txt"])
def test_what_compiling_does_not_read_changes_nothing(compiled: Path, name: str) -> None:
    _append(compiled / name, "# changed\n")
    assert _is_current(compiled)


@pytest.mark.parametrize("variable", ["REGISTRY", "KFP_DISABLE_EXECUTION_CACHING_BY_DEFAULT"])
def test_another_variable_is_compiled_again(
    compiled: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "registry.example/other")
    assert not _is_current(compiled)


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "import time",
        "from datetime import datetime",
        "from kfp.components import load_component_from_url",
        "STEPS.exists()",
        "list(STEPS.walk()) if False else None",
        "eval('1')",
        "__import__('math')",
        "import kfp.dsl.base_component as b; b.subprocess = b.__dict__; getattr(b, 'abc')",
    ],
)
def test_a_pipeline_that_looks_at_more_than_files_is_compiled_each_time(
    project: Path, text: str
) -> None:
    _append(project / "pipeline.py", f"\n{text}\n")
    _compile(project)
    assert not _is_current(project)


def test_what_changes_meanwhile_is_compiled_again(project: Path) -> None:
    _append(
        project / "pipeline.py", "\n_FILE = Path(__file__)\n_FILE.write_text(_FILE.read_text())\n"
    )
    _compile(project)
    assert not _is_current(project)


def test_so_does_a_module_of_the_project(compiled: Path) -> None:
    _append(compiled / "helper.py", "import random\n")
    _compile(compiled)
    assert not _is_current(compiled)


def test_make_local_says_only_what_it_did(project: Path) -> None:
    def local() -> list[str]:
        result = make(project, "local", "RUNNER=process")
        assert result.returncode == 0, result.stderr
        return [line for line in result.stderr.splitlines() if line.startswith("compiled ")]

    assert local()
    assert not local()
    _append(project / "pipeline.py", "\n# changed\n")
    assert local()


def test_a_pipeline_that_cannot_be_compiled_is_not_run(project: Path) -> None:
    assert make(project, "local", "RUNNER=process").returncode == 0
    _append(project / "pipeline.py", "\nimport nowhere\n")
    result = make(project, "local", "RUNNER=process")
    assert result.returncode == 2
    assert "No module named 'nowhere'" in result.stderr
    assert "running" not in result.stderr
    assert result.stdout == ""
