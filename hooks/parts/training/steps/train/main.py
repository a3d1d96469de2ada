"""Trains one candidate, and tells how well it does on rows that it was not trained on."""

import logging
import sys
from collections.abc import Mapping, Sequence

from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

from common.context import InputError
from common.step import Step, run
from common.table import Row, features_and_labels, read_table


def score(rows: Sequence[Row], settings: Mapping[str, int]) -> float:
    """Return a candidate's accuracy, the mean over five folds of the rows.

    >>> score([[x, x > 10] for x in range(20)], {"max_depth": 2, "random_state": 1}) > 0.8
    True
    >>> score([[x, x > 10] for x in range(20)], {"max_depth": 0})
    Traceback (most recent call last):
    common.context.InputError: The 'max_depth' parameter of ... Got 0 instead.
    """
    forest = RandomForestClassifier(**settings)
    try:
        folds = cross_val_score(forest, *features_and_labels(rows), cv=5, error_score="raise")
    except ValueError as error:
        raise InputError(str(error)) from None
    return float(folds.mean())


def train(step: Step) -> None:
    """Publish the candidate: its settings, by scikit-learn's names, and its score.

    The model itself stays here: KFP cannot hand a list of artifacts to a step like evaluate,
    which trains the best candidate once more.
    """
    settings = {
        "max_depth": step.parameter("depth", int),
        "n_estimators": step.parameter("trees", int),
        "random_state": step.parameter("seed", int),
    }
    _, rows = read_table(step.artifact("train")[0])
    candidate = {"settings": settings, "score": score(rows, settings)}
    step.publish("candidate", candidate)
    logging.info("%s", candidate)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; exit status 2 and one line on stderr when an input is wrong."""
    return run("train", train, argv)


if __name__ == "__main__":
    sys.exit(main())
