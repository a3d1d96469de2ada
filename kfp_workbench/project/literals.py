"""The texts that ``pipeline.py`` hands to KFP, read without running it."""

import ast
import re
from collections.abc import Iterator, Sequence

from kfp_workbench.project.sources import Module

Text = tuple[Module, int, str]  # in which line

LOADER = "load_component_from_text"
_COMPONENTS = ("component", "container_component")
_DECORATORS = ("pipeline", "graph_component", *_COMPONENTS)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# Of a docstring, kfp compiles what it says about inputs.
_INPUTS = re.compile(r"^[ \t]*(?:Args|Arguments|Parameters|Params):", re.MULTILINE)


def submitted(modules: Sequence[Module]) -> Iterator[Text]:
    """Return the texts in pipelines and components, and in what these mention.

    Not those that are printed or raised, which no compiled pipeline holds.
    """
    definitions = _definitions(modules)
    waiting: list[tuple[Module, ast.AST]] = []
    for module in modules:
        for node in module.nodes:
            if isinstance(node, _DEFINITIONS) and (kinds := _kinds(node)):
                yield from _of_decorators(module, node)
                if "component" in kinds:
                    yield from _source(module, node)
                else:
                    waiting.append((module, node))
    seen: set[int] = set()
    while waiting:
        module, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        for part in _parts(node):
            if isinstance(part, ast.Constant):
                yield from _lines(module, part)
            else:
                waiting += definitions.get(_name(part), [])


def called(node: ast.AST) -> str:
    """Return the last part of the name of what a call calls, or nothing."""
    return _name(getattr(node, "func", None))


def _name(node: ast.AST | None) -> str:
    """Return the last part of a dotted name, or nothing."""
    return str(getattr(node, "attr", None) or getattr(node, "id", ""))


def _definitions(modules: Sequence[Module]) -> dict[str, list[tuple[Module, ast.AST]]]:
    """Return what stands at the top of modules, functions and values, by name."""
    found: dict[str, list[tuple[Module, ast.AST]]] = {}
    for module in modules:
        for node in module.body:
            names = [node.name] if isinstance(node, _DEFINITIONS) and not _kinds(node) else []
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            for name in names:
                found.setdefault(name, []).append((module, node))
    return found


def _kinds(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return what a function is to KFP, by its decorators."""
    names = {called(mark) or _name(mark) for mark in node.decorator_list}
    return names.intersection(_DECORATORS)


def _of_decorators(module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Text]:
    """Return the texts in a component's decorator; a pipeline's say what it is called."""
    for mark in node.decorator_list:
        if called(mark) in _COMPONENTS:
            for part in ast.walk(mark):
                if isinstance(part, ast.Constant):
                    yield from _lines(module, part)


def _lines(module: Module, node: ast.Constant) -> Iterator[Text]:
    """Return a text, each line by itself where that is how it is written."""
    if not isinstance(node.value, str):
        return
    lines = node.value.split("\n")
    as_written = (node.end_lineno or node.lineno) - node.lineno == len(lines) - 1
    for number, line in enumerate(lines if as_written else [node.value], node.lineno):
        yield module, number, line


def _source(module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Text]:
    """Return the lines of a lightweight component, which is compiled as it stands."""
    for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
        yield module, number, module.lines[number - 1]


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """Return all in a function or an assignment that can become text of the pipeline."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        is_other = part is not node and isinstance(part, _DEFINITIONS) and _kinds(part)
        if not is_other and not _is_said(part):
            yield part
            waiting += _within(part)


def _is_said(node: ast.AST) -> bool:
    """Tell whether a text in this is for people, or a component, which has texts of its own."""
    return isinstance(node, ast.Raise) or called(node) in ("print", LOADER)


def _within(node: ast.AST) -> list[ast.AST]:
    """Return the parts of a node; of a function, what is no annotation and no decorator."""
    if not isinstance(node, _DEFINITIONS):
        return list(ast.iter_child_nodes(node))
    parts = [*node.args.defaults, *filter(None, node.args.kw_defaults), *node.body]
    if document := ast.get_docstring(node, clean=False):
        parts.remove(node.body[0])
        if (about := _INPUTS.search(document)) and _kinds(node):
            line = node.body[0].lineno + document[: about.start()].count("\n")
            end = node.body[0].end_lineno
            parts.append(ast.Constant(document[about.start() :], lineno=line, end_lineno=end))
    return parts
