"""`make lint` of a project takes steps as data scientists write them, and still finds mistakes."""

from pathlib import Path

import pytest

from shared.baking import make

NOTEBOOK = '''\
"""Trains."""

from typing import Dict, List, NamedTuple, Optional

import joblib
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from common.step import Dataset, Input, Metrics, Model, Output, step


@step
def train(
    data: Input[Dataset],
    others: Input[List[Model]],
    model: Output[Model],
    metrics: Output[Metrics],
    trees: int = 100,
    weights: Optional[Dict] = None,
    names: list = [],
    depth: int = 3,
    seed: int = 0,
) -> NamedTuple("Outputs", [("accuracy", float), ("rows", int)]):
    """Trains a forest."""
    df = pd.read_csv(data.path)
    X, y = df.drop(columns="label"), df["label"]
    forest = RandomForestClassifier(trees).fit(X, y)
    joblib.dump(forest, model.path)
    metrics.log_metric("rows", len(df))
    model.metadata["framework"] = "scikit-learn"
    from collections import namedtuple

    output = namedtuple("Outputs", ["accuracy", "rows"])
    return output(forest.score(X, y), len(X))


if __name__ == "__main__":
    train.main()
'''
LIBRARY = '''\
"""
Fits a model.

Examples
--------
Nothing here.
"""

import os
import pickle
import random
from typing import Dict, List, NamedTuple, Optional

import numpy as np
import torch.nn.functional as F
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from torch import nn

Outputs = NamedTuple("Outputs", [("accuracy", float), ("rows", int)])


class Scaler(BaseEstimator):
    def __init__(self, with_mean=True):
        self.with_mean = with_mean

    def fit(self, X, y=None):
        """Compute the mean.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        self : object
        """
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return X - self.mean_ if self.with_mean else X


class Net(nn.Module):
    def forward(self, X):
        return F.relu(X)


def fit(
    data: str, classes: List[str], weights: Optional[Dict[str, float]] = None, seed: int = None
) -> Outputs:
    """Fits it.

    Args:
      data: a path
    """
    random.seed(seed)
    with open(os.path.join(data, "x.pkl"), "rb") as f:
        X, y = pickle.load(f)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
    nClasses = len(set([c for c in classes]))
    score = lambda a, b: float(np.mean(a == b))
    for l, w in zip(classes, weights or {}):
        print(l, w, random.random())
    model = Scaler().fit(X_train, y_train)
    return Outputs(score(model.transform(X_test), y_test), len(X) + nClasses)
'''
MISTAKES = {
    "undefined": ("\n\ndef f():\n    return nothing\n", "F821"),
    "unused": ("\n\ndef f():\n    import json\n", "F401"),
    "waits for ever": ("\n\ndef f():\n    import requests\n\n    requests.get('x')\n", "S113"),
    "another type": ("\n\nROWS: int = 'x'\n", "assignment"),
}


def test_a_step_is_written_as_notebooks_and_scikit_learn_are(project: Path) -> None:
    (project / "steps" / "add" / "notebook.py").write_text(NOTEBOOK)
    (project / "steps" / "add" / "library.py").write_text(LIBRARY)
    result = make(project, "lint")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("code", "said"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_found(project: Path, code: str, said: str) -> None:
    (project / "steps" / "add" / "more.py").write_text(f'"""More."""{code}')
    result = make(project, "lint", "FIX=1" if said == "assignment" else "FIX=")
    assert result.returncode != 0 and said in result.stdout


def test_style_can_be_mended(project: Path) -> None:
    more = project / "steps" / "add" / "more.py"
    more.write_text("import os\nimport json\nDATA = json.dumps( os.environ.get('x') )\n")
    assert make(project, "lint").returncode != 0
    result = make(project, "lint", "FIX=1")
    assert result.returncode == 0, result.stdout
    assert more.read_text().startswith("import json\nimport os\n\nDATA = json.dumps(os.environ")
