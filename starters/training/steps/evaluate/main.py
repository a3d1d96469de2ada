"""Picks the best candidate, and tests it on rows that none has seen."""

import shutil
from typing import NamedTuple

import joblib
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, roc_auc_score, roc_curve

from common.step import ClassificationMetrics, Dataset, Input, Metrics, Model, Output, step
from common.table import features_and_labels


class Outputs(NamedTuple):
    """What decides about the model, and what was chosen from."""

    accuracy: float
    best: dict
    scores: list


@step
def evaluate(
    candidates: Input[list[Model]],
    test: Input[Dataset],
    model: Output[Model],
    metrics: Output[Metrics],
    evaluation: Output[ClassificationMetrics],
) -> Outputs:
    """Test the candidate with the highest score; of equal ones the simplest."""
    by_depth = sorted(
        candidates, key=lambda each: each.metadata["candidate"]["settings"]["max_depth"]
    )
    best = max(by_depth, key=lambda each: each.metadata["candidate"]["score"])
    shutil.copyfile(best.path, model.path)
    model.metadata.update(best.metadata)

    forest = joblib.load(best.path)
    features, labels = features_and_labels(test.path)
    predicted, chances = forest.predict(features), forest.predict_proba(features)[:, 1]
    accuracy = accuracy_score(labels, predicted)
    metrics.log_metric("accuracy", accuracy)
    metrics.log_metric("f1", f1_score(labels, predicted))
    metrics.log_metric("auc", roc_auc_score(labels, chances))
    matrix = confusion_matrix(labels, predicted).tolist()
    evaluation.log_confusion_matrix(["malignant", "benign"], matrix)
    evaluation.log_roc_curve(*roc_curve(labels, chances))
    scores = [each.metadata["candidate"] for each in by_depth]
    return Outputs(accuracy, best.metadata["candidate"], scores)


if __name__ == "__main__":
    evaluate.main()
