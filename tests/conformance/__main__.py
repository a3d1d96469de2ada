"""``python -m conformance --cases FOLDER --records FOLDER``: ``make conformance`` calls it.

On stderr a table by kind of case, on stdout one JSON object: ``{"agree": [names], "refused":
{name: reason}, "differ": {name: how}}``. The exit status is 1 when a case differs.
"""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from conformance import cases, judging
from conformance.judging import AGREE, DIFFER, ELSEWHERE, REFUSED, Verdict

OWN = Path(__file__).parent


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases of a folder and return the exit status."""
    args = _parse(argv)
    found = cases.find(args.cases, args.records, args.names)
    if not found:
        print(f"error: {args.cases}: no case with a record in {args.records}", file=sys.stderr)
        return 2
    beside = args.cases.resolve().parent / "see.py"
    see = beside if beside.is_file() else OWN / "see.py"
    verdicts = list(judging.judge(found[:: args.every], see, args.runner, args.jobs))
    print(table(verdicts), file=sys.stderr)
    for verdict in verdicts:
        if verdict.outcome == ELSEWHERE:
            print(f"only on Kubernetes: {verdict.name} ({verdict.why})", file=sys.stderr)
    print(json.dumps(result(verdicts), ensure_ascii=False))
    return 1 if any(verdict.outcome == DIFFER for verdict in verdicts) else 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make conformance", allow_abbrev=False)
    parser.add_argument("--cases", type=Path, default=OWN / "cases", help="a folder of modules")
    parser.add_argument("--records", type=Path, help="what the backend did; default: beside them")
    parser.add_argument("--runner", choices=("process", "docker"), default="process")
    parser.add_argument("--every", type=int, default=1, help="one case in so many")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cases at a time")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    args = parser.parse_args(argv)
    args.records = args.records or args.cases.parent / "records"
    return args


def table(verdicts: Iterable[Verdict]) -> str:
    """Return how many cases of each kind came to what; those not compared are not among them."""
    counts: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        if verdict.outcome != ELSEWHERE:
            for row in (verdict.name.partition("_")[0], "all"):
                counts.setdefault(row, Counter()).update([verdict.outcome, "cases"])
    rows = [name for name in sorted(counts) if name != "all"] + ["all"]
    columns = ("cases", AGREE, REFUSED, DIFFER)
    lines = [" | ".join([f"{'kind':<10}", *(f"{name:>7}" for name in columns)])]
    for row in rows:
        found = counts.get(row, Counter())
        lines.append(" | ".join([f"{row:<10}", *(f"{found[name]:>7}" for name in columns)]))
    return "\n".join(lines)


def result(verdicts: Iterable[Verdict]) -> dict[str, object]:
    """Return the names of what agrees, and of the rest with the reasons."""
    verdicts = sorted(verdicts)
    return {
        AGREE: [verdict.name for verdict in verdicts if verdict.outcome == AGREE],
        **{
            kind: {verdict.name: verdict.why for verdict in verdicts if verdict.outcome == kind}
            for kind in (REFUSED, DIFFER)
        },
    }


if __name__ == "__main__":
    sys.exit(main())
