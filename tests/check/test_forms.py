"""Components in the forms that people write pass the check, are compiled, and run."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.check import check_project
from shared.baking import make
from shared.checking import edit
from shared.forms import expected, make_project, read_forms

FORMS = read_forms()


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with a step of each form; for reading only."""
    return make_project(tmp_path_factory.mktemp("forms"), FORMS)


@pytest.fixture(scope="module")
def findings(forms: Path) -> list[tuple[str, str]]:
    """Return what the check finds, each with its step, or file."""
    found = [finding for finding in check_project(forms) if not finding.path.startswith("docs/")]
    return [(finding.path.removeprefix("steps/").split("/")[0], finding.text) for finding in found]


@pytest.fixture(scope="module")
def run(forms: Path) -> tuple[Mapping[str, Any], str]:
    """Return what the pipeline returns as processes, and what was said."""
    result = make(forms, "local", "RUNNER=process")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout), result.stderr


def test_twenty_are_as_in_collections() -> None:
    text = (Path(__file__).parent / "forms" / "collections.yaml").read_text(encoding="utf-8")
    assert text.count("\n  component: |\n") == 20


@pytest.mark.parametrize("name", FORMS)
def test_a_form_passes_the_check(findings: list[tuple[str, str]], name: str) -> None:
    assert [text for step, text in findings if step == name] == []


def test_nothing_else_is_found(findings: list[tuple[str, str]]) -> None:
    assert [text for step, text in findings if step not in FORMS] == []


@pytest.mark.parametrize("name", FORMS)
def test_a_form_runs_as_a_process(run: tuple[Mapping[str, Any], str], name: str) -> None:
    result, said = run
    wanted = expected({name: FORMS[name]})
    assert {key: result[key] for key in wanted} == wanted
    assert FORMS[name].log in said


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        (
            "placeholders_in_command",
            "--text,",
            "--txt,",
            "args gives '--txt', which main.py does not",
        ),
        ("unbuffered", "--said,", "", "main.py needs --said, which args does not give"),
        ("odd_flags", "--2d", "--3d", "args gives '--3d', which main.py does not read"),
        ("odd_flags", "----output", "--output", "args gives '--output-paths', which main.py"),
        ("odd_flags", "-v3", "-w3", "args gives '-w3', which main.py does not read"),
        ("sub_command", "--text", "--txt", "args gives '--txt', which main.py does not read"),
        ("sub_command", "say]", "forget]", "main.py needs --why, which args does not give"),
        ("with_click", "--no-shout", "--no-shut", "args gives '--no-shut', which main.py does not"),
        ("with_click", "--text, {", "{", "main.py needs --text, which args does not give"),
        ("with_click", '-n, "2"', "-n, -n", "'-n' has no value"),
        ("with_clicks_groups", "say-it", "forget", "main.py needs --why, which args does not give"),
        (
            "with_a_package",
            "--length",
            "--size",
            "args gives '--size', which main.py does not read",
        ),
        ("another_name", "--text", "--txt", "args gives '--txt', which say.py does not read"),
        ("another_name", "-m, say", "-m, tell", None),
        ("from_a_function", "- --factor", "- --faktor", "args gives '--faktor', which its program"),
        (
            "from_a_function_with_packages",
            "--name, {",
            "--naem, {",
            "'--naem', which its program does",
        ),
        ("with_fire", "--said", "--sad", None),
        ("with_absl", "--said", "--sad", None),
        ("with_getopt", "--said", "--sad", None),
        ("by_hand", "--text", "--txt", None),
        ("known_arguments", "--text", "--txt", None),
        ("inline_shell", "{inputValue", "--x, {inputValue", None),
    ],
)
def test_flags_that_can_be_read_are_checked(
    forms: Path, tmp_path: Path, name: str, old: str, new: str, words: str | None
) -> None:
    project = tmp_path / "project"
    subprocess.run(["cp", "-R", forms, project], check=True)
    for path in (project / "steps").iterdir():
        if path.name != name:
            shutil.rmtree(path)
    edit(project, f"steps/{name}/component.yaml", old, new)
    found = [finding for finding in check_project(project) if finding.path.startswith("steps/")]
    found = [finding for finding in found if "ENTRYPOINT" not in finding.what]
    matching = [finding for finding in found if words and words in finding.text]
    assert len(matching) == (1 if words else 0) and (words or not found), found
