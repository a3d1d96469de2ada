"""What a typed step imports, and can be ready ahead: half of the time that a small step takes.

``common/step.py`` and what that imports of ``common`` are read, and not run.
"""

import re
from collections.abc import Callable, Iterator

from kfp_workbench.local import waiting

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
    """Return the modules that a script surely imports: none, where it is no typed step.

    Those in KNOWN, and then those of ``common``.
    """
    seen: set[str] = set()
    own: list[str] = []
    if _STEP in _imports(script):
        _follow(_STEP, find, seen, own)
    return sorted(seen & KNOWN) + own


def _follow(module: str, find: Find, seen: set[str], own: list[str]) -> None:
    if module in seen:
        return
    seen.add(module)
    text = find(f"{module.replace('.', '/')}.py") if module.startswith(waiting.OWN) else None
    if text is not None:
        own.append(module)
        for name in _imports(text):
            _follow(name, find, seen, own)


def _imports(text: bytes) -> Iterator[str]:
    """Yield the modules that a text imports whatever happens, and names that may be some."""
    for module, name in _IMPORT.findall(text):
        yield (module or name).decode()
        if module:
            yield f"{module.decode()}.{name.decode()}"
