"""Splits the data into rows to train on and rows to test with."""

import random

from common.step import Dataset, Input, InputError, Output, step
from common.table import Row, read_table, write_table


@step
def split(
    data: Input[Dataset],
    train: Output[Dataset],
    test: Output[Dataset],
    test_share: float,
    seed: int,
) -> None:
    """Split the rows at random; each label has its share in both parts."""
    columns, rows = read_table(data.path)
    parts: tuple[list[Row], list[Row]] = ([], [])
    shuffle = random.Random(seed).shuffle  # noqa: S311  # to be repeated, not to be secret
    for label in sorted({row[-1] for row in rows}):
        same = [row for row in rows if row[-1] == label]
        shuffle(same)
        count = round(len(same) * test_share)
        if not 0 < count < len(same):
            raise InputError(f"test_share: {test_share} leaves a part empty: give 0.25 or so")
        parts[0].extend(same[count:])
        parts[1].extend(same[:count])
    for artifact, part in zip((train, test), parts, strict=True):
        write_table(artifact.path, columns, part)
        artifact.metadata.update(rows=len(part), schema=data.metadata["schema"])


if __name__ == "__main__":
    split.main()
