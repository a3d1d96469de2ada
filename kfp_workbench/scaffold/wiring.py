"""Adds a task of a new step to the end of ``pipeline.py``."""

import ast
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kfp_workbench.scaffold import layout, sources
from kfp_workbench.scaffold.modules import PipelineModule, UnfitError
from kfp_workbench.scaffold.ports import Port, Ports
from kfp_workbench.scaffold.sources import Choice


class Wired(NamedTuple):
    """A pipeline with one step more."""

    text: str  # of pipeline.py
    task: str  # what the new task is called in it
    arguments: Mapping[str, str]  # of the new task
    parameters: Mapping[str, Port]  # new ones of the pipeline, each with its input


class _Edits:
    """Changes of a text by its lines, from 1."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = list(lines)
        self._changes: list[tuple[int, int, list[str]]] = []

    def insert(self, after: int, text: str) -> None:
        self.replace(after + 1, after, text)

    def replace(self, first: int, last: int, text: str) -> None:
        self._changes.append((first - 1, last, text.split("\n")))

    def text(self) -> str:
        for first, last, new in sorted(self._changes, reverse=True):
            self._lines[first:last] = new
        return "".join(f"{line}\n" for line in self._lines)


class _Names:
    """Names that a module has, and new ones."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken

    def new(self, *names: str) -> str:
        """Return the first name that is free, or else the last with underscores after it."""
        name = next((name for name in names if name not in self._taken), names[-1])
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


def wire(text: str, step: str, steps: Mapping[str, Ports], title: str) -> Wired:
    """Return a ``pipeline.py`` with a task of the step; ``steps`` has all that there are, by name.

    Raises UnfitError for a module of another kind, and where nothing makes what the step takes.
    """
    module = PipelineModule(text)
    if step in module.names:
        raise UnfitError(f"{step} is a name that it has already")
    chosen = sources.choose(steps[step], list(module.made(steps)), steps, module.parameters)
    names = _Names({*module.names, *steps})
    task = names.new(f"{step}_task")
    parameters, arguments, lines = _new_parameters(step, chosen, names)
    ordered = [port.name for port in steps[step].inputs if port.name in arguments]
    parts = [f"{name}={arguments[name]}" for name in ordered]
    lines.append(layout.call(f"{task} = {step}(", parts, indent=4))
    lines.append(f'    {task}.set_display_name("{title}")')
    edits = _Edits(module.lines)
    _add_load(edits, module, step)
    _add_stage(edits, module, step)
    _add_parameters(edits, module, parameters)
    _add_task(edits, module, lines, chosen.replaced, task)
    return Wired(edits.text(), task, {name: arguments[name] for name in ordered}, parameters)


def load_line(step: str, *, from_steps: bool = True) -> str:
    """Return the line that loads a step: from ``STEPS``, a name of the module, or by a path."""
    path = f'str(STEPS / "{step}" / "component.yaml")'
    if not from_steps:
        path = f'"steps/{step}/component.yaml"'
    return layout.call(f"{step} = load_component_from_file(", [path])


def _new_parameters(
    step: str, chosen: Choice, names: _Names
) -> tuple[dict[str, Port], dict[str, str], list[str]]:
    """Return new parameters of the pipeline, all arguments of the task, and lines before it."""
    parameters: dict[str, Port] = {}
    arguments, lines = dict(chosen.arguments), []
    for port in chosen.missing:
        if port.is_list:
            raise UnfitError(f"nothing in it makes {port.kind}, which {port.name} takes")
        lower = port.name.lower()
        own = [lower] if lower != "l" else []  # which ruff takes for a 1
        name = names.new(*own, f"{step}_{lower}")
        parameters[name], arguments[port.name] = port, name
        if port.is_artifact:
            imported = names.new(f"{name}_imported")
            parts = [f"artifact_uri={name}", f"artifact_class=dsl.{port.kind}"]
            lines.append(layout.call(f"{imported} = dsl.importer(", parts, indent=4))
            arguments[port.name] = f"{imported}.output"
    return parameters, arguments, lines


def _add_load(edits: _Edits, module: PipelineModule, step: str) -> None:
    last = list(module.loads.values())[-1]
    edits.insert(
        last.end_lineno or last.lineno, load_line(step, from_steps="STEPS" in module.names)
    )


def _add_stage(edits: _Edits, module: PipelineModule, step: str) -> None:
    if last := module.last_stage:
        number = int(module.lines[last - 1].partition(".")[0]) + 1
        edits.insert(last, f"{number}. {step}")


def _add_task(
    edits: _Edits, module: PipelineModule, lines: Sequence[str], replaced: str | None, task: str
) -> None:
    """Add the task before the pipeline's result, which it becomes if it hands on what that is."""
    *before, last = module.function.body
    if not isinstance(last, ast.Return):
        before = [*before, last]
    elif last.value is not None and ast.unparse(last.value) == replaced:
        edits.replace(last.lineno, last.end_lineno or last.lineno, f"    return {task}.output")
    if not before:
        edits.insert(last.lineno - 1, "\n".join(lines))
        return
    is_block = hasattr(before[-1], "body")
    edits.insert(before[-1].end_lineno or 0, "\n".join(["", *lines] if is_block else lines))


def _add_parameters(edits: _Edits, module: PipelineModule, parameters: Mapping[str, Port]) -> None:
    """Write the function's header anew, with more parameters; those with a default come last."""
    if not parameters:
        return
    function, arguments = module.function, module.function.args
    first, last = function.lineno, function.body[0].lineno - 1
    header = "\n".join(module.lines[first - 1 : last])
    if arguments.vararg or arguments.posonlyargs or arguments.kwonlyargs or "#" in header:
        raise UnfitError("the header of its function is not written as make writes one")
    plain = len(arguments.args) - len(arguments.defaults)
    there = [module.source(item) for item in arguments.args]
    for number, default in enumerate(arguments.defaults, start=plain):
        there[number] += f" = {module.source(default)}"
    added = {name: _annotated(name, port) for name, port in parameters.items()}
    with_default = [text for text in added.values() if " = " in text]
    without = [text for text in added.values() if " = " not in text]
    parts = [*there[:plain], *without, *there[plain:], *with_default]
    returns = f" -> {module.source(function.returns)}" if function.returns else ""
    split = re.search(r",\s*\)", header) is not None
    text = layout.call(f"def {function.name}(", parts, f"){returns}:", split=split)
    edits.replace(first, last, text)


def _annotated(name: str, port: Port) -> str:
    kind = "str" if port.is_artifact else port.kind
    return f"{name}: {kind}" + (f" = {layout.literal(port.default)}" if port.in_code else "")
