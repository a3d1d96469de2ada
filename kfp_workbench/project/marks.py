"""How a function of a ``main.py`` is marked as a step, and what stands in the mark's way."""

import ast
from collections.abc import Iterator

from kfp_workbench.project.bindings import Bindings
from kfp_workbench.project.sources import Module

Function = ast.FunctionDef | ast.AsyncFunctionDef
Problem = tuple[int, str, str]  # a line, what is wrong in it, and the cure
_STEP = "common.step.step"
_CALLED = "step(...) is called, and nobody reads what it makes"
_IN_ITS_PLACE = "write from common.step import step, and @step over the function"


def is_step(function: Function, names: Bindings) -> bool:
    """Tell whether a function is marked ``@step``, also ``@step()``."""
    return _place(function, names) is not None


def problems(function: Function, module: Module, names: Bindings) -> Iterator[Problem]:
    """Find what keeps a function that is marked from being a step when it runs."""
    place = _place(function, names)
    marks = function.decorator_list
    assert place is not None
    if isinstance(marks[place], ast.Call):
        cure = "write @step, as its image and packages are in the step's folder"
        yield marks[place].lineno, "@step is called, and takes nothing", cure
    for mark in marks[:place]:
        what = f"@{ast.unparse(mark)} stands over @step, and makes another function of the step"
        yield mark.lineno, what, "put @step over all others"
    for mark in marks[place + 1 :]:
        made = module.functions.get(mark.id) if isinstance(mark, ast.Name) else None
        if made and (inner := _unwrapped(made)):
            what = f"@{made.name} hides what the step takes"
            cure = f"put @functools.wraps over {inner.name}, in line {inner.lineno}"
            yield mark.lineno, what, cure


def missed(module: Module, names: Bindings) -> Iterator[Problem]:
    """Find what was meant to be a step, in a module that has none marked."""
    for node in module.body:
        if isinstance(node, Function):
            if "kfp.dsl.component" in _marked(node, names):
                yield node.lineno, f"{node.name} is a component of kfp's", _IN_ITS_PLACE
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            called = names.full_name(node.value.func)
            yield from [(node.lineno, _CALLED, _IN_ITS_PLACE)] if called == _STEP else []


def _place(function: Function, names: Bindings) -> int | None:
    marks = _marked(function, names)
    return marks.index(_STEP) if _STEP in marks else None


def _marked(function: Function, names: Bindings) -> list[str]:
    """Return the full names of what a function is decorated with."""
    marks = [mark.func if isinstance(mark, ast.Call) else mark for mark in function.decorator_list]
    return [names.full_name(mark) for mark in marks]


def _unwrapped(decorator: Function) -> ast.FunctionDef | None:
    """Return the function that a decorator returns in the place of another without its signature."""
    if "wraps" in (dumped := ast.dump(decorator)) or "update_wrapper" in dumped:
        return None
    inner = {node.name: node for node in decorator.body if isinstance(node, ast.FunctionDef)}
    last = decorator.body[-1]
    name = (
        last.value.id if isinstance(last, ast.Return) and isinstance(last.value, ast.Name) else ""
    )
    return inner.get(name)
