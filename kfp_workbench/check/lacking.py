"""What a step's script imports or opens that cannot be in its image.

Named is only what is sure: modules and files of this project that no instruction of the Dockerfile
copies. What requirements, a base image or ``RUN`` bring is not known here.
"""

import ast
import functools
import posixpath
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from kfp_workbench.check.command import Program
from kfp_workbench.files import is_file
from kfp_workbench.images import layout
from kfp_workbench.images.layout import Layout
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown
from kfp_workbench.project.sources import Module, Sources
from kfp_workbench.project.steps import Step

_NO_SOURCES = {"build"}  # folders of a project in which nothing is imported from
_ONLY_HERE = ("kfp_workbench",)  # what a project's environment has, and no image
_MAY_LACK = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_READS = re.compile(r"open|Path|load|loadtxt|read_\w+")
_WRITES = re.compile("[wax+]")
_MOST = 200  # characters of a path


class _Import(NamedTuple):
    line: int
    name: str  # with dots; its last part may be a name within a module


def check_lacking(
    step: Step, sources: Sources, build_args: Mapping[str, str], program: Program
) -> Iterator[Finding]:
    """Find the script, imports and files that the image of a step lacks; raises UnreadableError."""
    script = step.folder / "main.py"
    held = layout.read(step, sources.root, build_args)
    if program.script and held.lacks(program.script):
        what = f"does not copy {program.script.name}, which the step runs"
        cure = f"write COPY steps/{step.name}/*.py ./"
        yield Finding(sources.name(step.folder / "Dockerfile"), 1, what, cure)
    if held.is_guess or script not in held.files.values():
        return
    image = _Image(step, sources, held)
    for module in sources.modules(script):
        if module.path in image.paths:
            yield from image.lacking(module)


def check_relative(path: str, script: Module) -> Iterator[Finding]:
    """Find imports that a script cannot have: started as one, it is in no package."""
    spared = _spared(script)
    for node in script.imports:
        if isinstance(node, ast.ImportFrom) and node.level and id(node) not in spared:
            name = f"{'.' * node.level}{node.module or ''}"
            what = f"imports {name}, and a script that is run is in no package"
            yield Finding(path, node.lineno, what, "leave out the dots")


class _Image:
    def __init__(self, step: Step, sources: Sources, held: Layout) -> None:
        self._step, self._sources, self._held = step, sources, held
        self.paths = set(held.files.values())
        script = step.folder / "main.py"
        own = {posixpath.dirname(name) for name, path in held.files.items() if path == script}
        self._search = [*own, held.folder, *held.search]
        self._required = _required(step)

    def lacking(self, module: Module) -> Iterator[Finding]:
        """Find what one of the image's modules imports and opens that is not there."""
        path = self._sources.name(module.path)
        for found in _imports(module):
            if problem := self._import_problem(found):
                yield Finding(path, found.line, *problem)
        for line, file in self._opened(module):
            what = f"opens {shown(self._sources.name(file))}, which the step's image does not hold"
            yield Finding(path, line, what, self._cure(file))

    def _import_problem(self, found: _Import) -> tuple[str, str] | None:
        """Return what is wrong with an import, and the cure, or None."""
        top = found.name.partition(".")[0]
        if _normal(top) in self._required:
            return None
        if top in _ONLY_HERE:
            cure = "a step has what its requirements.txt names, and common/"
            return f"imports {top}, which no step's image holds", cure
        parts = found.name.split(".")
        needed = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
        lost = [name for name in reversed(needed) if not self._has(name)]
        path = next(filter(None, map(self._in_project, lost)), None)
        if path is None or any(held.is_relative_to(path) for held in self.paths):
            return None
        what = f"imports {found.name}, which the step's image does not hold"
        return what, self._cure(path)

    def _has(self, name: str) -> bool:
        """Tell whether the image has a module or a package of a name with dots, or what is in one."""
        place = name.replace(".", "/")
        for folder in self._search:
            path = posixpath.join(folder, place)
            if {f"{path}.py", f"{posixpath.dirname(path)}.py"} & self._held.files.keys():
                return True
            if any(file.startswith(f"{path}/") for file in self._held.files):
                return True
        return False

    def _in_project(self, name: str) -> Path | None:
        """Return the file of the project that a name would be, or None."""
        place = name.replace(".", "/")
        root = self._sources.root
        others = [folder for folder in sorted((root / "steps").glob("*/")) if folder.is_dir()]
        for folder in (self._step.folder, root, *others):
            if is_file(path := folder / f"{place}.py"):
                return path
            if _has_modules(folder / place):
                return folder / place
        return None

    def _opened(self, module: Module) -> Iterator[tuple[int, Path]]:
        """Yield the project's files that a module opens and the image has not."""
        for line, text in _reads(module):
            if not self._is_held(posixpath.join(self._held.folder, text)):
                for folder in (self._step.folder, self._sources.root):
                    if self._is_lost(path := folder / text):
                        yield line, path
                        break
        for line, path in _places(module):
            if self._is_lost(path):
                yield line, path

    def _is_lost(self, path: Path) -> bool:
        """Tell whether this is a file of the project that the image lacks."""
        inside = path.is_relative_to(self._sources.root)
        return inside and path not in self.paths and is_file(path)

    def _is_held(self, name: str) -> bool:
        name = posixpath.normpath(name)
        return any(file == name or file.startswith(f"{name}/") for file in self._held.files)

    def _cure(self, path: Path) -> str:
        """Return how a file of the project gets into the image."""
        relative = path.relative_to(self._sources.root)
        own = relative.parts[:2] == ("steps", self._step.name)
        if own or relative.parts[0] == "common":
            ending = f"{path.name}/**" if path.is_dir() else f"*{path.suffix}"
            ending = "/".join((*relative.parts[2:-1], ending))
            pattern = f"!steps/*/{ending}" if own else f"!common/**/{ending}"
            return f"admit it in .dockerignore, as by {pattern}, and COPY it in the Dockerfile"
        if path.suffix == ".py" or path.is_dir():
            return "put what steps share into common/"
        return f"put it into steps/{self._step.name}/ or common/, or hand it over as an input"


@functools.lru_cache(64)
def _imports(module: Module) -> list[_Import]:
    """Return what a module imports for sure when it gets there: not what it can do without.

    What is Python's own is left out.
    """
    found = _sure(module, _spared(module))
    return [each for each in found if each.name.partition(".")[0] not in sys.stdlib_module_names]


def _sure(module: Module, spared: set[int]) -> Iterator[_Import]:
    for node in module.imports:
        if id(node) in spared:
            continue
        if isinstance(node, ast.Import):
            yield from (_Import(node.lineno, alias.name) for alias in node.names)
        elif node.level == 0 and node.module:
            for alias in node.names:
                yield _Import(node.lineno, f"{node.module}.{alias.name}")


def _spared(module: Module) -> set[int]:
    """Return the ids of imports that may fail, or that only type checkers see."""
    spared: set[int] = set()
    for node in module.nodes:
        body: list[ast.stmt] = []
        if (isinstance(node, ast.Try) and any(map(_may_lack, node.handlers))) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        ):
            body = node.body
        spared |= {id(inner) for statement in body for inner in ast.walk(statement)}
    return spared


def _may_lack(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    named = {getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(handler.type)}
    return not named.isdisjoint(_MAY_LACK)


@functools.lru_cache(64)
def _reads(module: Module) -> list[tuple[int, str]]:
    """Return the relative paths that a module reads, each with its line."""
    return [(call.lineno, text) for call in module.calls if (text := _read_by(call))]


@functools.lru_cache(64)
def _places(module: Module) -> list[tuple[int, Path]]:
    """Return the paths that a module makes from its own, each with its line."""
    joined = [node for node in module.nodes if isinstance(node, ast.BinOp)]
    return [(node.lineno, path) for node in joined if (path := _beside(node, module.path))]


def _read_by(call: ast.Call) -> str | None:
    """Return the relative path that a call reads, if it stands there as text."""
    name = str(getattr(call.func, "id", None) or getattr(call.func, "attr", ""))
    if not _READS.fullmatch(name) or not call.args:
        return None
    first, *more = (getattr(argument, "value", None) for argument in call.args)
    modes = [*more[:1], *(getattr(w.value, "value", "") for w in call.keywords if w.arg == "mode")]
    if name == "open" and any(isinstance(mode, str) and _WRITES.search(mode) for mode in modes):
        return None
    if not isinstance(first, str) or not 0 < len(first) <= _MOST or first.startswith("/"):
        return None
    return first if first.isprintable() and "://" not in first else None


def _beside(node: ast.expr, path: Path) -> Path | None:
    """Return the path that ``Path(__file__).parent / "name"`` stands for in a module; else None."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        name = getattr(node.right, "value", None)
        if not isinstance(name, str) or len(name) > _MOST:
            return None
        base = _beside(node.left, path)
        return base / name if base else None
    if isinstance(node, ast.Attribute) and node.attr == "parent":
        base = _beside(node.value, path)
        return base.parent if base else None
    if isinstance(node, ast.Call):
        if getattr(node.func, "attr", "") in ("resolve", "absolute") and not node.args:
            return _beside(node.func.value, path) if isinstance(node.func, ast.Attribute) else None
        if getattr(node.func, "id", getattr(node.func, "attr", "")) == "Path":
            return path if [getattr(arg, "id", "") for arg in node.args] == ["__file__"] else None
    return None


def _required(step: Step) -> set[str]:
    """Return the names of what a step requires, as they would be imported if these were equal."""
    path = step.folder / "requirements.txt"
    if not is_file(path):
        return set()
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {_normal(match[0]) for line in lines if (match := re.match(r"\s*[\w.-]+", line))}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _has_modules(folder: Path) -> bool:
    """Tell whether a folder is one that Python imports from."""
    try:
        is_folder = folder.is_dir() and folder.name not in _NO_SOURCES
        return is_folder and any(True for _ in folder.rglob("*.py"))
    except (OSError, ValueError):
        return False
