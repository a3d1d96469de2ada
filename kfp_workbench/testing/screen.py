"""Cuts what a failed test shows to what fits on a screen."""

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

LINES = 30  # of a failure: as many from its beginning as from its end
PRINTED = 15  # of what the test printed: the last ones
WIDTH = 300
MORE = "pytest -vv shows all"


class Cut(str):
    """The text of a failure that was cut, and where pytest finds its message."""

    reprcrash: Any


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Shorten the report of a failure, unless more was asked for."""
    report = yield
    if report.failed and item.config.get_verbosity() < 1:
        shorten(report)
    return report


def shorten(report: Any) -> None:
    """Cut the text of a report, and what was printed meanwhile."""
    full = report.longrepr
    text = str(full)
    short = cut(text, LINES // 2, LINES // 2)
    if short != text:  # else it stays as it is, in colour
        report.longrepr = Cut(short)
        if crash := getattr(full, "reprcrash", None):  # of which the summary has the message
            report.longrepr.reprcrash = replace(crash, message=cut(crash.message, 1, 0))
    report.sections = [(title, cut(content, 0, PRINTED)) for title, content in report.sections]


def cut(text: str, first: int, last: int) -> str:
    """Return the first and the last lines of a text, none of them too wide."""
    lines = text.splitlines()
    left_out = len(lines) - first - last
    if left_out > 0:
        lines[first : len(lines) - last] = [f"... {left_out} lines are left out: {MORE} ..."]
    if left_out <= 0 and all(len(line) <= WIDTH for line in lines):
        return text
    return "\n".join(_narrow(line) for line in lines)


def _narrow(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[:WIDTH]}... ({len(line)} characters: {MORE})"
