"""Reads Python without running it, and YAML with the line of everything in it."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ops.check.findings import Finding
from ops.params import ParamsLoader


class UnreadableError(Exception):
    """A file that cannot be parsed; ``finding`` says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.text)
        self.finding = finding


class Module(NamedTuple):
    """A Python file: its syntax tree, flat."""

    path: Path
    nodes: list[ast.AST]


class Document(NamedTuple):
    """A YAML file: what it holds, and the line of each part by its keys and indices."""

    value: Any
    lines: Mapping[tuple[object, ...], int]

    def line(self, *place: object) -> int:
        """Return the line of a part, or of the nearest one around it."""
        while place not in self.lines:
            place = place[:-1]
        return self.lines[place]


class Sources:
    """The files of the project in ``root``; each Python file is parsed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._modules: dict[Path, Module] = {}

    def name(self, path: Path) -> str:
        """Return a path as findings name it."""
        return path.relative_to(self.root).as_posix()

    def text(self, path: Path) -> str:
        """Return a file's text; raises UnreadableError."""
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            cure = "templates/step/ has one" if path.parent != self.root else "put it back"
            raise UnreadableError(Finding(self.name(path), 1, "is missing", cure)) from None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise UnreadableError(
                Finding(self.name(path), 1, f"cannot be read ({reason})", "mend the file")
            ) from None

    def module(self, path: Path) -> Module:
        """Return a parsed Python file; raises UnreadableError."""
        if path not in self._modules:
            try:
                tree = ast.parse(self.text(path))
            except (SyntaxError, ValueError) as error:
                line = getattr(error, "lineno", None) or 1
                reason = getattr(error, "msg", None) or str(error)
                raise UnreadableError(
                    Finding(self.name(path), line, f"is no valid Python ({reason})", "mend it")
                ) from None
            self._modules[path] = Module(path, list(ast.walk(tree)))
        return self._modules[path]

    def modules(self, script: Path) -> list[Module]:
        """Return a script and the project's own modules that it imports, also indirectly."""
        found = {script: self.module(script)}
        waiting = [found[script]]
        while waiting:
            for path in self._imported(waiting.pop(), script.parent):
                if path not in found:
                    found[path] = self.module(path)
                    waiting.append(found[path])
        return list(found.values())

    def pipeline_modules(self) -> list[Module]:
        """Return ``pipeline.py`` and the modules of its own that it imports, those of ops aside."""
        modules = self.modules(self.root / "pipeline.py")
        return [module for module in modules if not self.name(module.path).startswith("ops/")]

    def _imported(self, module: Module, folder: Path) -> Iterator[Path]:
        for name in _imports(module):
            place = name.replace(".", "/")
            for base in (folder, self.root):
                for path in (base / f"{place}.py", base / place / "__init__.py"):
                    if path.is_file():
                        yield path

    def document(self, path: Path) -> Document:
        """Return a parsed YAML file, of which keys stand once; raises UnreadableError."""
        loader = ParamsLoader(self.text(path))
        try:
            node = loader.get_single_node()
            value = loader.construct_document(node) if node else None
        except (yaml.YAMLError, ValueError) as error:
            mark = getattr(error, "problem_mark", None)
            reason = " ".join(str(getattr(error, "problem", None) or error).split())
            line = mark.line + 1 if mark else 1
            raise UnreadableError(
                Finding(self.name(path), line, f"is no valid YAML ({reason})", "mend it")
            ) from None
        finally:
            loader.dispose()
        return Document(value, {(): 1, **(dict(_lines(node, ())) if node else {})})


def _imports(module: Module) -> Iterator[str]:
    """Return the dotted names that a module may import."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_package(module: Module, package: str) -> int | None:
    """Return the line in which a module imports a package, or None."""
    for node in module.nodes:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        if any(re.match(rf"{package}(\.|$)", name) for name in names):
            return int(getattr(node, "lineno", 1))
    return None


def _lines(node: yaml.Node, place: tuple[object, ...]) -> Iterator[tuple[tuple[object, ...], int]]:
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*place, key.value))
            yield (*place, key.value), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, (*place, index))
