"""Checks that a typed step's function makes the outputs that its signature promises."""

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from kfp_workbench.project import values
from kfp_workbench.project.annotations import fields
from kfp_workbench.project.bindings import Bindings, UnknownValueError
from kfp_workbench.project.findings import Finding, said
from kfp_workbench.project.names import shown
from kfp_workbench.project.signatures import Port, Signature
from kfp_workbench.project.sources import Module

_OWN = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def check_body(signature: Signature, module: Module, step: str) -> Iterator[Finding]:
    """Find a function that is not called as its step, outputs never written, and other results."""
    function = module.functions.get(signature.name)
    if not isinstance(function, ast.FunctionDef):
        return
    path = signature.path
    if signature.name != step:
        what = f"the step in steps/{step}/ is called {signature.name}"
        yield Finding(path, function.lineno, what, f"call it {step}, as its folder")
    if not any(_is_main(node, signature.name) for node in module.nodes):
        what = f"nothing runs {signature.name} when KFP starts main.py"
        cure = f'end it with: if __name__ == "__main__": {signature.name}.main()'
        yield Finding(path, function.lineno, what, cure)
    nodes = [node for part in function.body for node in ast.walk(part)]
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    for port in signature.outputs:
        if not port.is_returned and port.name not in used and not _is_a_stub(function):
            way = f"write to {port.name if port.is_path else f'{port.name}.path'}"
            if port.type.endswith("Metrics"):
                way = f"call {port.name}.log_..."
            what = f"{signature.name} never writes the output {shown(port.name)}"
            yield Finding(path, port.line, what, f"{way}, or take it out")
    yield from _Results(signature, module, function).check()


def _is_main(node: ast.AST, name: str) -> bool:
    """Tell whether a node is ``name.main``."""
    owner = node.value if isinstance(node, ast.Attribute) and node.attr == "main" else None
    return isinstance(owner, ast.Name) and owner.id == name


def _is_a_stub(function: ast.FunctionDef) -> bool:
    """Tell whether a function has yet to be written: it raises, or does nothing."""
    body = [node for node in function.body if not _is_text(node)]
    return all(isinstance(node, (ast.Raise, ast.Pass)) for node in body)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


class _Results:
    """The values that a function returns, against those that its signature names."""

    def __init__(self, signature: Signature, module: Module, function: ast.FunctionDef) -> None:
        self._signature, self._function = signature, function
        self._names = Bindings([*module.body, *function.body])
        self._ports = [port for port in signature.outputs if port.is_returned]
        annotation = function.returns
        self._is_nothing = annotation is None or _is_none(annotation)
        self._is_tuple = bool(annotation and fields(annotation, Bindings(module.body)))

    def check(self) -> Iterator[Finding]:
        function, ports = self._function, self._ports
        returns = list(_returns(function.body))
        if self._is_nothing:
            for node in returns:
                # A call may well return nothing, where that is what the function says.
                sure = function.returns is None or not isinstance(node.value, ast.Call)
                if sure and node.value is not None and not _is_none(node.value):
                    what = f"{function.name} returns a value, and its signature names none"
                    yield self._found(node.lineno, what, "write -> and its type before the colon")
        elif not returns and ports and not _is_a_stub(function):
            if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in _own(function.body)):
                what = f"{function.name} yields, and {_names(ports)} is due"
                yield self._found(function.lineno, what, "collect a list, and return that")
                return
            what = f"{function.name} returns nothing, and {_names(ports)} is due"
            yield self._found(function.lineno, what, "return it")
        for node in returns if ports else []:
            yield from self._check_return(node)

    def _check_return(self, node: ast.Return) -> Iterator[Finding]:
        value = node.value
        names = _names(self._ports)
        if value is None or _is_none(value):
            yield self._found(node.lineno, f"returns None, and {names} is due", "return a value")
        elif not self._is_tuple:
            yield from self._check_value(value, self._ports[0])
        elif isinstance(value, ast.Tuple):
            if len(value.elts) != len(self._ports):
                what = f"returns {len(value.elts)} values, and {names} are due"
                yield self._found(node.lineno, what, "return one for each, in this order")
            else:
                for item, port in zip(value.elts, self._ports, strict=True):
                    yield from self._check_value(item, port)
        elif isinstance(value, ast.Call):
            yield from self._check_fields(value)

    def _check_fields(self, call: ast.Call) -> Iterator[Finding]:
        """Find a NamedTuple that is made with other fields than those of the signature."""
        fields = self._fields(call.func)
        due = [port.name for port in self._ports]
        if fields is not None and list(fields) != due:
            what = f"returns a tuple of {_listed(fields)}, and {_listed(due)} are due"
            yield self._found(call.lineno, what, "give it the fields of the signature")
            return
        if fields is None or any(isinstance(item, ast.Starred) for item in call.args):
            return
        given = {word.arg: word.value for word in call.keywords}
        if None in given:
            return
        named = dict(zip(due, call.args, strict=False))
        other = [str(name) for name in given if name not in due]
        if other or len(call.args) > len(due):
            what = f"returns {_listed(other) or 'more values'}, which the signature does not name"
            yield self._found(call.lineno, what, f"the fields are {_listed(due)}")
            return
        spared = self._defaults(call.func)
        for port in self._ports:
            item = given.get(port.name, named.get(port.name))
            if item is None and port.name in spared:
                continue
            if item is None:
                what = f"returns no {shown(port.name)}, which the signature names"
                yield self._found(call.lineno, what, f"give it: {port.name}=...")
            else:
                yield from self._check_value(item, port)

    def _defaults(self, node: ast.expr) -> set[str]:
        """Return the fields of a class of tuples that need not be given."""
        made = self._names.classes.get(node.id) if isinstance(node, ast.Name) else None
        parts = [part for part in made.body if isinstance(part, ast.AnnAssign)] if made else []
        return {ast.unparse(part.target) for part in parts if part.value}

    def _fields(self, node: ast.expr) -> list[str] | None:
        """Return the fields of what makes a tuple with names; None where that is not plain to see."""
        made = self._names.assigned(node)
        if isinstance(node, ast.Name) and node.id in self._names.classes:
            body = self._names.classes[node.id]
            if not any(self._names.full_name(base).endswith("NamedTuple") for base in body.bases):
                return None
            parts = [part for part in body.body if isinstance(part, ast.AnnAssign)]
            return [part.target.id for part in parts if isinstance(part.target, ast.Name)]
        call = made if isinstance(made, ast.Call) else node if isinstance(node, ast.Call) else None
        if not call or len(call.args) != 2:
            return None
        try:
            listed = self._names.value(call.args[1])
        except UnknownValueError:
            pairs = getattr(call.args[1], "elts", [])
            listed = [self._first(pair) for pair in pairs]
        if isinstance(listed, str):
            return listed.replace(",", " ").split()
        fits = isinstance(listed, (list, tuple)) and all(isinstance(name, str) for name in listed)
        return list(listed) if fits and listed else None

    def _first(self, pair: ast.expr) -> Any:
        elts = getattr(pair, "elts", [])
        return elts[0].value if elts and isinstance(elts[0], ast.Constant) else None

    def _check_value(self, node: ast.expr, port: Port) -> Iterator[Finding]:
        """Find a literal of another type than the output's."""
        if port.is_artifact:
            return
        try:
            value = "text" if isinstance(node, ast.JoinedStr) else Bindings([]).value(node)
        except UnknownValueError:
            return
        if isinstance(value, tuple):
            value = list(value)
        if problem := next(values.problems((port.name,), value, port.type), None):
            yield said(self._signature.path, node.lineno, f"the output {problem.text}")

    def _found(self, line: int, what: str, cure: str) -> Finding:
        return Finding(self._signature.path, line, what, cure)


def _returns(body: Sequence[ast.AST]) -> Iterator[ast.Return]:
    """Return the ``return`` statements of a function itself."""
    return (node for node in _own(body) if isinstance(node, ast.Return))


def _own(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Return all in a function but what is within functions and classes of its own."""
    for node in body:
        if not isinstance(node, _OWN):
            yield node
            yield from _own(list(ast.iter_child_nodes(node)))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _names(ports: Sequence[Port]) -> str:
    return _listed([port.name for port in ports])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(shown, names))
