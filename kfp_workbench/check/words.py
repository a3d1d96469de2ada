"""The words of a component's command line, as its program gets them."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from kfp_workbench.project.components import CONTAINER, Component
from kfp_workbench.project.documents import Place

# What argparse takes for an option's name, and not for a negative number.
_FLAG = re.compile(r"(-(?!\d+$|\d*\.\d+$)[^\s=]+)(?:=.*)?", re.DOTALL)


class Word(NamedTuple):
    """One word of the command line that ``command`` and ``args`` make."""

    place: Place
    text: str | None  # None: what a placeholder stands for
    optional: bool = False  # below an `if`

    @property
    def flag(self) -> str | None:
        """Return the flag that the word gives, without a value that is joined to it by ``=``."""
        match = _FLAG.fullmatch(self.text or "")
        return match[1] if match and match[1] != "--" else None


def command_line(component: Component) -> list[Word]:
    """Return the words of a component's ``command``, then those of its ``args``."""
    return [
        word
        for key in ("command", "args")
        for word in _words(component.words(key), (*CONTAINER, key))
    ]


def _words(items: Any, place: Place, optional: bool = False) -> Iterator[Word]:
    for number, item in enumerate(items if isinstance(items, list) else [items]):
        here = (*place, number) if isinstance(items, list) else place
        content = item.get("if") if isinstance(item, dict) else None
        if isinstance(content, dict):
            for branch in ("then", "else"):
                if branch in content:
                    yield from _words(content[branch], (*here, "if", branch), True)
        elif isinstance(item, dict) and isinstance(item.get("concat"), list):
            first = item["concat"][:1]
            text = first[0] if first and isinstance(first[0], str) and "=" in first[0] else None
            yield Word(here, text, optional)
        else:
            yield Word(here, None if isinstance(item, dict) else str(item), optional)
