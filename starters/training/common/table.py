"""Tables of numbers as CSV files: a line of names, then the rows; the last column is the label."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from common.step import InputError

Row = list[float]


def write_table(path: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write a table; numbers keep all their digits."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def read_table(path: str) -> tuple[list[str], list[Row]]:
    """Return a table's columns and rows; raises InputError for what is no table of numbers."""
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            columns, *rows = csv.reader(file)
            return columns, [[_number(text) for text in row] for row in rows]
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no table of numbers ({error})") from None


def features_and_labels(path: str) -> tuple[list[Row], list[float]]:
    """Return what a model is given of each row of a table, and what it should find."""
    _, rows = read_table(path)
    return [row[:-1] for row in rows], [row[-1] for row in rows]


def _number(text: str) -> float:
    return int(text) if text.isdecimal() else float(text)
