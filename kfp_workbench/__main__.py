"""The command line behind the Makefile: ``python -m kfp_workbench VERB``."""

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from kfp_workbench.commands import answers, options
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.signals import INTERRUPTED, Signals

# What imports make is no garbage: to look for some in it takes a seventh of a short verb's time.
RARELY = 100_000  # objects


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit status; what people did wrong is one line.

    stdout gets the verb's result alone: a JSON object on one line, or a line a finding.
    """
    gc.set_threshold(RARELY)
    args = options.parse(argv)
    args.stdout = _divert_stdout()
    with Signals() as args.signals:
        return _called(args)


def _called(args: argparse.Namespace) -> int:
    """Call the verb, print what comes of it, and return its exit status."""
    try:
        result = options.call(args)
        if result is not None:
            answers.write(args, result)
    except WorkbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.status
    except OSError as error:
        print(f"error: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"error: interrupted{args.interrupted}", file=sys.stderr)
        return INTERRUPTED
    finally:
        for line in args.closing:
            print(line, file=sys.stderr)
    return 0


def _divert_stdout() -> TextIO:
    """Send what anybody writes to stdout, children too, to stderr; return the real one."""
    for number, name in ((2, "stderr"), (1, "stdout")):
        if getattr(sys, name) is None:  # closed, as by >&-
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, number)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
    sys.stdout.flush()
    stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return stdout


if __name__ == "__main__":
    status = main()
    gc.freeze()  # else Python looks for garbage in all that there is before it ends
    sys.exit(status)
