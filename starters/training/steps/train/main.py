"""Trains one candidate, and tells how well it does on rows that it was not trained on."""

import logging
import sys
from collections.abc import Mapping, Sequence

from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

from common.context import InputError
from common.step import Step, run
from common.table import Row, features_and_labels, read_table

LEAST = {"depth": 1, "trees": 1, "seed": 0}
MOST = 2**32 - 1  # that scikit-learn takes for a seed


def allowed(name: str, value: int) -> int:
    """Return the value of an input, if it is one that scikit-learn can work with.

    >>> allowed("depth", 8), allowed("trees", 1), allowed("seed", 0)
    (8, 1, 0)
    >>> allowed("trees", 0)
    Traceback (most recent call last):
    common.context.InputError: trees: 0 is not a whole number from 1 to 4294967295
    >>> allowed("seed", -1)
    Traceback (most recent call last):
    common.context.InputError: seed: -1 is not a whole number from 0 to 4294967295
    """
    if not LEAST[name] <= value <= MOST:
        raise InputError(f"{name}: {value} is not a whole number from {LEAST[name]} to {MOST}")
    return value


def score(rows: Sequence[Row], settings: Mapping[str, int]) -> float:
    """Return a candidate's accuracy, the mean over five folds of the rows.

    >>> score([[x, x > 10] for x in range(20)], {"max_depth": 2, "random_state": 1}) > 0.8
    True
    >>> score([[1, 0], [2, 1]], {})
    Traceback (most recent call last):
    common.context.InputError: train: Cannot have number of splits n_splits=5 greater than ...
    """
    forest = RandomForestClassifier(**settings)
    try:
        folds = cross_val_score(forest, *features_and_labels(rows), cv=5, error_score="raise")
    except ValueError as error:
        raise InputError(f"train: {error}") from None
    return float(folds.mean())


def train(step: Step) -> None:
    """Publish the candidate: its settings, by scikit-learn's names, and its score.

    The model itself stays here: KFP cannot hand a list of artifacts to a step like evaluate,
    which trains the best candidate once more.
    """
    depth, trees, seed = (allowed(name, step.parameter(name, int)) for name in LEAST)
    settings = {"max_depth": depth, "n_estimators": trees, "random_state": seed}
    _, rows = read_table(step.artifact("train")[0])
    candidate = {"settings": settings, "score": score(rows, settings)}
    step.publish("candidate", candidate)
    logging.info("%s", candidate)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; exit status 2 and one line on stderr when an input is wrong."""
    return run("train", train, argv)


if __name__ == "__main__":
    sys.exit(main())
