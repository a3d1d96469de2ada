"""Adds up the numbers of the context."""

import logging
import math
import sys
from argparse import Namespace
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from common.context import Context, InputError, Parser, json_object, write_json

STEP = "add"


def transform(context: Context) -> Context:
    """Return the context with `sum`, the exact sum of its `numbers`.

    >>> transform({"numbers": [1, 2, 3, 4]})
    {'numbers': [1, 2, 3, 4], 'sum': 10}
    >>> transform({"numbers": [0.1] * 10})["sum"]
    1.0
    >>> transform({"numbers": [1, "2"]})
    Traceback (most recent call last):
    common.context.InputError: numbers[1]: '2' is not a number
    """
    numbers = context.get("numbers")
    if not isinstance(numbers, list) or not numbers:
        raise InputError("numbers: expected a list with at least one number")
    for index, number in enumerate(numbers):
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise InputError(f"numbers[{index}]: {ascii(number)[:60]} is not a number")
        if not math.isfinite(number):
            raise InputError(f"numbers[{index}]: {number} is not a finite number")
    return {**context, "sum": _plain(sum(map(Fraction, numbers)), numbers)}


def _plain(total: Fraction | int, numbers: Sequence[float]) -> float:
    """Return an integer for integers, else the nearest float."""
    if all(isinstance(number, int) for number in numbers):
        return int(total)
    try:
        return float(total)
    except OverflowError:
        raise InputError("numbers: their sum is too large for a float") from None


def parse_args(argv: Sequence[str] | None) -> Namespace:
    """Read the command line; `component.yaml` gives the same flags."""
    parser = Parser(prog=STEP, description=__doc__)
    parser.add_argument("--context", type=json_object, required=True, help="JSON object")
    parser.add_argument("--output", type=Path, required=True, help="file for the new context")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; exit status 2 and one line on stderr when an input is wrong."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    args = parse_args(argv)
    try:
        result = transform(args.context)
    except InputError as error:
        print(f"{STEP}: --context: {error}", file=sys.stderr)
        return 2
    write_json(args.output, result)
    logging.info("added up %d numbers", len(result["numbers"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
