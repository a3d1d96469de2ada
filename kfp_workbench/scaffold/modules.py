"""Reads a ``pipeline.py`` without running it: what it loads, takes and makes, and in which lines."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

from kfp_workbench.project.literals import called
from kfp_workbench.project.signatures import RESULT
from kfp_workbench.scaffold.ports import Port, Ports
from kfp_workbench.scaffold.sources import Made

_LOADER = "load_component_from_file"
_STAGE = re.compile(r"\d+\. \S")


class UnfitError(ValueError):
    """A pipeline that a step cannot be added to; the message says why."""


class PipelineModule:
    """A ``pipeline.py`` as text and syntax tree; raises UnfitError when it is of another kind.

    That is, when no step is loaded at its top, or no function of it is a pipeline.
    """

    def __init__(self, text: str) -> None:
        try:
            self.tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise UnfitError(f"it is no valid Python ({error})") from None
        self.text, self.lines = text, text.splitlines()
        self.loads = {name: node for node in self.tree.body if (name := _loaded(node))}
        functions = [
            node
            for node in self.tree.body
            if isinstance(node, ast.FunctionDef) and any(map(_is_pipeline, node.decorator_list))
        ]
        # Line ends of other kinds are none to ast, and a body beside its header has no lines.
        plain = len(self.lines) == text.count("\n")
        if not plain or not self.loads or not functions:
            raise UnfitError("it is not written as make writes one")
        self.function = functions[0]
        if self.function.body[0].lineno == self.function.lineno:
            raise UnfitError("its function is written in one line")

    @property
    def parameters(self) -> dict[str, str]:
        """The pipeline's parameters, with their types as they are annotated."""
        arguments = self.function.args
        return {
            item.arg: ast.unparse(item.annotation) if item.annotation else ""
            for item in (*arguments.args, *arguments.kwonlyargs)
        }

    @property
    def names(self) -> set[str]:
        """All names that it uses."""
        nodes = list(ast.walk(self.tree))
        aliases = [node for node in nodes if isinstance(node, ast.alias)]
        return {
            *(node.id for node in nodes if isinstance(node, ast.Name)),
            *(node.arg for node in nodes if isinstance(node, ast.arg)),
            *(alias.asname or alias.name.partition(".")[0] for alias in aliases),
            self.function.name,
        }

    @property
    def local_names(self) -> set[str]:
        """All names that its function binds; a step that is called so cannot be called in it."""
        nodes = list(ast.walk(self.function))
        return {
            *(node.arg for node in nodes if isinstance(node, ast.arg)),
            *(
                node.id
                for node in nodes
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            ),
        }

    @property
    def last_stage(self) -> int | None:
        """The last line of the numbered stages in the docstring, if it has some."""
        first = self.tree.body[0]
        if ast.get_docstring(self.tree) is None:
            return None
        lines = range(first.lineno, (first.end_lineno or first.lineno) + 1)
        stages = [line for line in lines if _STAGE.match(self.lines[line - 1])]
        return stages[-1] if stages else None

    def source(self, node: ast.expr | ast.arg) -> str:
        """Return how a part is written."""
        return ast.get_source_segment(self.text, node) or ""

    def made(self, steps: Mapping[str, Ports]) -> Iterator[Made]:
        """Yield what its tasks make that a task at its end can take, the latest first."""
        for node in reversed(self.function.body):
            yield from _made(node, steps)
            if isinstance(node, ast.With) and called(node.items[0].context_expr) == "ParallelFor":
                for inner in reversed(node.body):
                    for port, text, step in _made(inner, steps):
                        kind = f"List[{port.kind}]" if port.is_artifact else "list"
                        yield Made(port._replace(kind=kind), f"dsl.Collected({text})", step)


def _made(node: ast.stmt, steps: Mapping[str, Ports]) -> Iterator[Made]:
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
        return
    task, step = node.targets[0].id, called(node.value)
    outputs: Sequence[Port] = steps[step].outputs if step in steps else ()
    for port in outputs:
        is_sole = port.name == RESULT and len(outputs) == 1
        yield Made(port, f"{task}.output" if is_sole else f'{task}.outputs["{port.name}"]', step)


def _loaded(node: ast.stmt) -> str:
    """Return the step that a statement loads under its own name, or nothing."""
    if not isinstance(node, ast.Assign) or called(node.value) != _LOADER:
        return ""
    texts = [part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)]
    parts = {part for text in texts for part in str(text).split("/")}
    name = getattr(node.targets[0], "id", "")
    return name if {name, "component.yaml"} <= parts else ""


def _is_pipeline(mark: ast.expr) -> bool:
    return called(mark) == "pipeline" or getattr(mark, "attr", "") == "pipeline"
