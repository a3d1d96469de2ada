"""Refuses the numbers that no compiled pipeline can hold: those that are not finite."""

import ast
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.names import called


def check(spec: Any, root: Path) -> None:
    """Raise WorkbenchError (2) for the first value that is, or holds, NaN or an infinity."""
    for parameter, declared in spec.root.input_definitions.parameters.items():
        if number := _odd(declared.default_value):
            what = f"the default of {parameter} is {number}"
            raise _refused(f"pipeline.py:{_line(parameter, root)}", what)
    for component in spec.components.values():
        for parameter, declared in component.input_definitions.parameters.items():
            if number := _odd(declared.default_value):
                raise _refused("pipeline.py", f"the default of {parameter} is {number}")
    for graph in (spec.root, *spec.components.values()):
        for name, task in graph.dag.tasks.items():
            for parameter, given in task.inputs.parameters.items():
                if number := _odd(given.runtime_value.constant):
                    what = f"{name} gets {number} for {called(parameter)}"
                    raise _refused("pipeline.py", what)


def _refused(place: str, what: str) -> WorkbenchError:
    cure = "write a number that is finite, or leave it out"
    return WorkbenchError(f"{place}: {what}, which KFP cannot carry: {cure}", 2)


def _line(parameter: str, root: Path) -> int:
    """Return the line in which ``pipeline.py`` names a parameter of the pipeline."""
    for node in ast.walk(ast.parse((root / "pipeline.py").read_bytes())):
        if isinstance(node, ast.FunctionDef) and node.name == "pipeline":
            for argument in (*node.args.args, *node.args.kwonlyargs):
                if argument.arg == parameter:
                    return argument.lineno
    return 1


def _odd(value: Any) -> str | None:
    """Return the first number in a protobuf value that is not finite, as text."""
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        return None if math.isfinite(value.number_value) else str(value.number_value)
    parts: Iterable[Any] = ()
    if kind == "list_value":
        parts = value.list_value.values
    elif kind == "struct_value":
        parts = value.struct_value.fields.values()
    return next(filter(None, map(_odd, parts)), None)
