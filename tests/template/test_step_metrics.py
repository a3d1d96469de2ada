"""Metrics of a typed step: kfp's methods, and what kfp's own get wrong."""

import json
import math
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common import step as ours
from common.step import ClassificationMetrics, Output, SlicedClassificationMetrics, step
from shared.step_runs import executor_input, status, told


def matrix(found: Any) -> None:
    found.log_confusion_matrix(["a", "b"], [[1, 2], [3, 4]])


def row(found: Any) -> None:
    found.set_confusion_matrix_categories(["a", "b"])
    found.log_confusion_matrix_row("b", [1, 2])


def cell(found: Any) -> None:
    found.set_confusion_matrix_categories(["a", "b"])
    found.log_confusion_matrix_cell("a", "b", 5)


def curve(found: Any) -> None:
    found.log_roc_curve([0, 0.5, 1], [0, 0.9, 1], [2, 0.5, 0])
    found.log_roc_data_point(0.1, 0.2, 0.3)


def both(found: Any) -> None:
    curve(found)
    matrix(found)


def unknown(found: Any) -> None:
    matrix(found)
    found.log_confusion_matrix_cell("a", "c", 1)


LOGGED = {
    "metric": ("Metrics", lambda found: (found.log_metric("a", 0.5), found.log_metric("b", 3))),
    "matrix": ("ClassificationMetrics", matrix),
    "row": ("ClassificationMetrics", row),
    "cell": ("ClassificationMetrics", cell),
    "curve": ("ClassificationMetrics", curve),
    "both": ("ClassificationMetrics", both),
}


@pytest.mark.parametrize(("kind", "log"), LOGGED.values(), ids=list(LOGGED))
def test_what_is_logged_is_what_kfp_makes_of_it(kind: str, log: Callable[[Any], Any]) -> None:
    from kfp import dsl

    here, there = getattr(ours, kind)("x"), getattr(dsl, kind)("x")
    log(here)
    log(there)
    assert here.metadata == there.metadata != {}


def test_all_that_kfp_has_is_here() -> None:
    from kfp import dsl

    for kind in ours.Artifact.__subclasses__():
        for name in vars(getattr(dsl, kind.__name__)):
            assert name.startswith("_") or hasattr(kind, name), name


def test_arrays_are_lists(tmp_path: Path) -> None:
    """Of numpy, too: it has these methods of an array."""

    @step
    def measure(found: Output[ClassificationMetrics]) -> None:
        found.log_roc_curve(array("d", [0, 1]), array("d", [0, 1]), array("d", [math.inf, 0.5]))
        found.log_confusion_matrix(array("b", [0, 1]), [array("b", [1, 2]), array("b", [3, 4])])

    assert status(measure, executor_input(tmp_path, {"found": "ClassificationMetrics"})) == 0
    assert told(tmp_path)["found"]["metadata"] == {
        "confidenceMetrics": [
            {"falsePositiveRate": 0, "recall": 0, "confidenceThreshold": 1},
            {"falsePositiveRate": 1, "recall": 1, "confidenceThreshold": 0.5},
        ],
        "confusionMatrix": {
            "annotationSpecs": [{"displayName": "0"}, {"displayName": "1"}],
            "rows": [{"row": [1, 2]}, {"row": [3, 4]}],
        },
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [([0.9, 0.5], [1, 0.9, 0.5]), ([8.5, -2], [8.5, 8.5, -2]), ([], [1])],
)
def test_an_infinite_threshold_is_clipped(given: list[float], expected: list[float]) -> None:
    """scikit-learn's first: 1 for probabilities, which is as high as other scores get."""
    found = ClassificationMetrics("x")
    rates = [0.5] * len(expected)
    found.log_roc_curve(rates, rates, [float("inf"), *given])
    points = found.metadata["confidenceMetrics"]
    assert [point["confidenceThreshold"] for point in points] == expected


def test_slices_have_metrics_of_their_own() -> None:
    """kfp's class has these methods, which all raise AttributeError there."""
    found = SlicedClassificationMetrics("x")
    found.load_roc_readings("women", [[0.5, 0.9, 0.1]])
    found.log_roc_reading("men", 0.4, 0.8, 0.2)
    found.set_confusion_matrix_categories("men", ["a", "b"])
    found.log_confusion_matrix_row("men", "a", [1, 2])
    found.log_confusion_matrix_cell("men", "b", "a", 3)
    found.load_confusion_matrix("women", ["a"], [[4]])
    slices = found.metadata["evaluationSlices"]
    women, men = (each["sliceClassificationMetrics"] for each in slices)
    assert [each["slice"] for each in slices] == ["women", "men"]
    assert women["confidenceMetrics"] == [
        {"confidenceThreshold": 0.5, "recall": 0.9, "falsePositiveRate": 0.1}
    ]
    assert men["confidenceMetrics"] == [
        {"confidenceThreshold": 0.4, "recall": 0.8, "falsePositiveRate": 0.2}
    ]
    assert women["confusionMatrix"]["rows"] == [{"row": [4]}]
    assert men["confusionMatrix"]["rows"] == [{"row": [1, 2]}, {"row": [3, 0]}]


def rows(*given: Any) -> Callable[[Any], None]:
    """Return what logs a confusion matrix of two categories."""
    return lambda found: found.log_confusion_matrix(["a", "b"], given)


WRONG = {
    "short": (rows([1, 2], [1]), "found: [1] is no row: give 2 counts"),
    "flat": (rows(1, 0), "found: 1 is no list"),
    "texts": (rows([1, 2], [1, "x"]), "found[1]: 'x' is no float"),
    "negative": (rows([1, 2], [1, -1]), "found: [1, -1] is no row: give 2 counts"),
    "rows": (rows([1, 2]), "found: a confusion matrix of 1 rows: give 2"),
    "category": (unknown, "found: 'c' is no category: a, b"),
    "rate": (lambda found: found.log_roc_data_point(1.5, 1, 1), "found: 1.5 and 1 are no rates"),
    "nan": (
        lambda found: found.log_roc_curve([0], [float("nan")], [1]),
        "found: 0 and nan are no rates, which are from 0 to 1",
    ),
    "threshold": (
        lambda found: found.log_roc_data_point(0, 1, float("nan")),
        "found.confidenceThreshold: nan is no number to JSON",
    ),
    "lengths": (lambda found: found.log_roc_curve([0, 1], [0, 1], [1]), "found: a ROC curve of 2, 2 and 1"),
}  # fmt: skip


@pytest.mark.parametrize(("log", "words"), WRONG.values(), ids=list(WRONG))
def test_wrong_metrics_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], log: Callable[[Any], Any], words: str
) -> None:
    @step
    def measure(found: Output[ClassificationMetrics]) -> None:
        log(found)

    assert status(measure, executor_input(tmp_path, {"found": "ClassificationMetrics"})) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"measure: {words}")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("high", "found: x: 'high' is no float"),
        (True, "found: x: True is no float"),
        (float("inf"), "found: x: inf is no number to JSON"),
    ],
)
def test_a_metric_is_a_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: Any, words: str
) -> None:
    @step
    def measure(found: Output[ours.Metrics]) -> None:
        found.log_metric("x", value)

    assert status(measure, executor_input(tmp_path, {"found": "Metrics"})) == 1
    assert capsys.readouterr().err.startswith(f"measure: {words}")


def test_whole_numbers_are_written_as_such() -> None:
    metrics, found = ours.Metrics("found"), ClassificationMetrics("found")
    metrics.log_metric("rows", 3)
    found.log_confusion_matrix(["a"], [[4]])
    assert json.dumps(metrics.metadata) == '{"rows": 3}'
    assert json.dumps(found.metadata["confusionMatrix"]["rows"]) == '[{"row": [4]}]'
