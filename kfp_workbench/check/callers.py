"""Checks the calls of typed steps' functions, as the project's tests have them."""

import ast
from collections.abc import Iterator, Mapping

from kfp_workbench.project.bindings import Bindings
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown
from kfp_workbench.project.signatures import Signature
from kfp_workbench.project.sources import Sources, UnreadableError


def check_callers(signatures: Mapping[str, Signature], sources: Sources) -> Iterator[Finding]:
    """Find calls in ``tests/`` that hand to a step's function what it does not take."""
    functions = {f"steps.{step}.main.{found.name}": found for step, found in signatures.items()}
    for path in sorted((sources.root / "tests").glob("**/*.py")):
        try:
            module = sources.module(path)
        except UnreadableError:
            continue  # pytest tells
        names = Bindings(module.body)
        for call in module.calls:
            if signature := functions.get(names.full_name(call.func)):
                for what, cure in _problems(call, signature):
                    yield Finding(sources.name(path), call.lineno, what, cure)


def _problems(call: ast.Call, signature: Signature) -> Iterator[tuple[str, str]]:
    ports = [port for port in (*signature.inputs, *signature.outputs) if not port.is_returned]
    known = {port.name: port for port in ports}
    given = {word.arg for word in call.keywords}
    for name in given - known.keys() - {None}:
        yield (
            f"{signature.name} takes no {shown(name)}",
            f"it takes {', '.join(known) or 'nothing'}",
        )
    if len(call.args) > len(ports):
        what = f"{signature.name} is given {len(call.args)} values"
        yield what, f"it takes {', '.join(known) or 'nothing'}"
    if call.args or None in given or given - known.keys():
        return
    missing = [name for name, port in known.items() if name not in given and not port.optional]
    if missing:
        what = f"{signature.name} is not given {', '.join(map(shown, missing))}"
        yield what, "give it, or give it a default in main.py"
