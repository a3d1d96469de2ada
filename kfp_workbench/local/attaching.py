"""Where a task stops that somebody debugs: which function that is, and how its Python is told."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from kfp_workbench.local import attached, lightweight
from kfp_workbench.local.artifacts import WITHIN, path_of
from kfp_workbench.local.artifacts import given as as_seen
from kfp_workbench.local.attached.sitecustomize import VARIABLE
from kfp_workbench.local.inputs import Inputs
from kfp_workbench.local.places import Place
from kfp_workbench.project import signatures
from kfp_workbench.project.sources import Sources, UnreadableError
from kfp_workbench.project.steps import Step

_FUNCTION = "--function_to_execute"  # of kfp's executor
_MODULE = "ephemeral_component.py"  # what kfp calls a lightweight component's file
_SCRIPT = "<module>"  # what Python calls the code of a file


class Stop(NamedTuple):
    """A function of a Python file."""

    file: str  # its name, without folders
    function: str
    has_inputs: bool  # its arguments are the task's
    source: str = ""  # the project's own file


def place_of(command: Sequence[str], step: Step | None, root: Path) -> Stop | None:
    """Return where a command line is to stop; None for what is no Python.

    That is the function of a lightweight component or of a typed step, else ``main`` of a script,
    else its first line.
    """
    if lightweight.read(command) and _FUNCTION in command[:-1]:
        return Stop(_MODULE, command[list(command).index(_FUNCTION) + 1], True)
    scripts = [PurePosixPath(word).name for word in command if word.endswith(".py")]
    if not scripts:
        return None
    return _in_script(scripts[0], step.folder / scripts[0] if step else None, root)


def _in_script(name: str, path: Path | None, root: Path) -> Stop:
    if path is None or not path.is_file():
        return Stop(name, _SCRIPT, False)
    sources, source = Sources(root), str(path)
    try:
        signature, _ = signatures.examine(path, sources)
        functions = sources.module(path).functions
    except UnreadableError:  # which Python says better
        return Stop(name, _SCRIPT, False, source)
    if signature:
        return Stop(name, signature.name, True, source)
    return Stop(name, "main" if "main" in functions else _SCRIPT, False, source)


def variables(stop: Stop, inputs: str, *, shell: bool) -> dict[str, str]:
    """Return what tells a task's Python where to stop; ``inputs`` is a file that it can read."""
    said = {"file": stop.file, "source": stop.source, "function": stop.function}
    return {VARIABLE: json.dumps({**said, "shell": shell, "inputs": inputs})}


def write_inputs(inputs: Inputs, path: str, place: Place) -> None:
    """Write a task's inputs for a prompt, where its function has none, with the paths it sees."""
    artifacts = {
        name: [
            {
                "name": name,
                "path": place.seen(path_of(as_seen(item))),
                "uri": place.seen_address(item.uri),
                "metadata": {k: v for k, v in item.metadata.items() if k not in WITHIN},
            }
            for item in several
        ]
        for name, several in inputs.artifacts.items()
    }
    file = place.host(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"parameters": inputs.parameters, "artifacts": artifacts}
    file.write_text(json.dumps(found), encoding="utf-8")


def copy_modules(folder: Path) -> Path:
    """Copy the modules that a task's Python is to find first to a folder of its own.

    An engine may have no access to where this package is.
    """
    folder.mkdir()
    for name in ("sitecustomize.py",):
        shutil.copyfile(Path(attached.__file__).with_name(name), folder / name)
    return folder
