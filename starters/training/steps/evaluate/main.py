"""Trains the best candidate on all rows there are for it, and tests it on rows it has not seen."""

import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import joblib
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, roc_auc_score, roc_curve

from common.context import InputError
from common.step import Step, run
from common.table import features_and_labels, read_table


def best(candidates: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the candidate with the highest score; of equal ones the first.

    >>> best([{"score": 0.5}, {"score": 0.9, "settings": {"max_depth": 2}}, {"score": 0.9}])
    {'score': 0.9, 'settings': {'max_depth': 2}}
    >>> best([])
    Traceback (most recent call last):
    common.context.InputError: candidates: [] has none: give at least one number in depths
    """
    if not candidates:
        raise InputError("candidates: [] has none: give at least one number in depths")
    return max(candidates, key=lambda candidate: candidate["score"])


def evaluate(step: Step) -> None:
    """Publish the best model, its metrics, and the accuracy that decides about it."""
    chosen = best(step.parameter("candidates", list))
    # KFP carries numbers as doubles, and scikit-learn does not take 8.0 for a depth.
    settings = {name: int(value) for name, value in chosen["settings"].items()}
    _, train = read_table(step.artifact("train")[0])
    _, test = read_table(step.artifact("test")[0])
    model = RandomForestClassifier(**settings).fit(*features_and_labels(train))
    with step.output("model", framework="scikit-learn", **settings) as path:
        joblib.dump(model, path)

    features, labels = features_and_labels(test)
    predicted, chances = model.predict(features), model.predict_proba(features)[:, 1]
    accuracy, f1 = accuracy_score(labels, predicted), f1_score(labels, predicted)
    step.metrics("metrics", accuracy=accuracy, f1=f1, auc=roc_auc_score(labels, chances))
    # The first threshold of a curve is infinite, which JSON does not have.
    rates = zip(*roc_curve(labels, chances), strict=True)
    curve = [(false, true, min(threshold, 1)) for false, true, threshold in rates]
    matrix = confusion_matrix(labels, predicted).tolist()
    step.classification_metrics("evaluation", ["malignant", "benign"], matrix, curve)
    step.publish("best", chosen)
    step.publish("accuracy", accuracy)
    logging.info("accuracy %.3f with %s", accuracy, settings)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; exit status 2 and one line on stderr when an input is wrong."""
    return run("evaluate", evaluate, argv)


if __name__ == "__main__":
    sys.exit(main())
