"""Writes the parts of a new step's ``main.py`` and of its test, which templates put together.

What the step makes is empty at first, or zero, so that it runs at once.
"""

from collections.abc import Iterator, Mapping, Sequence

from kfp_workbench.project.signatures import RESULT
from kfp_workbench.scaffold import layout, sources
from kfp_workbench.scaffold.ports import REQUIRED, Port, Ports

_RESULTS = "Outputs"  # the class of several results, or of one with a name
ZEROS: Mapping[str, object] = {
    "str": "", "int": 0, "float": 0.0, "bool": False, "list": [], "dict": {}
}  # fmt: skip
_FIGURES = {
    "Metrics": '{}.log_metric("value", 0)',
    "ClassificationMetrics": '{}.log_confusion_matrix(["no", "yes"], [[0, 0], [0, 0]])',
    "SlicedClassificationMetrics": (
        '{}.load_confusion_matrix("all", ["no", "yes"], [[0, 0], [0, 0]])'
    ),
}
_FILE = 'Path({}.path).write_text("", encoding="utf-8")'


def script(step: str, ports: Ports) -> dict[str, str]:
    """Return what the template of a ``main.py`` may use of the step's inputs and outputs.

    ``imports``: lines; ``results``: the class of what it returns, if it needs one; ``signature``:
    the line or lines from ``def``; ``body``: the lines below its docstring, indented but for the first.
    """
    returned = [port for port in ports.outputs if not port.is_artifact]
    is_plain = [port.name for port in returned] == [RESULT]
    result = _annotation(returned[0]) if is_plain else _RESULTS if returned else "None"
    body = [*map(_made, filter(lambda port: port.is_artifact, ports.outputs))]
    if is_plain:
        body.append(f"return {_handed_on(ports, returned[0])}")
    elif returned:
        parts = [f"{port.name}={_zero(port)}" for port in returned]
        body.append(layout.call(f"return {_RESULTS}(", parts, indent=4).strip())
    return {
        "imports": _imports(ports, needs_class=bool(returned) and not is_plain),
        "results": "" if is_plain or not returned else _class(returned),
        "signature": layout.call(f"def {step}(", list(_parameters(ports)), f") -> {result}:"),
        "body": "\n    ".join(body or ["pass"]),
    }


def test(step: str, ports: Ports) -> dict[str, str]:
    """Return what the template of a step's test may use.

    ``files``: lines that make what its artifacts are read from; ``run``: the call that runs it;
    ``checks``: lines about what comes of it. All are indented but the first of ``run`` and ``checks``.
    """
    files = [f'(tmp_path / "{port.name}").touch()' for port in ports.inputs if port.is_artifact]
    given = [f"{port.name}={_example(port)}" for port in ports.inputs if port.default is REQUIRED]
    checks = [f"assert {_check(port)}" for port in ports.outputs]
    return {
        "files": "".join(f"    {line}\n" for line in files),
        "run": layout.call("done = run_step(", [f'"{step}"', *given], indent=4).strip(),
        "checks": "\n    ".join(checks or ["assert done.status == 0, done.stderr"]),
    }


def _parameters(ports: Ports) -> Iterator[str]:
    """Yield the function's parameters, in an order that Python takes: those with defaults last."""
    for port in ports.inputs:
        if port.default is REQUIRED:
            yield f"{port.name}: {_annotation(port)}"
    for port in ports.outputs:
        if port.is_artifact:
            yield f"{port.name}: Output[{port.kind}]"
    for port in ports.inputs:
        if port.default is not REQUIRED:
            kind = _annotation(port)
            # As KFP's own components have it, which know no "| None".
            kind = f"Optional[{kind}]" if port.default is None else kind
            yield f"{port.name}: {kind} = {layout.literal(port.default)}"


def _annotation(port: Port) -> str:
    if not port.is_artifact:
        return port.kind
    return f"Input[{port.kind.replace('List', 'list')}]"


def _imports(ports: Ports, *, needs_class: bool) -> str:
    every = [*ports.inputs, *ports.outputs]
    classes = {port.artifact for port in every if port.is_artifact}
    classes |= {"Input" for port in ports.inputs if port.is_artifact}
    classes |= {"Output" for port in ports.outputs if port.is_artifact}
    # As ruff sorts them: constants, which HTML looks like, classes, functions.
    ours = [*sorted(classes, key=lambda name: (not name.isupper(), name)), "step"]
    lines = ["from pathlib import Path"] if any(map(_is_file, ports.outputs)) else []
    typing = ["NamedTuple"] if needs_class else []
    typing += ["Optional"] if any(port.default is None for port in ports.inputs) else []
    lines += [f"from typing import {', '.join(typing)}"] if typing else []
    lines += [""] if lines else []
    return "\n".join([*lines, _from("common.step", ours)])


def _from(module: str, names: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= layout.WIDTH:
        return line
    return layout.call(f"from {module} import (", names, split=True)


def _class(returned: Sequence[Port]) -> str:
    fields = "".join(f"    {port.name}: {_annotation(port)}\n" for port in returned)
    return f'class {_RESULTS}(NamedTuple):\n    """What the step returns."""\n\n{fields}\n\n'


def _made(port: Port) -> str:
    return _FIGURES.get(port.kind, _FILE).format(port.name)


def _is_file(port: Port) -> bool:
    return port.is_artifact and port.kind not in _FIGURES


def _handed_on(ports: Ports, returned: Port) -> str:
    """Return what a step returns of its one result: the input that it hands on, or a zero."""
    fitting = [port.name for port in ports.inputs if sources.hands_on(ports, port)]
    return fitting[0] if fitting else _zero(returned)


def _check(port: Port) -> str:
    """Return what holds of an output in the beginning."""
    output = f'done.outputs["{port.name}"]'
    if port.is_artifact:
        return f"{output}.path.exists()" if _is_file(port) else f"{output}.metadata"
    return f"{output} {'is' if port.kind == 'bool' else '=='} {_zero(port)}"


def _zero(port: Port) -> str:
    return layout.literal(ZEROS[port.kind])


def _example(port: Port) -> str:
    path = f'tmp_path / "{port.name}"'
    if port.is_list:
        return f"[{path}]"
    return path if port.is_artifact else _zero(port)
