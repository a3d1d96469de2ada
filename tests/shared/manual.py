"""The manual's pages and the READMEs, as tests read them."""

import re

from shared.baking import TEMPLATE

MANUAL = TEMPLATE / "kfp_workbench" / "manual"
TOPICS = sorted(path.stem for path in MANUAL.iterdir())


def page(topic: str) -> str:
    """Return a page of the manual."""
    return (MANUAL / f"{topic}.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Return what stands in a page's code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def shell_lines(text: str) -> list[str]:
    """Return the commands in a page's ``sh`` blocks, without comments."""
    lines = [line for block in blocks(text, "sh") for line in block.splitlines()]
    return [line.split(" #")[0].strip() for line in lines]
