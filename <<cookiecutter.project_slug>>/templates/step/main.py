"""{{ title }}: passes the context on as it is."""

import logging

from common.step import step


@step
def {{ step }}(context: dict) -> dict:
    """Return the context with what this step adds to it."""
    logging.info("passed on %d keys", len(context))
    return context


if __name__ == "__main__":
    {{ step }}.main()
