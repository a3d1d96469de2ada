"""Adds up the numbers of the context."""

import logging
import math

from common.step import InputError, step


@step
def add(context: dict) -> dict:
    """Return the context with `sum`, the sum of its `numbers`."""
    numbers = context.get("numbers")
    if not isinstance(numbers, list) or not numbers:
        raise InputError("context: numbers: expected a list with at least one number")
    for index, number in enumerate(numbers):
        if type(number) not in (int, float):
            raise InputError(f"context: numbers[{index}]: {number!r:.60} is not a number")
    try:
        total = math.fsum(numbers)  # exact, where sum() would add up rounding errors
    except OverflowError:
        raise InputError("context: numbers: their sum is too large for a float") from None
    logging.info("added up %d numbers", len(numbers))
    return {**context, "sum": total}


if __name__ == "__main__":
    add.main()
