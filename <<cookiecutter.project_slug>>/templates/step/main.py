"""{{ title }}: passes the context on as it is."""

import logging
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from common.context import Context, InputError, Parser, json_object, write_json

STEP = "{{ step }}"


def transform(context: Context) -> Context:
    """Return the context with what this step adds to it.

    >>> transform({"numbers": [1, 2]})
    {'numbers': [1, 2]}
    """
    return context


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
    logging.info("passed on %d keys", len(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
