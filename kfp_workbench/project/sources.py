"""Reads Python without running it, and YAML with the line of everything in it."""

import ast
import functools
import os
import warnings
from collections.abc import Iterator
from importlib.util import decode_source
from pathlib import Path

from kfp_workbench.files import is_file
from kfp_workbench.project.documents import Document, DocumentError
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.strict_yaml import parse

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_IMPORTS = (ast.Import, ast.ImportFrom)


class UnreadableError(Exception):
    """A file that cannot be parsed; ``finding`` says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.text)
        self.finding = finding


class Module:
    """A Python file: its syntax tree, flat, and what the checks look for in it."""

    def __init__(self, path: Path, tree: ast.Module) -> None:
        self.path = path
        self.body = tree.body
        self.nodes: list[ast.AST] = list(ast.walk(tree))
        self.functions = {node.name: node for node in tree.body if isinstance(node, _FUNCTIONS)}
        self.imports = [node for node in self.nodes if isinstance(node, _IMPORTS)]
        self.calls = [node for node in self.nodes if isinstance(node, ast.Call)]

    @functools.cached_property
    def lines(self) -> list[str]:
        """Return the lines of the file, in the encoding that it names."""
        return decode_source(self.path.read_bytes()).split("\n")


class Sources:
    """The files of the project in ``root``; each is parsed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._modules: dict[Path, Module] = {}
        self._scripts: dict[Path, list[Module]] = {}
        self._documents: dict[Path, Document] = {}
        self._folders: dict[Path, frozenset[str]] = {}
        self._found: dict[tuple[Path, str], list[Path]] = {}
        self.unreadable: set[Path] = set()  # those that were tried

    def name(self, path: Path) -> str:
        """Return a path as findings name it."""
        return path.relative_to(self.root).as_posix()

    def text(self, path: Path) -> str:
        """Return a file's text, without a byte order mark; raises UnreadableError."""
        try:
            return self._content(path).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise self._unreadable(path, "it is not UTF-8") from None

    def module(self, path: Path) -> Module:
        """Return a parsed Python file, in the encoding that it names; raises UnreadableError."""
        if path not in self._modules:
            content = self._content(path)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of the files' own escapes and the like
                    tree = ast.parse(content)
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                reason = getattr(error, "msg", None) or str(error)
                if "codec can't decode" in reason:
                    raise self._unreadable(path, "it is not UTF-8") from None
                if isinstance(error, (RecursionError, MemoryError)):
                    reason = "it is nested too deeply"
                line = getattr(error, "lineno", None) or 1
                raise UnreadableError(
                    Finding(self.name(path), line, f"is no valid Python ({reason})", "mend it")
                ) from None
            self._modules[path] = Module(path, tree)
        return self._modules[path]

    def _content(self, path: Path) -> bytes:
        try:
            if is_file(path):  # a pipe would never end
                return path.read_bytes()
        except OSError as error:
            raise self._unreadable(path, error.strerror or str(error)) from None
        self.unreadable.add(path)
        if os.access(path, os.F_OK):
            what, cure = "is no file", "put a file in its place"
        else:
            here = path.parent == self.root
            what, cure = "is missing", "put it back" if here else _of_step(path)
        raise UnreadableError(Finding(self.name(path), 1, what, cure))

    def _unreadable(self, path: Path, reason: str) -> UnreadableError:
        self.unreadable.add(path)
        what = f"cannot be read ({reason})"
        return UnreadableError(Finding(self.name(path), 1, what, "mend the file"))

    def modules(self, script: Path) -> list[Module]:
        """Return a script and the project's own modules that it imports, also indirectly."""
        if script not in self._scripts:
            found = {script: self.module(script)}
            waiting = [found[script]]
            while waiting:
                for path in self._imported(waiting.pop(), script.parent):
                    if path not in found:
                        found[path] = self.module(path)
                        waiting.append(found[path])
            self._scripts[script] = list(found.values())
        return self._scripts[script]

    def pipeline_modules(self) -> list[Module]:
        """Return ``pipeline.py`` and the modules of its own that it imports."""
        return self.modules(self.root / "pipeline.py")

    def _imported(self, module: Module, folder: Path) -> Iterator[Path]:
        for level, place, names in _imports(module):
            bases = module.path.parents[level - 1 : level] if level else (folder, self.root)
            for base in bases:
                if self._names(base).isdisjoint(names):
                    continue  # as most, which are others' modules
                yield from self._files(base, place)

    def _files(self, base: Path, place: str) -> list[Path]:
        """Return the files that a path without its end may be, looked for once."""
        if (base, place) not in self._found:
            paths = (base / f"{place}.py", base / place / "__init__.py")
            ours = [path for path in paths if is_file(path) and path.is_relative_to(self.root)]
            self._found[base, place] = ours
        return self._found[base, place]

    def _names(self, folder: Path) -> frozenset[str]:
        """Return the names in a folder, read once."""
        if folder not in self._folders:
            self._folders[folder] = frozenset(path.name for path in folder.iterdir())
        return self._folders[folder]

    def document(self, path: Path) -> Document:
        """Return a parsed YAML file, of which keys stand once; raises UnreadableError."""
        if path not in self._documents:
            try:
                self._documents[path] = parse(self.text(path))
            except DocumentError as error:
                what = f"is no valid YAML ({error.reason})"
                finding = Finding(self.name(path), error.line, what, "mend it")
                raise UnreadableError(finding) from None
        return self._documents[path]


def _of_step(path: Path) -> str:
    """Return how a file of a step that is missing is made."""
    if path.name == "component.yaml":
        return "write it, or make main.py a typed function, make help TOPIC=steps"
    return "templates/step/ has one"


@functools.lru_cache(64)
def _imports(module: Module) -> list[tuple[int, str, tuple[str, str]]]:
    """Return what a module may import: leading dots, a path without its end, and what it begins with."""
    places = [(level, name.replace(".", "/")) for level, name in _names(module)]
    firsts = [place.partition("/")[0] for _, place in places]
    return [(*place, (first, f"{first}.py")) for place, first in zip(places, firsts, strict=True)]


def _names(module: Module) -> Iterator[tuple[int, str]]:
    """Return the dotted names that a module may import, each with its leading dots."""
    for node in module.imports:
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        else:
            start = f"{node.module}." if node.module else ""
            yield from ((node.level, start + alias.name) for alias in node.names)
            yield node.level, node.module or ""


def imports_package(module: Module, package: str) -> int | None:
    """Return the line in which a module imports a package, or None."""
    for node in module.imports:
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        if any(name.partition(".")[0] == package for name in names):
            return node.lineno
    return None
