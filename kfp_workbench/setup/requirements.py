"""The lines of a requirements file, locked or not, that say something."""

import re
from collections.abc import Iterator


def logical(text: str) -> Iterator[str]:
    """Return lines that say something, joined where one continues."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        if said := re.sub(r"(^|\s)#.*", "", line).strip():
            yield " ".join(said.split())
