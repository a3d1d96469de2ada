"""`make check` names imports and files that no image of a step has."""

from pathlib import Path

import pytest

from kfp_workbench.check import Finding, check_project
from shared.baking import bake
from shared.checking import report

HEAD = '''"""Adds."""

import sys
'''
IMAGE = "which the step's image does not hold"
SHARE = "put what steps share into common/"
ADMIT = "admit it in .dockerignore, as by !steps/*/*.json, and COPY it in the Dockerfile"


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = bake(tmp_path_factory.mktemp("lacking"))
    (project / "steps" / "add" / "table.json").write_text("{}")
    (project / "steps" / "add" / "own.py").write_text("")
    (project / "steps" / "add" / "inner").mkdir()
    (project / "steps" / "add" / "inner" / "deep.py").write_text("")
    (project / "steps" / "div" / "helper.py").write_text("")
    (project / "common" / "words.txt").write_text("a")
    (project / "numpy.json").write_text("{}")
    (project / "helpers").mkdir()
    (project / "helpers" / "a.py").write_text("")
    return project


def found(project: Path, code: str, name: str = "main.py") -> list[Finding]:
    """Return what is found of imports and files in a script with some code at its end."""
    path = project / "steps" / "add" / name
    path.write_text(f"{HEAD}{code}\n")
    findings = check_project(project)
    return [finding for finding in findings if finding.what.startswith(("imports ", "opens "))]


@pytest.mark.parametrize(
    ("code", "line", "what", "cure"),
    [
        ("import pipeline", 1, f"imports pipeline, {IMAGE}", SHARE),
        ("import tests.test_steps", 1, f"imports tests.test_steps, {IMAGE}", SHARE),
        ("from steps.div import main", 1, f"imports steps.div.main, {IMAGE}", SHARE),
        ("from steps.div.main import x", 1, f"imports steps.div.main.x, {IMAGE}", SHARE),
        ("def f():\n    import helper", 2, f"imports helper, {IMAGE}", SHARE),
        ("from helpers import a", 1, f"imports helpers.a, {IMAGE}", SHARE),
        (
            "import inner.deep",
            1,
            f"imports inner.deep, {IMAGE}",
            "admit it in .dockerignore, as by !steps/*/inner/*.py, and COPY it in the Dockerfile",
        ),
        (
            "from kfp_workbench import files",
            1,
            "imports kfp_workbench, which no step's image holds",
            "a step has what its requirements.txt names, and common/",
        ),
        ("open('table.json')", 1, f"opens 'steps/add/table.json', {IMAGE}", ADMIT),
        ("open('table.json', 'r')", 1, f"opens 'steps/add/table.json', {IMAGE}", ADMIT),
        ("pd.read_json('table.json')", 1, f"opens 'steps/add/table.json', {IMAGE}", ADMIT),
        ("Path('./table.json').read_text()", 1, f"opens 'steps/add/table.json', {IMAGE}", ADMIT),
        (
            "Path(__file__).resolve().parent / 'table.json'",
            1,
            f"opens 'steps/add/table.json', {IMAGE}",
            ADMIT,
        ),
        (
            "open('common/words.txt')",
            1,
            f"opens 'common/words.txt', {IMAGE}",
            "admit it in .dockerignore, as by !common/**/*.txt, and COPY it in the Dockerfile",
        ),
        (
            "open('params/dev.yaml')",
            1,
            f"opens 'params/dev.yaml', {IMAGE}",
            "put it into steps/add/ or common/, or hand it over as an input",
        ),
    ],
)
def test_what_no_image_has_is_named(
    baked: Path, code: str, line: int, what: str, cure: str
) -> None:
    assert found(baked, code) == [Finding("steps/add/main.py", HEAD.count("\n") + line, what, cure)]


@pytest.mark.parametrize(
    "code",
    [
        "import json, os.path, numpy, sklearn.ensemble",
        "import own",
        "from own import anything",
        "from common import step\nimport common.step",
        "from . import pipeline",
        "try:\n    import pipeline\nexcept ImportError:\n    pipeline = None",
        "try:\n    import pipeline\nexcept (OSError, ModuleNotFoundError):\n    pass",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pipeline",
        "open('table.json', 'w')",
        "open('table.json', mode='a')",
        "open('nothing.json')",
        "open('/etc/passwd')",
        "open('main.py')",
        "open(sys.argv[1])",
        "print('table.json')",
        "pd.read_csv('https://example.com/table.json')",
        "Path(__file__).parent / sys.argv[1]",
        "Path(__file__).parent / 'own.py'",
        "open('x' * 3)",
        "open('a\\0b')",
        f"open({'y' * 5000!r})",
    ],
)
def test_what_may_be_there_is_not_named(baked: Path, code: str) -> None:
    assert report(found(baked, code)) == ""


def test_what_requirements_bring_is_not_named(baked: Path) -> None:
    lock = baked / "steps" / "add" / "requirements.txt"
    before = lock.read_text()
    lock.write_text(f"{before}\nHelper==1.0 --hash=sha256:{'0' * 64}\n")
    try:
        assert found(baked, "import helper") == []
    finally:
        lock.write_text(before)


def test_a_module_of_the_step_is_looked_at_too(baked: Path) -> None:
    found(baked, "import own")
    findings = found(baked, "import pipeline", "own.py")
    (baked / "steps" / "add" / "own.py").write_text("")
    assert [finding.path for finding in findings] == ["steps/add/own.py"]


def test_what_the_dockerfile_copies_elsewhere_is_not_named(baked: Path) -> None:
    dockerfile = baked / "steps" / "add" / "Dockerfile"
    ignore = baked / ".dockerignore"
    kept = dockerfile.read_text(), ignore.read_text()
    dockerfile.write_text(
        kept[0].replace("USER", "COPY steps/add/table.json steps/add/inner/ /opt/\nUSER")
    )
    ignore.write_text(f"{kept[1]}!steps/*/*.json\n!steps/*/inner/*\n")
    try:
        assert found(baked, "import inner.deep\nopen('table.json')") == []
    finally:
        dockerfile.write_text(kept[0])
        ignore.write_text(kept[1])


def test_a_step_in_another_language_is_left_alone(tmp_path: Path) -> None:
    project = bake(tmp_path)
    (project / "steps" / "add" / "main.py").unlink()
    findings = check_project(project)
    assert not [finding for finding in findings if finding.what.startswith(("imports", "opens"))]


@pytest.mark.parametrize(
    ("copies", "is_found"),
    [
        ("COPY steps/add/*.py ./", False),
        ("COPY steps/add/ ./", False),
        ("COPY steps/add/main.py /opt/", False),
        ("COPY steps/sum/*.py ./", True),
        ("", True),
        ("COPY $TARGETARCH/*.py ./", False),
        ("COPY --from=example.com/scripts:1 /add/ ./", False),
        ("FROM x:1 AS y\nCOPY common/ /c/\nFROM x:1\nCOPY --from=y /c/ common/", True),
    ],
)
def test_an_image_without_its_script_is_found(tmp_path: Path, copies: str, is_found: bool) -> None:
    """Whatever can be followed: a pattern that takes nothing is no error to BuildKit."""
    project = bake(tmp_path)
    path = project / "steps" / "add" / "Dockerfile"
    old = "COPY steps/add/*.py ./"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, copies))
    what = "does not copy main.py, which the step runs: write COPY steps/add/*.py ./"
    found = [finding.text for finding in check_project(project) if "which the step" in finding.what]
    assert found == [f"steps/add/Dockerfile:1: {what}"] * is_found
