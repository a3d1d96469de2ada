"""Wires a step of a project into its pipeline: ``pipeline.py``, ``params/``, and data to begin with."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.documents import DocumentError
from kfp_workbench.project.strict_yaml import parse
from kfp_workbench.scaffold import interfaces, layout, wiring, writing
from kfp_workbench.scaffold.adding import title
from kfp_workbench.scaffold.modules import PipelineModule, UnfitError
from kfp_workbench.scaffold.ports import REQUIRED, Port, Ports

_SUFFIXES = {"Dataset": ".csv", "HTML": ".html", "Markdown": ".md"}


class Joined(NamedTuple):
    """What became of a step's wiring."""

    said: list[str]  # a line for each file, which it begins with
    before: dict[Path, str | None]  # what the files held that were changed; None for new ones

    def undo(self) -> None:
        """Put all files back."""
        for path, text in self.before.items():
            if text is None:
                path.unlink()
            else:
                files.write(path, text)


def join(root: Path, step: str) -> Joined:
    """Add a task of the step to the end of ``pipeline.py``, or say what to add by hand."""
    path, steps = root / "pipeline.py", interfaces.of_steps(root)
    text = files.read(path) if path.exists() else ""
    try:
        if step in PipelineModule(text).loads:
            return Joined(["pipeline.py: runs it already"], {})
        if step not in steps:
            raise UnfitError("component.yaml says not what it takes")
        wired = wiring.wire(text, step, steps, title(step))
    except UnfitError as error:
        return Joined([by_hand(step, steps, str(error))], {})
    joined = Joined([], {})
    try:
        _write(root, joined, wired, path, text)
    except (WorkbenchError, OSError) as error:
        joined.undo()
        reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        return Joined([by_hand(step, steps, reason)], {})
    call = layout.call(f"{step}(", [f"{name}={text}" for name, text in wired.arguments.items()])
    result = f"; its result is {wired.task}.output" if len(steps[step].outputs) == 1 else ""
    added = f"pipeline.py: added at its end: {' '.join(call.split())}{result}"
    return joined._replace(said=[added, *joined.said])


def _write(root: Path, joined: Joined, wired: wiring.Wired, path: Path, text: str) -> None:
    """Write the pipeline, and what its new parameters need; note it in ``joined``."""
    files.write(path, wired.text)
    joined.before[path] = text
    values = dict(_values(wired.parameters))
    for name, port in wired.parameters.items():
        if port.is_artifact and not (data := root / values[name]).exists():
            data.parent.mkdir(exist_ok=True)
            data.touch()
            joined.before[data] = None
            joined.said.append(f"{values[name]}: made, and empty: put your data there")
    if values:
        for params in sorted((root / "params").glob("*.yaml")):
            joined.said.append(_give(params, values, joined.before))


def name_problem(root: Path, step: str) -> str | None:
    """Return why ``pipeline.py`` could not call a new step by its name, or None."""
    path = root / "pipeline.py"
    try:
        module = PipelineModule(files.read(path) if path.exists() else "")
    except UnfitError:
        return None
    if step not in module.local_names:
        return None
    return f"{step!r} is a parameter or a task in pipeline.py: choose another name"


def by_hand(step: str, steps: Mapping[str, Ports], reason: str) -> str:
    """Return the lines to add to a ``pipeline.py`` that they cannot be added to, and why."""
    given = (
        [port for port in steps[step].inputs if port.default is REQUIRED] if step in steps else []
    )
    call = layout.call(f"{step}_task = {step}(", [f"{port.name}=..." for port in given])
    lines = "\n".join(f"    {line}" for line in (wiring.load_line(step), call))
    return f"pipeline.py: not changed ({reason}); add these lines:\n{lines}"


def _values(parameters: Mapping[str, Port]) -> Iterator[tuple[str, Any]]:
    """Yield the values that new parameters of the pipeline have in ``params/``, by name."""
    for name, port in parameters.items():
        if port.is_artifact:
            yield name, f"data/{name}{_SUFFIXES.get(port.kind, '')}"
        elif not port.in_code:
            yield name, writing.ZEROS[port.kind] if port.default is REQUIRED else port.default


def _give(path: Path, values: Mapping[str, Any], before: dict[Path, str | None]) -> str:
    """Add parameters to a file of ``params/``, if it is written as lines; return what to say."""
    name = f"params/{path.name}"
    lines = [f"{_key(key)}: {json.dumps(value)}" for key, value in values.items()]
    try:
        text = files.read(path)
        longer = "\n".join([*text.splitlines(), *lines, ""])
        if parse(longer).value != {**(parse(text).value or {}), **values}:
            raise ValueError
    except (OSError, ValueError, TypeError, DocumentError):
        return f"{name}: not changed; add these lines: {', '.join(lines)}"
    files.write(path, longer)
    before[path] = text
    return f"{name}: added {', '.join(lines)}"


def _key(name: str) -> str:
    """Return a name as a key of YAML, which takes ``on`` and ``no`` for true and false."""
    return name if parse(name).value == name else json.dumps(name)
