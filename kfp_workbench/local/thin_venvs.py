"""The thin environment of a step, before the one that it shares: what Python reads there at its start.

Its folder is called DIGEST-STEP, where DIGEST is the shared one, beside it.
"""

from collections.abc import Iterator
from pathlib import Path

from kfp_workbench.local import waiting

AS_IMAGE = "KFP_AS_IMAGE"  # a variable by which a process has no modules that its image lacks
SHARED = "shared.pth"  # has a thin environment find what the shared one holds, and the project
# Of setuptools, in every environment of a Python before 3.12: it looks at a variable alone.
_HARMLESS = ("distutils-precedence.pth",)

State = tuple[tuple[str, int, int], ...]


def lines(packages: Path, root: Path) -> str:
    """Return what the file SHARED says, for the packages that are shared and a project's folder."""
    return (
        f"import site; site.addsitedir({str(packages)!r})\n"
        f"import os, sys; {AS_IMAGE!r} in os.environ or sys.path.insert(0, {str(root)!r})\n"
        f"{waiting.HOOK}\n"
    )


def state(binaries: Path) -> State | None:
    """Return what stands for all that an environment's Python reads at its start.

    None where that is no thin environment, or may look at more than its variables then.
    """
    own = binaries.parent
    try:
        folders = [*_packages(own), *_packages(own.with_name(own.name.partition("-")[0]))]
        own_names, names = [[path.name for path in folder.iterdir()] for folder in folders]
        others = {name for name in names if name.endswith(".pth")}
        if own_names != [SHARED] or not others.issubset(_HARMLESS):
            return None
        if waiting.HOOK not in (folders[0] / SHARED).read_text(encoding="utf-8"):
            return None  # an earlier version's: it would not wait
        return tuple(_seen(path) for path in (binaries / "python", folders[0] / SHARED, *folders))
    except (OSError, ValueError):
        return None


def _packages(environment: Path) -> Iterator[Path]:
    return environment.glob("lib/python*/site-packages")


def _seen(path: Path) -> tuple[str, int, int]:
    found = path.stat()
    return str(path), found.st_ino, found.st_mtime_ns
