"""VS Code's launch file: what a step is given stays what it is."""

import json
from pathlib import Path

import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import vscode
from kfp_workbench.project.steps import Step

RUNS = "${command:workbench.action.terminal.sendSequence}"


@pytest.fixture
def step(tmp_path: Path) -> Step:
    (tmp_path / "main.py").write_text("", encoding="utf-8")
    return Step("fit", tmp_path)


def test_vs_code_finds_no_variable_in_json(step: Step) -> None:
    given = json.dumps({"text": f"{RUNS} \\${{env:HOME}}"})
    made = vscode.configuration("fit", step, ["python", "main.py", "--executor-input", given], {})
    assert "${" not in made["args"][1]
    assert json.loads(made["args"][1]) == json.loads(given)


@pytest.mark.parametrize(("words", "variables"), [(["--text", RUNS], {}), ([], {"A": f"a {RUNS}"})])
def test_vs_code_is_given_none_where_it_knows_no_escape(
    step: Step, words: list[str], variables: dict[str, str]
) -> None:
    with pytest.raises(WorkbenchError, match="in which VS Code fills") as caught:
        vscode.configuration("fit", step, ["python", "main.py", *words], variables)
    assert caught.value.status == 2
