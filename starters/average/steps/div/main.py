"""Divides the sum of the context by how many numbers there are."""

import logging
import math
import sys
from argparse import Namespace
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from common.context import Context, InputError, Parser, json_object, write_json

STEP = "div"


def transform(context: Context) -> Context:
    """Return the context with `average`, its `sum` divided by the count of `numbers`.

    >>> transform({"numbers": [1, 2, 3, 4], "sum": 10})
    {'numbers': [1, 2, 3, 4], 'sum': 10, 'average': 2.5}
    >>> transform({"numbers": [1, 2]})
    Traceback (most recent call last):
    common.context.InputError: sum: expected a number, as the step add gives it
    """
    numbers, total = context.get("numbers"), context.get("sum")
    if not isinstance(numbers, list) or not numbers:
        raise InputError("numbers: expected a list with at least one number")
    if isinstance(total, bool) or not isinstance(total, (int, float)) or not math.isfinite(total):
        raise InputError("sum: expected a number, as the step add gives it")
    average = Fraction(total) / len(numbers)
    if isinstance(total, int) and average.denominator == 1:
        return {**context, "average": int(average)}
    try:
        return {**context, "average": float(average)}
    except OverflowError:
        raise InputError("sum: its average is too large for a float") from None


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
    logging.info("the average is %s", result["average"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
