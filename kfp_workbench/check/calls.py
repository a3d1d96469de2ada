"""Checks what ``pipeline.py`` hands to its steps, and takes from them, by name and type.

kfp's compiler would refuse the same, the first of it alone; what only running the module would
tell is left to it.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence

from kfp_workbench.check.exits import check_exits
from kfp_workbench.check.interfaces import Interface, Kind
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown
from kfp_workbench.project.suggestions import instead, output_instead

_CONSTANTS: Mapping[type, str] = {
    bool: "BOOLEAN",
    int: "NUMBER_INTEGER",
    float: "NUMBER_DOUBLE",
    str: "STRING",
}
_LITERALS: Sequence[tuple[type[ast.expr], str]] = (
    (ast.JoinedStr, "STRING"),
    (ast.List, "LIST"),
    (ast.ListComp, "LIST"),
    (ast.Dict, "STRUCT"),
    (ast.DictComp, "STRUCT"),
)


def check_calls(
    path: str,
    function: ast.FunctionDef,
    steps: Mapping[str, Interface],
    parameters: Mapping[str, str | None],
) -> Iterator[Finding]:
    """Find calls of steps in a pipeline's function that do not fit.

    ``steps`` are the interfaces by the names of the components, ``parameters`` the types of the
    pipeline's own inputs, None for one that is not known.
    """
    reader = _Pipeline(path, function, steps, parameters)
    called = []
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and (interface := reader.called(node)):
            yield from reader.check_call(node, interface)
            called.append((node, interface))
        elif isinstance(node, (ast.Attribute, ast.Subscript)):
            yield from reader.check_output(node)
    if function.decorator_list:  # who calls another function may have its task at the end
        yield from check_exits(path, function, called)


class _Pipeline:
    """The tasks of one function: what each name in it stands for, where there is no doubt."""

    def __init__(
        self,
        path: str,
        function: ast.FunctionDef,
        steps: Mapping[str, Interface],
        parameters: Mapping[str, str | None],
    ) -> None:
        self._path = path
        bound = {name for node in ast.walk(function) for name, _ in _bound(node)}
        self._steps = {
            name: interface
            for name, interface in steps.items()
            if name not in bound and name not in parameters
        }
        self._parameters = dict(parameters)
        self._tasks: dict[str, Interface] = {}
        doubtful = set()
        for node in ast.walk(function):
            for name, value in _bound(node):
                self._parameters.pop(name, None)
                interface = self._made_by(value) if value else None
                if interface is None or self._tasks.setdefault(name, interface) != interface:
                    doubtful.add(name)
        for name in doubtful:
            self._tasks.pop(name, None)

    def called(self, node: ast.Call) -> Interface | None:
        """Return the interface of the step that a call calls, or None."""
        return self._steps.get(node.func.id) if isinstance(node.func, ast.Name) else None

    def check_call(self, node: ast.Call, interface: Interface) -> Iterator[Finding]:
        """Find arguments that the step does not take, of another type, or missing."""
        step = interface.step
        if node.args:
            what = f"{step} is given {shown(ast.unparse(node.args[0]))} without a name"
            yield self._found(node.args[0], what, f"write {_inputs(interface)}=...")
            return
        given = {word.arg for word in node.keywords}
        for word in node.keywords:
            if word.arg is None:
                continue
            if word.arg in interface.of_kfp:
                what = f"{step}'s input {shown(word.arg)} is given by KFP, and by nobody else"
                yield self._found(word.value, what, "leave it out")
            elif word.arg not in interface.inputs:
                what = f"{step} has no input {shown(word.arg)}"
                yield self._found(word.value, what, instead(word.arg, interface.inputs))
            elif problem := self._problem(word.value, interface.inputs[word.arg]):
                what = f"{step}'s input {shown(word.arg)} is {problem[0]}"
                yield self._found(word.value, what, problem[1])
        missing = sorted(interface.required - given) if None not in given else []
        if missing and given <= interface.inputs.keys() | interface.of_kfp:
            what = f"{step} is not given {', '.join(map(shown, missing))}"
            yield self._found(node, what, "hand it over, or give it a default in the step")

    def check_output(self, node: ast.Attribute | ast.Subscript) -> Iterator[Finding]:
        """Find an output that the step does not have."""
        if isinstance(node, ast.Attribute):
            interface = self._made_by(node.value) if node.attr == "output" else None
            if interface and len(interface.outputs) != 1:
                names = ", ".join(map(shown, interface.outputs)) or "none"
                what = f"{interface.step} has not one output but {names}"
                yield self._found(node, what, 'name one: .outputs["..."]')
            return
        task, name = _output_of(node)
        interface = self._made_by(task) if task else None
        if interface and name not in interface.outputs:
            what = f"{interface.step} has no output {shown(name)}"
            yield self._found(node, what, output_instead(name, interface.outputs))

    def _problem(self, node: ast.expr, wanted: Kind) -> tuple[str, str] | None:
        """Return what is wrong with a value for an input of a type, and the cure; or None."""
        if isinstance(node, ast.Constant) and node.value is None:
            return f"{wanted.words}, and None is no value to KFP", "leave it out"
        given = self._kind(node)
        if given is None or wanted.takes(given):
            return None
        if (wanted.type, given.type) == ("NUMBER_DOUBLE", "NUMBER_INTEGER"):
            cure = "write 1.0 for 1" if isinstance(node, ast.Constant) else "give it a float"
            return f"{wanted.words}, and this is an int, which KFP does not take for one", cure
        cure = "hand over another, or change the type in main.py"
        if wanted.is_list and given.is_artifact and not given.is_list:
            cure = "collect them from a loop: dsl.Collected(...)"
        return f"{wanted.words}, and this is {given.words}", cure

    def _kind(self, node: ast.expr) -> Kind | None:
        """Return the type of a value, or None where only running the module would tell."""
        if isinstance(node, ast.Constant):
            kind = _CONSTANTS.get(type(node.value))
            return Kind(kind) if kind else None
        if kind := next((kind for cls, kind in _LITERALS if isinstance(node, cls)), None):
            return Kind(kind)
        if isinstance(node, ast.Name):
            kind = self._parameters.get(node.id)
            return Kind(kind) if kind else None
        if isinstance(node, ast.Call) and _last(node.func) == "Collected" and len(node.args) == 1:
            inner = self._kind(node.args[0])
            if inner is None:
                return None
            return inner._replace(is_list=True) if inner.is_artifact else Kind("LIST")
        return self._output_kind(node)

    def _output_kind(self, node: ast.expr) -> Kind | None:
        if isinstance(node, ast.Attribute) and node.attr == "output":
            interface = self._made_by(node.value)
            return next(iter(interface.outputs.values()), None) if interface else None
        task, name = _output_of(node)
        interface = self._made_by(task) if task else None
        return interface.outputs.get(name) if interface else None

    def _made_by(self, node: ast.expr) -> Interface | None:
        """Return the interface of the step of which an expression is a task, or None.

        The settings of a task, such as ``set_display_name``, return the task.
        """
        while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func.value
        if isinstance(node, ast.Call):
            return self.called(node)
        return self._tasks.get(node.id) if isinstance(node, ast.Name) else None

    def _found(self, node: ast.expr, what: str, cure: str) -> Finding:
        return Finding(self._path, node.lineno, what, cure)


def _bound(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Return the names that a node binds, with their values where these are plain to see."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        if isinstance(target, ast.Name):
            yield target.id, node.value
        else:
            yield from ((part.id, None) for part in ast.walk(target) if isinstance(part, ast.Name))
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and isinstance(node.target, ast.Name):
        yield node.target.id, node.value
    else:
        parts = [getattr(node, "target", None), getattr(node, "optional_vars", None)]
        parts += getattr(node, "targets", [])
        for part in filter(None, parts):
            yield from ((name.id, None) for name in ast.walk(part) if isinstance(name, ast.Name))


def _output_of(node: ast.expr) -> tuple[ast.expr | None, str]:
    """Return the task and the name in ``task.outputs["name"]``; no task for all else."""
    outputs, name = (node.value, node.slice) if isinstance(node, ast.Subscript) else (None, None)
    is_outputs = isinstance(outputs, ast.Attribute) and outputs.attr == "outputs"
    if is_outputs and isinstance(name, ast.Constant) and isinstance(name.value, str):
        return getattr(outputs, "value", None), name.value
    return None, ""


def _inputs(interface: Interface) -> str:
    return next(iter(interface.inputs), "its name")


def _last(node: ast.expr) -> str:
    return str(getattr(node, "attr", None) or getattr(node, "id", ""))
