"""What people do to a project in their first hour, and the line that says how to go on."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.baking import make

REMOVED = "loads steps/div/component.yaml, which is not there: put it back, or take it out here"


def remove(project: Path) -> None:
    """Remove a step's folder, and leave the line that loads it."""
    shutil.rmtree(project / "steps" / "div")


def rename(project: Path) -> None:
    """Rename a step wherever `make check` would say so, but in its Dockerfile."""
    folder = (project / "steps" / "div").rename(project / "steps" / "divide")
    for path, name in ((project / "pipeline.py", '"div"'), (folder / "main.py", "div")):
        text = path.read_text()
        for old in (f"{name} /", f"def {name}(", f"{name}.main"):
            text = text.replace(old, old.replace("div", "divide"))
        path.write_text(text)


def import_unknown(project: Path) -> None:
    """Import a package that the step's requirements do not have."""
    path = project / "steps" / "div" / "main.py"
    path.write_text(
        path.read_text().replace("import logging", "import logging\n\nimport rich.nope")
    )


def import_own(project: Path) -> None:
    """Import a file of the project that is in no image."""
    (project / "helpers.py").touch()
    path = project / "steps" / "div" / "main.py"
    path.write_text(path.read_text().replace("import logging", "import logging\n\nimport helpers"))


@pytest.mark.parametrize(
    ("break_it", "status", "last"),
    [
        (remove, 2, f"error: pipeline.py:16: {REMOVED}"),
        (
            rename,
            2,
            "error: steps/divide/Dockerfile does not copy main.py, which the step runs: "
            "write COPY steps/divide/*.py ./",
        ),
        (
            import_unknown,
            1,
            "to mend it: list what brings rich in steps/div/requirements.in, then make lock",
        ),
        (import_own, 1, "to debug it: make debug STEP=div PDB=1"),
    ],
)
def test_a_local_run_ends_with_the_cure(
    project: Path, break_it: Callable[[Path], None], status: int, last: str
) -> None:
    break_it(project)
    result = make(project, "local", "RUNNER=process")
    *_, line, of_make = result.stderr.splitlines()
    assert line == last and of_make.endswith(f"Error {status}")


def test_a_removed_step_is_one_finding(project: Path) -> None:
    """No picture can be drawn before it is mended, and compiling would tell nothing more."""
    remove(project)
    result = make(project, "check")
    assert result.stdout == f"pipeline.py:16: {REMOVED}\n"
    assert "note:" not in result.stderr and "error: 1 finding, see above\n" in result.stderr
