"""Splits the data into rows to train on and rows to test with."""

import logging
import random
import sys
from collections.abc import Sequence

from common.context import InputError
from common.step import Step, run
from common.table import Row, read_table, write_table


def halves(rows: Sequence[Row], test_share: float, seed: int) -> tuple[list[Row], list[Row]]:
    """Return the rows to train on and those to test with; each label has its share in both.

    >>> halves([[1, 0], [2, 0], [3, 1], [4, 1]], test_share=0.5, seed=1)
    ([[1, 0], [3, 1]], [[2, 0], [4, 1]])
    >>> halves([[1, 0], [2, 0]], test_share=1.5, seed=1)
    Traceback (most recent call last):
    common.context.InputError: test_share: 1.5 is not between 0 and 1: give 0.25 or so
    >>> halves([[1, 0], [2, 0]], test_share=0.1, seed=1)
    Traceback (most recent call last):
    common.context.InputError: test_share: 0.1 leaves a part without rows: give 0.25 or so
    """
    if not 0 < test_share < 1:
        raise InputError(f"test_share: {test_share} is not between 0 and 1: give 0.25 or so")
    train: list[Row] = []
    test: list[Row] = []
    shuffle = random.Random(seed).shuffle  # noqa: S311  # to be repeated, not to be secret
    for label in sorted({row[-1] for row in rows}):
        same = [row for row in rows if row[-1] == label]
        shuffle(same)
        count = round(len(same) * test_share)
        if not 0 < count < len(same):
            raise InputError(
                f"test_share: {test_share} leaves a part without rows: give 0.25 or so"
            )
        test += same[:count]
        train += same[count:]
    return train, test


def split(step: Step) -> None:
    """Publish both parts as data sets."""
    path, about = step.artifact("data")
    columns, rows = read_table(path)
    parts = halves(rows, step.parameter("test_share", float), step.parameter("seed", int))
    for name, part in zip(("train", "test"), parts, strict=True):
        with step.output(name, rows=len(part), schema=about["schema"]) as target:
            write_table(target, columns, part)
    logging.info("%d rows to train on, %d to test with", *map(len, parts))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; exit status 2 and one line on stderr when an input is wrong."""
    return run("split", split, argv)


if __name__ == "__main__":
    sys.exit(main())
