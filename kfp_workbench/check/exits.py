"""Checks that the steps which are told how a run has ended are run at its end."""

import ast
from collections.abc import Iterator, Sequence

from kfp_workbench.check.interfaces import Interface
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown

_CURE = (
    "hand the task to dsl.ExitHandler(...), or end it with .after(...).ignore_upstream_failure()"
)


def check_exits(
    path: str, function: ast.FunctionDef, calls: Sequence[tuple[ast.Call, Interface]]
) -> Iterator[Finding]:
    """Find tasks of a pipeline's function that want a status, and that KFP gives none."""
    told = [node for part in ast.walk(function) for node in _at_the_end(part)]
    names = {node.id for node in told if isinstance(node, ast.Name)}
    for call, interface in calls:
        if interface.of_kfp and call not in told and not names & _variables(function, call):
            what = f"{interface.step} has {', '.join(map(shown, sorted(interface.of_kfp)))}"
            yield Finding(path, call.lineno, f"{what}, and is no exit task", _CURE)


def _at_the_end(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is in a place where KFP gives a task a status."""
    if isinstance(node, ast.Call) and _last(node.func) == "ExitHandler":
        for argument in (*node.args, *(word.value for word in node.keywords)):
            yield from ast.walk(argument)
    elif isinstance(node, ast.Attribute) and node.attr == "ignore_upstream_failure":
        yield from ast.walk(node.value)


def _variables(function: ast.FunctionDef, call: ast.Call) -> set[str]:
    """Return the names of variables in whose values a call is."""
    return {
        part.id
        for node in ast.walk(function)
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr))
        and node.value
        and call in ast.walk(node.value)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        for part in ast.walk(target)
        if isinstance(part, ast.Name)
    }


def _last(node: ast.expr) -> str:
    return str(getattr(node, "attr", None) or getattr(node, "id", ""))
