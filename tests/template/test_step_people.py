"""A typed step's program, as people run it: flags, a page of help, one line for what is wrong."""

# ruff: noqa: B006, UP006, UP035, UP045  # as notebooks have their types and defaults

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, List, NamedTuple, Optional

import pytest

from common.step import ClassificationMetrics, Dataset, Input, Metrics, Model, Output, step
from shared.baking import PROJECT
from shared.step_runs import files, status

MAIN = '''\
"""Trains a classifier, 100 % of the time."""

import logging

from common.step import Dataset, Input, Model, Output, step


@step
def train(data: Input[Dataset], model: Output[Model], test_share: float = 0.25, trees: int = 100) -> float:
    """Fit a random forest, and return its accuracy.

    Args:
        data: Rows to train on.
    """
    with open(data.path) as rows, open(model.path, "w") as file:
        file.write(rows.read())
    logging.info("%d trees", trees)
    return 1 - test_share


if __name__ == "__main__":
    train.main()
'''


class Outputs(NamedTuple):
    """What a step returns."""

    score: float
    names: List[str]


@step
def fit(
    data: Input[Dataset],
    model: Output[Model],
    metrics: Output[Metrics],
    others: Input[List[Model]] = [],
    depths: List[int] = [3],
    name: str = "forest",
    is_deep: bool = False,
    options: Optional[dict[str, Any]] = None,
) -> Outputs:
    """Fit it."""
    Path(model.path).write_text(f"{depths} {name} {is_deep} {options}")
    metrics.log_metric("others", len(others))
    return Outputs(0.5, [model.name for model in others])


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder, where there is a file of rows."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("rows")
    return tmp_path


NEEDED = ["--data", "x.csv", "--model", "out/m", "--metrics", "out/metrics"]


def test_values_are_printed(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (there / "a").touch()
    flags = ["--depths", "[1, 2.0]", "--is-deep", "True", "--options", '{"a": 1.0}']
    assert status(fit, [*NEEDED, *flags, "--others", "a", "x.csv"]) == 0
    assert json.loads(capsys.readouterr().out) == {"score": 0.5, "names": ["a", "x.csv"]}
    assert (there / "out" / "m").read_text() == "[1, 2] forest True {'a': 1}"
    assert json.loads((there / "out" / "metrics").read_text()) == {"others": 2}
    assert files(there) == ["a", "out/m", "out/metrics", "x.csv"]


def test_values_go_where_flags_say(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(fit, [*NEEDED, "--names", "deep/names.json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"score": 0.5}
    assert json.loads((there / "deep" / "names.json").read_text()) == []
    assert (there / "out" / "m").read_text() == "[3] forest False None"


def test_figures_that_were_written_can_be_read(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @step
    def make(evaluation: Output[ClassificationMetrics]) -> None:
        evaluation.log_confusion_matrix(["a"], [[1]])

    @step
    def read(evaluation: Input[ClassificationMetrics]) -> dict[str, Any]:
        return evaluation.metadata

    assert status(make, ["--evaluation", "figures"]) == 0
    assert status(read, ["--evaluation", "figures"]) == 0
    assert json.loads(capsys.readouterr().out)["confusionMatrix"]["rows"] == [{"row": [1]}]


def test_what_is_there_is_replaced_when_the_new_is_whole(there: Path) -> None:
    (there / "out").mkdir()
    (there / "out" / "m").write_text("old")
    assert status(fit, [*NEEDED, "--depths", '["x"]']) == 2
    assert (there / "out" / "m").read_text() == "old"
    assert status(fit, NEEDED) == 0
    assert (there / "out" / "m").read_text().startswith("[3]")


WRONG = {
    "nothing": ([], "the following arguments are required: --data, --model, --metrics"),
    "unknown": ([*NEEDED, "--tree", "1"], "unrecognized arguments: --tree 1"),
    "no-value": ([*NEEDED, "--name"], "--name: expected one argument"),
    "no-file": (["--data", "y.csv", *NEEDED[2:]], "--data: there is no y.csv"),
    "a-folder": ([*NEEDED[:3], ".", *NEEDED[4:]], "--model: . is a folder: remove it, or give another path"),
    "a-folder-for-a-value": ([*NEEDED, "--names", "."], "--names: . is a folder: remove it, or give another path"),
    "type": ([*NEEDED, "--is-deep", "1"], "is_deep: 1 is no bool"),
    "text": ([*NEEDED, "--is-deep", "x"], "--is-deep: invalid bool value: 'x'"),
    "item": ([*NEEDED, "--depths", '["x"]'], "depths[0]: 'x' is no int"),
    "json": ([*NEEDED, "--depths", "[1"], "--depths: invalid 'JSON' value: '[1'"),
    "nan": ([*NEEDED, "--depths", "[NaN]"], "depths[0]: nan is no number to JSON"),
    "executor-input": (["--executor-input", "{"], "--executor-input: invalid 'JSON object' value: '{'"),
    "no-object": (["--executor-input=[1]"], "--executor-input: invalid 'JSON object' value: '[1]'"),
}  # fmt: skip


@pytest.mark.parametrize(("argv", "words"), WRONG.values(), ids=list(WRONG))
def test_a_wrong_input_is_one_line(
    there: Path, capsys: pytest.CaptureFixture[str], argv: list[str], words: str
) -> None:
    assert status(fit, argv) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"fit: {words}")
    assert files(there) == ["x.csv"]


# The program itself


@pytest.fixture
def main(tmp_path: Path) -> Path:
    """Return a step's main.py, in a project where its modules are."""
    path = tmp_path / "project" / "steps" / "train" / "main.py"
    path.parent.mkdir(parents=True)
    path.write_text(MAIN)
    (tmp_path / "x.csv").write_text("rows")
    return path


def run(main: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a step's program beside the project."""
    return subprocess.run(
        [sys.executable, str(main), *words],
        cwd=main.parents[3],
        env={"PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "80"},
        capture_output=True,
        text=True,
    )


def test_a_program_runs_and_says_so(main: Path) -> None:
    done = run(main, "--data", "x.csv", "--trees", "5", "--model", "out/m", "--output", "o.json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "INFO 5 trees\n")
    assert (main.parents[3] / "o.json").read_text() == "0.75"
    assert (main.parents[3] / "out" / "m").read_text() == "rows"


def test_help_is_a_page_for_people(main: Path) -> None:
    done = run(main, "--help")
    assert done.returncode == 0
    for words in (
        "Trains a classifier, 100 % of the time.",
        "Fit a random forest, and return its accuracy.",
        "data: Rows to train on.",
        "--data PATH           Dataset",
        "--model PATH          Model, to be written",
        "--test-share VALUE    float, 0.25 unless given",
        "--output PATH         float, printed unless given",
    ):
        assert words in done.stdout


def test_other_errors_have_their_traceback(main: Path) -> None:
    main.write_text(MAIN.replace("return 1 - test_share", "return 1 / 0"))
    done = run(main, "--data", "x.csv", "--model", "m")
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "ZeroDivisionError: division by zero" in done.stderr
    assert not (main.parents[3] / "m").exists()


def test_types_may_be_written_as_texts(main: Path) -> None:
    text = MAIN.replace("import logging", "from __future__ import annotations\n\nimport logging")
    main.write_text(text)
    assert run(main, "--data", "x.csv", "--model", "m").stdout == "0.75\n"
