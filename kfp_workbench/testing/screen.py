"""Cuts what a failed test shows to what fits on a screen."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import pytest

LINES = 30  # of a failure: as many from its beginning as from its end
PRINTED = 15  # of what the test printed: the last ones
WIDTH = 300
MORE = "pytest -vv shows all"


@dataclass(frozen=True)
class Cut:
    """A failure whose text was cut; pytest shows it by these names."""

    text: str
    reprcrash: Any  # of which the summary has the message

    def __str__(self) -> str:
        return self.text

    def toterminal(self, writer: Any) -> None:
        """Write the text to pytest's terminal."""
        writer.line(self.text)


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
        report.longrepr = Cut(short, _first_line(getattr(report.longrepr, "reprcrash", None)))
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


def _first_line(crash: Any) -> Any:
    """Return where a test failed, with the first line of why; None if that is not known."""
    return crash and replace(crash, message=_narrow(crash.message.partition("\n")[0]))


def _narrow(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[:WIDTH]}... ({len(line)} characters: {MORE})"
