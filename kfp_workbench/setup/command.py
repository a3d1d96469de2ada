"""What ``make setup`` calls: an environment of ours is made, one that is brought along checked."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.setup import environments, locks
from kfp_workbench.signals import INTERRUPTED, Signals


def main(argv: Sequence[str] | None = None) -> int:
    """Set up one environment, and leave a mark; return the exit status."""
    args = _parse(argv)
    with Signals():
        try:
            _set_up(args)
        except WorkbenchError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.status
        except OSError as error:
            what = f"{error.filename or args.place}: {error.strerror or error}"
            print(f"error: {what}: set up {args.place} elsewhere with VENV=", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("error: interrupted; the next make begins anew", file=sys.stderr)
            return INTERRUPTED
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="setup", allow_abbrev=False)
    parser.add_argument("place", type=Path, help="the environment's folder")
    parser.add_argument("--lock", type=Path, action="append", required=True, help="what it holds")
    parser.add_argument("--mark", type=Path, required=True, help="a file that says it is ready")
    parser.add_argument("--tool", action="append", default=[], help="one that is needed now")
    parser.add_argument("--all-tools", action="store_true")
    parser.add_argument("--given", metavar="PYTHONPATH", help="it is only checked, with that")
    return parser.parse_args(argv)


def _set_up(args: argparse.Namespace) -> None:
    tools = locks.TOOLS if args.all_tools else args.tool
    lines = locks.without_tools(locks.read(args.lock), keep=tools)
    if args.given is not None:
        environments.check(args.place, lines, args.lock, args.given)
    else:
        environments.provide(args.place, lines, locks.digests(args.lock))
        environments.find_project(args.place, Path.cwd())
    args.mark.parent.mkdir(parents=True, exist_ok=True)
    args.mark.touch()
