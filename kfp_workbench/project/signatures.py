"""The signature of a typed step, read from its ``main.py``; nothing of it is imported.

A typed step is a module with one function that is decorated ``@step``. What KFP makes of the
function is what ``@dsl.component`` would make of it:
https://www.kubeflow.org/docs/components/pipelines/user-guides/components/lightweight-python-components/
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import annotations, docstrings, marks, values
from kfp_workbench.project.annotations import AnnotationError
from kfp_workbench.project.bindings import Bindings, UnknownValueError
from kfp_workbench.project.components import OF_STATUS
from kfp_workbench.project.findings import Finding, said
from kfp_workbench.project.names import shown
from kfp_workbench.project.port_types import Annotation
from kfp_workbench.project.sources import Module, Sources, UnreadableError

RESULT = "Output"  # what KFP calls the one value that a function returns
_VALID_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")  # of kfp's compiler


class Port(NamedTuple):
    """An input or an output of a step."""

    name: str  # as the function has it
    type: str  # of a parameter as the compiled pipeline calls it, "NUMBER_INTEGER"; or "Model"
    line: int
    is_artifact: bool = False
    is_list: bool = False  # of artifacts
    is_path: bool = False  # the function takes a path: InputPath, OutputPath
    is_returned: bool = False  # an output, by `return`
    optional: bool = False  # an input that may be left out
    default: Any = None  # what an optional parameter is then; None for nothing
    description: str = ""

    @property
    def is_status(self) -> bool:
        """Whether KFP gives it, and no pipeline: how what an exit task waits for has ended."""
        return self.type == OF_STATUS

    @property
    def annotation(self) -> str:
        """The type as people write it in Python: ``int``, ``List[Model]``."""
        return Annotation(self.type, self.is_artifact, self.is_list).text


class Signature(NamedTuple):
    """What a typed step takes and makes, each in the function's order."""

    name: str  # the function's
    path: str  # of main.py, below the project's folder
    line: int  # of `def`
    description: str  # of the function's docstring, else the module's; may have several lines
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def input(self, name: str) -> Port | None:
        """Return the input of a name, or None."""
        return next((port for port in self.inputs if port.name == name), None)

    def output(self, name: str) -> Port | None:
        """Return the output of a name, or None."""
        return next((port for port in self.outputs if port.name == name), None)


def read(path: Path) -> Signature | None:
    """Return the signature of a step's ``main.py``, or None where there is no ``@step`` in it.

    Raises WorkbenchError (2), with file and line, for one that KFP cannot have, and for a file that
    is no Python.
    """
    root = path.parents[2] if len(path.parents) > 2 else path.parent
    try:
        signature, findings = examine(path, Sources(root))
    except UnreadableError as error:
        raise WorkbenchError(error.finding.text, 2) from None
    if findings:
        raise WorkbenchError(findings[0].text, 2)
    return signature


def examine(path: Path, sources: Sources) -> tuple[Signature | None, list[Finding]]:
    """Return the signature of a ``main.py``, and what KFP cannot have of it.

    None where there is no ``@step`` in it; what is wrong is left out of a signature.
    What was meant to be a step is among what is wrong.
    Raises UnreadableError.
    """
    module = sources.module(path)
    names = Bindings(module.body)
    functions = [
        node
        for node in module.nodes
        if isinstance(node, marks.Function) and marks.is_step(node, names)
    ]
    if not functions:
        missed = marks.missed(module, names)
        return None, [Finding(sources.name(path), *problem) for problem in missed]
    reader = _Reader(sources.name(path), module, names, functions[0])
    for other in functions[1:]:
        what = f"{other.name} is a second @step, beside {functions[0].name}"
        reader.find(other.lineno, what, "make it a step of its own: make step NAME=...")
    return reader.signature(), reader.findings


class _Reader:
    """Reads one function, and notes what is wrong with it."""

    def __init__(
        self,
        path: str,
        module: Module,
        names: Bindings,
        function: marks.Function,
    ) -> None:
        self._path, self._module, self._names, self._function = path, module, names, function
        self.findings: list[Finding] = []
        self._about = docstrings.read(ast.get_docstring(function, clean=False))

    def find(self, line: int, what: str, cure: str) -> None:
        self.findings.append(Finding(self._path, line, what, cure))

    def signature(self) -> Signature:
        function = self._function
        self._check_function()
        ports = list(self._parameters())
        inputs = [port for port, is_output in ports if not is_output]
        outputs = [port for port, is_output in ports if is_output] + list(self._returned())
        for port in inputs:
            if port.name == RESULT:
                cure = "it is what KFP calls a result, choose another name"
                self.find(port.line, f"an input is called {RESULT}", cure)
        for kind, found in (("inputs", inputs), ("outputs", outputs)):
            self._check_names(kind, found)
        return Signature(
            function.name,
            self._path,
            function.lineno,
            self._about.description or self._of_module(),
            tuple(inputs),
            tuple(outputs),
        )

    def _of_module(self) -> str:
        """Return what the module's docstring says of itself: its first paragraph."""
        first = self._module.body[0] if self._module.body else None
        text = getattr(getattr(first, "value", None), "value", None)
        about = docstrings.read(text if isinstance(text, str) else None)
        return " ".join(about.description.partition("\n\n")[0].split())

    def _check_function(self) -> None:
        function, given = self._function, self._function.args
        if isinstance(function, ast.AsyncFunctionDef):
            cure = "call asyncio.run within a plain def"
            self.find(function.lineno, f"the step {function.name} is async", cure)
        if function.col_offset:
            what = f"the step {function.name} is within something else"
            self.find(function.lineno, what, "put it at the top of the module")
        else:
            for problem in marks.problems(function, self._module, self._names):
                self.find(*problem)
        for star, node in (("*", given.vararg), ("**", given.kwarg)):
            if node:
                what = f"the step takes {star}{node.arg}, and KFP knows no such input"
                self.find(node.lineno, what, "give each input a name and a type, or take a dict")
        for node in given.posonlyargs:
            what = f"{node.arg} can be given by its place only, and KFP gives all by name"
            self.find(node.lineno, what, "take the / out")

    def _parameters(self) -> Iterator[tuple[Port, bool]]:
        """Return the ports that the parameters are, each with whether it is an output."""
        given = self._function.args
        placed = [*given.posonlyargs, *given.args]
        defaults = [None] * (len(placed) - len(given.defaults)) + given.defaults
        pairs = [*zip(placed, defaults, strict=True)]
        pairs += zip(given.kwonlyargs, given.kw_defaults, strict=True)
        for node, default in pairs:
            if node.annotation is None:
                what = f"{node.arg} has no type, and KFP needs one"
                cure = f"write {node.arg}: int, {node.arg}: Input[Dataset] or the like"
                self.find(node.lineno, what, cure)
                continue
            try:
                kind = annotations.parameter(node.annotation, self._names)
            except AnnotationError as error:
                self.find(node.lineno, f"{node.arg}: {error.what}", error.cure)
                continue
            yield self._port(node, kind, default), kind.is_output

    def _port(self, node: ast.arg, kind: Annotation, default: ast.expr | None) -> Port:
        about = self._about.outputs if kind.is_output else self._about.inputs
        about = {**self._about.inputs, **about}  # an output may be told of below Args:, too
        port = Port(
            node.arg, kind.type, node.lineno, kind.is_artifact, kind.is_list, kind.is_path,
            description=about.get(node.arg, ""),
        )  # fmt: skip
        if default is None:
            return port
        if kind.is_output:
            what = f"the output {node.arg} has a default"
            self.find(node.lineno, what, "leave it off, KFP says where outputs go")
            return port
        return port._replace(optional=True, default=self._default(node, kind, default))

    def _default(self, node: ast.arg, kind: Annotation, default: ast.expr) -> Any:
        try:
            value = self._names.value(default)
        except UnknownValueError as error:
            what = (
                f"the default of {node.arg} is {shown(str(error))}, which only running would tell"
            )
            self.find(default.lineno, what, "write it out, or name a constant of this module")
            return None
        if value is None:
            return None
        if kind.is_artifact or kind.type == OF_STATUS:
            thing = "an artifact" if kind.is_artifact else "a status"
            what = f"the default of {node.arg} is {shown(value)}, and it is {thing}"
            self.find(default.lineno, what, f"only None can be {thing}'s default")
            return None
        if problem := next(values.problems((node.arg,), value, kind.type), None):
            self.findings.append(said(self._path, default.lineno, f"the default of {problem.text}"))
            return None
        if _holds_none(value):  # which kfp's compiler does not take
            what = f"the default of {node.arg} holds None, which KFP does not take"
            self.find(default.lineno, what, "leave it out, or write another value")
            return None
        return float(value) if kind.type == "NUMBER_DOUBLE" else value

    def _returned(self) -> Iterator[Port]:
        """Return the outputs that the function returns."""
        node = self._function.returns
        if node is None or (isinstance(node, ast.Constant) and node.value is None):
            return
        try:
            several = annotations.fields(node, self._names)
        except AnnotationError as error:
            self.find(node.lineno, error.what, error.cure)
            return
        for name, annotation in [(RESULT, node)] if several is None else several:
            try:
                kind = annotations.returned(annotation, self._names)
            except AnnotationError as error:
                self.find(node.lineno, error.what, error.cure)
                continue
            alone = self._about.returned if several is None else ""
            about = self._about.outputs.get(name, alone)
            line = getattr(annotation, "lineno", node.lineno)
            yield Port(name, kind.type, line, kind.is_artifact, is_returned=True, description=about)

    def _check_names(self, kind: str, ports: list[Port]) -> None:
        """Find names that KFP does not take, and two that are one to it."""
        seen: dict[str, str] = {}
        for port in ports:
            if not _VALID_NAME.fullmatch(port.name):
                what = f"{shown(port.name)} is no name that KFP takes for {kind}"
                self.find(port.line, what, "use letters, digits and underscores, a letter first")
            key = port.name.lower().strip("_")
            if key in seen:
                what = f"the {kind} {shown(seen[key])} and {shown(port.name)} are one name to KFP"
                self.find(port.line, what, "rename one")
            seen[key] = port.name


def _holds_none(value: Any) -> bool:
    if isinstance(value, (list, dict)):
        return any(map(_holds_none, value.values() if isinstance(value, dict) else value))
    return value is None
