"""A launch file of VS Code, ``.vscode/launch.json``, with which its debugger runs a step's script.

The format is https://code.visualstudio.com/docs/python/debugging; the step runs in the project's own
folder, so that breakpoints are where people set them.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.names import shown
from kfp_workbench.project.steps import Step

FILE = Path(".vscode") / "launch.json"
_FOLDER = "${workspaceFolder}"


def configuration(
    name: str, step: Step, words: Sequence[str], variables: Mapping[str, str]
) -> dict[str, Any]:
    """Return what runs a step by its command line.

    Raises WorkbenchError (2) for no Python script, and for what VS Code would not hand on as it is.
    """
    scripts = [
        place
        for place, word in enumerate(words)
        if word.endswith(".py") and (step.folder / Path(word).name).is_file()
    ]
    if not scripts:
        raise WorkbenchError(f"{step.name} runs no Python script of its own: make debug", 2)
    place = scripts[0]
    folder = f"{_FOLDER}/steps/{step.name}"
    return {
        "name": name,
        "type": "debugpy",
        "request": "launch",
        "python": f"{_FOLDER}/build/venvs/{step.name}/bin/python",
        "program": f"{folder}/{Path(words[place]).name}",
        "args": [_literal(word) for word in words[place + 1 :]],
        "cwd": folder,
        "env": {**{key: _literal(text) for key, text in variables.items()}, "PYTHONPATH": _FOLDER},
        "console": "integratedTerminal",
    }


def _literal(text: str) -> str:
    """Return a text in which VS Code finds no variable of its own: ``${command:...}`` runs commands.

    It knows no escape, and JSON does. Raises WorkbenchError (2) where the text is none.
    """
    if "${" not in text:
        return text
    try:
        json.loads(text)
    except ValueError:
        what = f"the step is given {shown(text)}, in which VS Code fills ${{...}} in"
        raise WorkbenchError(f"{what}: make debug PDB=1", 2) from None
    return text.replace("${", "\\u0024{")


def write(root: Path, found: Mapping[str, Any]) -> str:
    """Add a configuration to the launch file, in the place of one of its name; returns what it did.

    Raises WorkbenchError (2) for a file that is no plain JSON, and leaves it alone.
    """
    path = root / FILE
    text = path.read_text(encoding="utf-8") if path.exists() else '{"version": "0.2.0"}'
    try:
        launch = json.loads(text)
        kept = [item for item in launch.get("configurations", []) if item["name"] != found["name"]]
    except (ValueError, TypeError, AttributeError, KeyError):
        said = json.dumps(found)
        raise WorkbenchError(
            f"{FILE} is no plain JSON (it may have comments): add by hand: {said}", 2
        ) from None
    launch["configurations"] = [*kept, found]
    path.parent.mkdir(exist_ok=True)
    files.write(path, json.dumps(launch, indent=2) + "\n")
    beside = f", beside {len(kept)} of yours" if kept else ""
    return f"{FILE}: {found['name']}{beside}"
