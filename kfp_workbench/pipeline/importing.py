"""Imports a project's own modules without leaving bytecode beside them.

That of packages is kept, as usual: to compile those that a pipeline may import, such as kubernetes, takes
longer than all the rest.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import ModuleType


class _Loader(SourceFileLoader):
    def set_data(self, path: str, data: object, *, _mode: int = 0) -> None:
        """Keep no bytecode."""


_LOADERS = (  # Python's own, but for one
    (ExtensionFileLoader, EXTENSION_SUFFIXES),
    (_Loader, SOURCE_SUFFIXES),
    (SourcelessFileLoader, BYTECODE_SUFFIXES),
)


def pipeline(root: Path) -> ModuleType:
    """Return the project's ``pipeline.py`` as a module, whose folder is searched first from now on."""
    sys.path.insert(0, str(root))
    with _unkept(root):
        return importlib.import_module("pipeline")


@contextmanager
def _unkept(root: Path) -> Iterator[None]:
    """Keep no bytecode of what lies below ``root``, but of what is installed there."""
    packages = Path(sys.prefix)

    def find(name: str) -> FileFinder:
        path = Path(name)
        if not path.is_relative_to(root) or path.is_relative_to(packages):
            raise ImportError  # as the protocol has it: another one's
        return FileFinder(name, *_LOADERS)

    for name in [name for name in sys.path_importer_cache if Path(name).is_relative_to(root)]:
        del sys.path_importer_cache[name]
    sys.path_hooks.insert(0, find)
    try:
        yield
    finally:
        sys.path_hooks.remove(find)
