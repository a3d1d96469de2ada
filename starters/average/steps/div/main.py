"""Divides the sum of the context by how many numbers there are."""

import logging

from common.step import InputError, step


@step
def div(context: dict) -> dict:
    """Return the context with `average`, its `sum` divided by the count of `numbers`."""
    numbers, total = context.get("numbers"), context.get("sum")
    if not isinstance(numbers, list) or not numbers:
        raise InputError("context: numbers: expected a list with at least one number")
    if isinstance(total, bool) or not isinstance(total, (int, float)):
        raise InputError("context: sum: expected a number, as the step add gives it")
    average = total / len(numbers)
    logging.info("the average is %s", average)
    return {**context, "average": average}


if __name__ == "__main__":
    div.main()
