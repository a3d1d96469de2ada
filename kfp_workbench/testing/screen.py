"""Cuts what a failed test shows to what fits on a screen."""

from collections.abc import Generator
from typing import Any

import pytest

LINES = 40  # of a failure: as many from its beginning as from its end
PRINTED = 20  # of what the test printed: the last ones
WIDTH = 300
MORE = "pytest -vv shows all"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Shorten the report of a failure, unless more was asked for."""
    report = yield
    if report.failed and item.config.get_verbosity() < 1:
        shorten(report)
    return report


def shorten(report: Any) -> None:
    """Cut the text of a report, and what was printed meanwhile."""
    text = str(report.longrepr)
    short = cut(text, LINES // 2, LINES // 2)
    if short != text:  # else it stays as it is, in colour
        report.longrepr = short
    report.sections = [(title, cut(content, 0, PRINTED)) for title, content in report.sections]


def cut(text: str, first: int, last: int) -> str:
    """Return the first and the last lines of a text, none of them too wide."""
    lines = text.splitlines()
    left_out = len(lines) - first - last
    if left_out > 0:
        lines[first:-last] = [f"... {left_out} lines are left out: {MORE} ..."]
    if left_out <= 0 and all(len(line) <= WIDTH for line in lines):
        return text
    return "\n".join(_narrow(line) for line in lines)


def _narrow(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[:WIDTH]}... ({len(line)} characters: {MORE})"
