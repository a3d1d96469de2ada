"""Checks lightweight components for what KFP compiles and cannot run.

They do not have the names of their module when they run: KFP hands over the source of the function
alone, below the imports of `kfp.dsl` and `typing`
(``kfp.dsl.component_factory._get_command_and_args_for_lightweight_component``). Nor does it make an
artifact whose annotation is ``Optional`` (``kfp.dsl.executor.create_artifact_instance``).
"""

import ast
import builtins
import symtable
import sys
import typing
from collections.abc import Iterator

from kfp_workbench.project.bindings import Bindings
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown
from kfp_workbench.project.sources import Module, Sources

_DECORATORS = ("component", "notebook_component")
_MODULES = ("", "kfp.dsl.", "kfp.v2.dsl.")
# What `from kfp.dsl import *` brings where a component runs; a test compares it with kfp's.
_OF_KFP = """
Artifact ClassificationMetrics Dataset get_uri HTML Input InputPath Markdown Metrics Model
Output OutputPath PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER PIPELINE_JOB_ID_PLACEHOLDER
PIPELINE_JOB_NAME_PLACEHOLDER PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER
PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER PIPELINE_ROOT_PLACEHOLDER
PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER PIPELINE_TASK_EXECUTOR_OUTPUT_PATH_PLACEHOLDER
PIPELINE_TASK_ID_PLACEHOLDER PIPELINE_TASK_NAME_PLACEHOLDER PipelineTaskFinalStatus run_notebook
SlicedClassificationMetrics TaskConfig WORKSPACE_PATH_PLACEHOLDER
"""
OF_KFP = frozenset(_OF_KFP.split())
_ARTIFACTS = """
Artifact ClassificationMetrics Dataset HTML Markdown Metrics Model SlicedClassificationMetrics
"""
_OPTIONAL = frozenset(f"kfp.dsl.{name}" for name in ("Input", *_ARTIFACTS.split()))
_GIVEN = frozenset(("kfp", "dsl", *OF_KFP, *typing.__all__, *dir(builtins)))


def check_lightweight(sources: Sources) -> Iterator[Finding]:
    """Find what lightweight components use that only their module has, and cannot be given."""
    for module in sources.pipeline_modules():
        names = Bindings(module.body)
        for function in module.nodes:
            call = _decorator(function, names)
            if call and isinstance(function, ast.FunctionDef):
                path = sources.name(module.path)
                yield from _check(path, module, names, function, call)
                yield from _check_optional(path, names, function)


def _decorator(node: ast.AST, names: Bindings) -> ast.expr | None:
    """Return the decorator that makes a function a lightweight component, if one does."""
    for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
        made_by = decorator.func if isinstance(decorator, ast.Call) else decorator
        full = names.full_name(made_by)
        if any(full == f"{module}{name}" for module in _MODULES for name in _DECORATORS):
            return decorator
    return None


def _check(
    path: str, module: Module, names: Bindings, function: ast.FunctionDef, decorator: ast.expr
) -> Iterator[Finding]:
    if (added := _added(decorator)) is None:
        return
    sent = [function, *(module.functions[name] for name in added if name in module.functions)]
    given = {function.name, *added}
    for part in sent:
        if isinstance(part, ast.FunctionDef):
            lacking, brought = _of_annotations(part, names)
            missing = {*_free(part), *lacking} - _GIVEN - given - brought
            for name in sorted(missing):
                what = f"{function.name} uses {shown(name)}, which is not there when KFP runs it"
                yield Finding(path, _line(part, name), what, _cure(name, module, names))


def _check_optional(path: str, names: Bindings, function: ast.FunctionDef) -> Iterator[Finding]:
    for argument in _arguments(function):
        annotation = argument.annotation
        if not isinstance(annotation, ast.Subscript):
            continue
        inner = annotation.slice
        is_list = isinstance(inner, ast.Subscript) and isinstance(inner.slice, ast.Subscript)
        kind = inner.value if isinstance(inner, ast.Subscript) else inner
        is_optional = names.full_name(annotation.value) == "typing.Optional"
        if is_optional and not is_list and names.full_name(kind) in _OPTIONAL:
            what = f"{function.name} takes {argument.arg}, an Optional artifact, and fails when it gets one"
            cure = f"write {argument.arg}: {ast.unparse(inner)} = None"
            yield Finding(path, argument.lineno, what, cure)


def _added(decorator: ast.expr) -> list[str] | None:
    """Return the names of the functions that go with one; None where only running would tell."""
    for word in decorator.keywords if isinstance(decorator, ast.Call) else ():
        if word.arg == "additional_funcs":
            items = getattr(word.value, "elts", None)
            if items is None or not all(isinstance(item, ast.Name) for item in items):
                return None
            return [item.id for item in items]
    return []


def _free(function: ast.FunctionDef) -> Iterator[str]:
    """Yield the names that a function, its defaults included, takes from around it."""
    copy = ast.parse(ast.unparse(function)).body[0]
    assert isinstance(copy, ast.FunctionDef)
    copy.decorator_list, copy.returns = [], None
    for argument in _arguments(copy):
        argument.annotation = None
    waiting = [symtable.symtable(ast.unparse(copy), "main.py", "exec")]
    found: set[str] = set()
    bound: set[str] = set()
    while waiting:
        table = waiting.pop()
        waiting += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_global():
                found.add(symbol.get_name())
                if symbol.is_assigned() or symbol.is_imported():  # by a `global` statement
                    bound.add(symbol.get_name())
    return (name for name in found - bound if not name.startswith("__"))


def _of_annotations(function: ast.FunctionDef, names: Bindings) -> tuple[set[str], set[str]]:
    """Return the names in annotations that KFP does not bring along, and those that it does.

    It brings classes of artifacts, or the module that they are called by.
    """
    found: tuple[set[str], set[str]] = set(), set()
    annotations = [argument.annotation for argument in _arguments(function)]
    for annotation in (*annotations, function.returns):
        for node in ast.walk(annotation) if annotation else ():
            if isinstance(node, ast.Name):
                first = names.full_name(node).partition(".")[0]
                is_others = first != node.id and first in {"kfp", *sys.stdlib_module_names}
                is_own = names.assigned(node) is not None or _is_tuple(node, names)
                found[not (is_others or is_own)].add(node.id)
    return found


def _is_tuple(node: ast.Name, names: Bindings) -> bool:
    """Tell whether a name is that of a class of named tuples."""
    bases = names.classes[node.id].bases if node.id in names.classes else []
    return any(names.full_name(base).endswith("NamedTuple") for base in bases)


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def _line(function: ast.FunctionDef, name: str) -> int:
    lines = [n.lineno for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == name]
    return min(lines, default=function.lineno)


def _cure(name: str, module: Module, names: Bindings) -> str:
    if name in module.functions:
        return f"hand it over, @dsl.component(additional_funcs=[{name}]), or write it within"
    if names.assigned(ast.Name(name)) is not None:
        return "write it within the function, or make it an input"
    if names.full_name(ast.Name(name)).partition(".")[0] in ("typing", "kfp"):
        return "write the names of typing and kfp.dsl alone, such as List, Input or dsl.Dataset"
    return "import or define it within the function"
