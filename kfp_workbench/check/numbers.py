"""Finds defaults of the pipeline's parameters that no compiled pipeline can hold."""

import ast
import math
from collections.abc import Iterator

from kfp_workbench.check.wiring import pipeline_function
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown
from kfp_workbench.project.sources import Sources


def check_defaults(sources: Sources) -> Iterator[Finding]:
    """Find numbers that are not finite, as they are usually written: ``float("nan")``, ``inf``.

    Raises UnreadableError.
    """
    path = sources.root / "pipeline.py"
    function = pipeline_function(sources.module(path))
    arguments = function.args if function else None
    for default in (*arguments.defaults, *arguments.kw_defaults) if arguments else ():
        for node in ast.walk(default) if default else ():
            if _is_odd(node):
                what = f"a default is {shown(ast.unparse(node))}, which KFP cannot carry"
                cure = "write a number that is finite, or leave it out"
                yield Finding(sources.name(path), getattr(node, "lineno", 1), what, cure)


def _is_odd(node: ast.AST) -> bool:
    """Tell whether an expression is a number that is not finite."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float) and not math.isfinite(node.value)
    if isinstance(node, ast.Attribute):
        module = getattr(node.value, "id", "")
        return module in ("math", "np", "numpy") and node.attr.lower() in ("nan", "inf")
    if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "float":
        return False
    text = getattr(node.args[0], "value", None) if len(node.args) == 1 else None
    try:
        return isinstance(text, str) and not math.isfinite(float(text))
    except ValueError:
        return False
