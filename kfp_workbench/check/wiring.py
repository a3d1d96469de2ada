"""Checks ``pipeline.py`` against the steps, and ``params/*.yaml`` against the pipeline.

The module is read and not run: kfp is not imported.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from kfp_workbench.check import calls
from kfp_workbench.check.interfaces import Interface
from kfp_workbench.project import variables
from kfp_workbench.project.environments import file_settings
from kfp_workbench.project.findings import Finding, said
from kfp_workbench.project.params_file import ParamsFile, file_values
from kfp_workbench.project.port_types import TYPES
from kfp_workbench.project.sources import Module, Sources, UnreadableError
from kfp_workbench.project.steps import Step

_LOADERS = ("load_component_from_file", "load_component_from_text")


class _Load(NamedTuple):
    """A call that loads a component; ``step`` is None where running would tell."""

    path: str
    line: int
    step: str | None
    variable: str | None  # what it is assigned to
    ours: bool  # below steps/, as far as the text says


def check_pipeline(steps: Sequence[Step], sources: Sources) -> Iterator[Finding]:
    """Find steps that the pipeline does not use, and components that are not there."""
    modules = sources.pipeline_modules()
    loads = [load for module in modules for load in _loads(module, sources)]
    mentioned = {name for module in modules for name in _mentions(module)}
    known = {step.name for step in steps}
    for load in loads:
        if load.step is None:
            continue
        if load.ours and load.step not in known:
            what = f"loads steps/{load.step}/component.yaml, which is not there"
            yield Finding(load.path, load.line, what, "put it back, or take it out here")
        elif load.step in known and load.variable and load.variable not in mentioned:
            what = f"the step {load.variable} is loaded and not used"
            yield Finding(load.path, load.line, what, "call it in the pipeline, or remove it")
    if any(load.step is None for load in loads):
        return  # the compiled pipeline tells, and the generated tests look at it
    for step in steps:
        if step.name not in {load.step for load in loads}:
            what = f"pipeline.py does not use steps/{step.name}"
            cure = "load and call it there, or remove the folder"
            yield Finding(f"steps/{step.name}/component.yaml", 1, what, cure)


def check_calls(interfaces: Mapping[str, Interface], sources: Sources) -> Iterator[Finding]:
    """Find calls of steps that do not fit what these take and make; interfaces are by step."""
    modules = sources.pipeline_modules()
    of_modules = {module.path: dict(_components(module, interfaces, sources)) for module in modules}
    by_stem = {path.stem: names for path, names in of_modules.items()}
    for module in modules:
        names = dict(of_modules[module.path])
        for node in module.imports:
            if isinstance(node, ast.ImportFrom):
                others = by_stem.get((node.module or "").rpartition(".")[2], {})
                for alias in node.names:
                    if alias.name in others:
                        names[alias.asname or alias.name] = others[alias.name]
        for function in module.functions.values():
            if isinstance(function, ast.FunctionDef):
                kinds = _kinds(function)
                if not function.decorator_list:  # what it is called with may be a task's output
                    kinds = dict.fromkeys(kinds)
                yield from calls.check_calls(sources.name(module.path), function, names, kinds)


def _components(
    module: Module, interfaces: Mapping[str, Interface], sources: Sources
) -> Iterator[tuple[str, Interface]]:
    """Return the interfaces of the components that a module loads, by their names there."""
    loads = list(_loads(module, sources))
    for load in loads:
        several = sum(load.variable == other.variable for other in loads) > 1
        if load.variable and load.step and load.step in interfaces and not several:
            yield load.variable, interfaces[load.step]


def check_params(sources: Sources) -> Iterator[Finding]:
    """Find parameters and settings that there are not, and values of another type."""
    module = sources.module(sources.root / "pipeline.py")
    function = pipeline_function(module)
    if function is None and _binds_pipeline(module):
        return  # made elsewhere: make compile and make local tell
    if function is None:
        what = "has no function with @dsl.pipeline called pipeline"
        yield Finding("pipeline.py", 1, what, "name it so, make compile looks for it")
        return
    kinds, required = _kinds(function), list(_required(function))
    for path in sorted((sources.root / "params").glob("*.yaml")):
        try:
            yield from _check_file(path.name, sources, kinds, required)
        except UnreadableError as error:
            yield error.finding


def parameter_kinds(sources: Sources) -> Mapping[str, str | None] | None:
    """Return the types of the pipeline's parameters, or None where only compiling would tell.

    A type that kfp does not know is None. Raises UnreadableError.
    """
    function = pipeline_function(sources.module(sources.root / "pipeline.py"))
    return _kinds(function) if function else None


def _kinds(function: ast.FunctionDef) -> Mapping[str, str | None]:
    arguments = [*function.args.args, *function.args.kwonlyargs]
    return {argument.arg: _kind(argument.annotation) for argument in arguments}


def _required(function: ast.FunctionDef) -> Iterator[str]:
    """Return the names of the parameters that have no default; artifacts are none."""
    arguments = function.args
    lacking = arguments.args[: len(arguments.args) - len(arguments.defaults)]
    by_name = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    for argument in (*lacking, *(each for each, default in by_name if default is None)):
        annotation = argument.annotation
        if not isinstance(annotation, ast.Subscript) or _name(annotation.value) != "Input":
            yield argument.arg


def _check_file(
    name: str, sources: Sources, kinds: Mapping[str, str | None], required: Sequence[str]
) -> Iterator[Finding]:
    file = ParamsFile(f"params/{name}", sources.document(sources.root / "params" / name))
    _, of_values = file_values(file, kinds, environ=None)
    _, of_settings = file_settings(file, environ=None)
    parameters = {name: value for name, value in file.entries.items() if name in kinds}
    for problem in (*of_values, *of_settings, *variables.literals((), parameters)):
        yield said(file.name, file.document.line(*problem.place), problem.text)
    is_readable = file.document.value is None or isinstance(file.document.value, dict)
    for parameter in required if is_readable else ():
        if parameter not in file.entries:
            what = f"does not give {parameter}, which has no default in pipeline.py"
            yield Finding(
                file.name, 1, what, f"write `{parameter}: ...`, or give it a default there"
            )


def _loads(module: Module, sources: Sources) -> Iterator[_Load]:
    assigned = {
        id(node.value): node.targets[0].id
        for node in module.nodes
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    path = sources.name(module.path)
    loaders = _loaders(module)
    for call in module.calls:
        if _name(call.func) in loaders:
            step, ours = _component(call)
            yield _Load(path, call.lineno, step, assigned.get(id(call)), ours)


def _loaders(module: Module) -> set[str]:
    """Return the names that a module has for what loads a component."""
    found = set(_LOADERS)
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname for alias in node.names if alias.name in found and alias.asname}
        elif isinstance(node, ast.Assign) and _name(node.value) in found:
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def _component(call: ast.Call) -> tuple[str | None, bool]:
    """Return the folder of the component that a call loads, and whether it is below steps/.

    None for a folder that only running the module would tell, "" for no folder at all.
    """
    nodes = [node for argument in call.args for node in ast.walk(argument)]
    if any(isinstance(node, ast.FormattedValue) for node in nodes):
        return None, False
    texts = [node for node in nodes if isinstance(node, ast.Constant) and _is_text(node)]
    texts.sort(key=lambda node: (node.lineno, node.col_offset))
    parts = [part for text in texts for part in str(text.value).split("/") if part]
    if not parts:
        return None, False
    if "component.yaml" not in parts:
        return "", False
    above = parts[: parts.index("component.yaml")]
    if not above or above[-1] == "steps":
        return None, False
    named = any(isinstance(node, ast.Name) and node.id == "STEPS" for node in nodes)
    return above[-1], named or "steps" in above


def _is_text(node: ast.Constant) -> bool:
    return isinstance(node.value, str)


def _mentions(module: Module) -> Iterator[str]:
    """Return the names that a module uses, and those that it takes from others by another name."""
    for node in module.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if alias.asname)


def pipeline_function(module: Module) -> ast.FunctionDef | None:
    """Return the function of a module that is the pipeline, if it is there."""
    for node in module.nodes:
        if isinstance(node, ast.FunctionDef) and node.name == "pipeline" and node.decorator_list:
            return node
    return None


def _binds_pipeline(module: Module) -> bool:
    """Tell whether a module has something called pipeline that it did not define itself."""
    for node in module.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == "pipeline":
            return True
        if isinstance(node, ast.ImportFrom) and any(
            (alias.asname or alias.name) == "pipeline" for alias in node.names
        ):
            return True
    return False


def _kind(annotation: ast.expr | None) -> str | None:
    """Return what the compiled pipeline calls the type of an annotation; None for others."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
    if isinstance(annotation, ast.BinOp):  # int | None
        parts: list[ast.expr] = []
        while isinstance(annotation, ast.BinOp):
            parts.insert(0, annotation.right)
            annotation = annotation.left
        return next((kind for kind in map(_kind, [annotation, *parts]) if kind), None)
    if isinstance(annotation, ast.Subscript):
        outer = _name(annotation.value)
        return _kind(annotation.slice) if outer == "Optional" else TYPES.get(outer)
    return TYPES.get(_name(annotation))


def _name(node: ast.AST | None) -> str:
    """Return the last part of a dotted name, or nothing."""
    return str(getattr(node, "id", None) or getattr(node, "attr", ""))
