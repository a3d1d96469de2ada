"""``make help TOPIC=NAME``: a page of the manual, which is in the package."""

import argparse
from importlib.resources import files
from typing import TextIO

from kfp_workbench.errors import WorkbenchError

_MANUAL = files("kfp_workbench") / "manual"
_WIDTH = 100  # of a terminal, at most: longer lines are hard to read


def show_page(args: argparse.Namespace) -> None:
    """Write the page that is asked for."""
    show(args.topic, args.stdout)


def topics() -> list[str]:
    """Return the names of the manual's pages."""
    names = [path.name for path in _MANUAL.iterdir()]
    return sorted(name.removesuffix(".md") for name in names if name.endswith(".md"))


def show(topic: str, stdout: TextIO) -> None:
    """Write a page: rendered in a terminal, as it is elsewhere.

    Raises WorkbenchError (2) when there is no such page.
    """
    if topic not in topics():
        raise WorkbenchError(f"TOPIC={topic!r}: choose one of {', '.join(topics())}", 2)
    text = (_MANUAL / f"{topic}.md").read_text(encoding="utf-8")
    if stdout.isatty():
        _render(text, stdout)
    else:
        stdout.write(text)
        stdout.flush()


def _render(text: str, stdout: TextIO) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(file=stdout)
    console.print(Markdown(text), width=min(console.width, _WIDTH))
