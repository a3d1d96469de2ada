"""Trains one candidate, and tells how well it does on rows that it was not trained on."""

import joblib
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

from common.step import Dataset, Input, InputError, Model, Output, step
from common.table import features_and_labels


@step
def train(train: Input[Dataset], model: Output[Model], depth: int, trees: int, seed: int) -> None:
    """Train a random forest; its score is its accuracy in cross-validation, over five folds."""
    features, labels = features_and_labels(train.path)
    settings = {"max_depth": depth, "n_estimators": trees, "random_state": seed}
    forest = RandomForestClassifier(**settings)
    try:
        scores = cross_val_score(forest, features, labels, cv=5, error_score="raise")
    except ValueError as error:  # scikit-learn says which setting is wrong, and why
        raise InputError(str(error)) from None
    joblib.dump(forest.fit(features, labels), model.path)
    model.framework = "scikit-learn"
    # The score goes with the model, so that whoever is given all of them can tell which is which.
    model.metadata["candidate"] = {"settings": settings, "score": float(scores.mean())}


if __name__ == "__main__":
    train.main()
