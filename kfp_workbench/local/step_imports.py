"""What a typed step imports of Python's own modules: a third of the time that a small step takes.

``common/step.py`` and what that imports of ``common`` are read, and not run.
"""

import re
from collections.abc import Callable, Iterator

_IMPORT = re.compile(rb"^(?:from ([\w.]+) )?import[\s(]*([\w.]*)", re.MULTILINE)
_STEP = "common.step"
# What common imports as it comes, of which nobody can tell when it was imported.
KNOWN = frozenset(
    (
        *("argparse", "collections.abc", "contextlib", "dataclasses", "functools", "inspect"),
        *("json", "logging", "math", "pathlib", "reprlib", "shutil", "tempfile", "types", "typing"),
    )
)

Find = Callable[[str], bytes | None]
"""Returns what is in a file of the project by its path, such as ``common/step.py``."""


def of(script: bytes, find: Find) -> list[str]:
    """Return the modules in KNOWN that a script surely imports: none, where it is no typed step."""
    seen: set[str] = set()
    if _STEP in _imports(script):
        _follow(_STEP, find, seen)
    return sorted(seen & KNOWN)


def _follow(module: str, find: Find, seen: set[str]) -> None:
    if module in seen:
        return
    seen.add(module)
    if module.startswith("common."):
        for name in _imports(find(f"{module.replace('.', '/')}.py") or b""):
            _follow(name, find, seen)


def _imports(text: bytes) -> Iterator[str]:
    """Yield the modules that a text imports whatever happens, and names that may be some."""
    for module, name in _IMPORT.findall(text):
        yield (module or name).decode()
        if module:
            yield f"{module.decode()}.{name.decode()}"
