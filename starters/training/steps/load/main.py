"""Loads the data: measurements of breast tumours, and which of them were benign."""

import logging
import sys
from collections.abc import Sequence

from sklearn.datasets import load_breast_cancer

from common.step import Step, run
from common.table import Row, write_table


def table() -> tuple[list[str], list[Row]]:
    """Return the columns' names and the rows; the last column is the label, 1 for benign.

    >>> columns, rows = table()
    >>> columns[0], columns[-1], len(columns), len(rows)
    ('mean radius', 'benign', 31, 569)
    """
    data = load_breast_cancer()  # ships inside scikit-learn: nothing is downloaded
    values, labels = data.data.tolist(), data.target.tolist()
    rows = [[*row, label] for row, label in zip(values, labels, strict=True)]
    return [*map(str, data.feature_names), "benign"], rows


def load(step: Step) -> None:
    """Publish the table as a data set that says how many rows it has, and of which types."""
    columns, rows = table()
    schema = {name: type(value).__name__ for name, value in zip(columns, rows[0], strict=True)}
    with step.output("data", rows=len(rows), schema=schema) as path:
        write_table(path, columns, rows)
    logging.info("%d rows of %d columns", len(rows), len(columns))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; exit status 2 and one line on stderr when an input is wrong."""
    return run("load", load, argv)


if __name__ == "__main__":
    sys.exit(main())
