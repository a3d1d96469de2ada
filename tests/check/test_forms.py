"""Components in the forms that people write pass the check, are compiled, and run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.check import check_project
from shared.baking import make
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
