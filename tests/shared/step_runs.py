"""Runs typed steps as KFP does: on an executor input, for an executor output."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest


def executor_input(
    folder: Path,
    outputs: Mapping[str, str] = {},
    values: Mapping[str, Any] = {},
    artifacts: Mapping[str, Any] = {},
) -> dict[str, Any]:
    """Return what KFP gives a step whose outputs go to ``folder``.

    ``outputs`` have their types, or "" where they are parameters; ``artifacts`` are lists of items.
    KFP adds an output of its own.
    """
    files: dict[str, Any] = {"executor-logs": [{"uri": str(folder / "executor-logs")}]}
    for name, kind in outputs.items():
        if kind:
            schema = {"schemaTitle": f"system.{kind}", "schemaVersion": "0.0.1"}
            files[name] = [{"name": name, "uri": str(folder / name), "type": schema}]
    return {
        "inputs": {
            "parameterValues": {**values},
            "artifacts": {name: {"artifacts": items} for name, items in artifacts.items()},
        },
        "outputs": {
            "parameters": {
                name: {"outputFile": str(folder / name)}
                for name, kind in outputs.items()
                if not kind
            },
            "artifacts": {name: {"artifacts": items} for name, items in files.items()},
            "outputFile": str(folder / "deep" / "executor_output.json"),
        },
    }


def status(step: Any, argv: Mapping[str, Any] | list[str]) -> Any:
    """Return the exit status of a step that runs on an executor input, or on other arguments."""
    words = argv if isinstance(argv, list) else ["--executor-input", json.dumps(argv)]
    with pytest.raises(SystemExit) as ended:
        step.main(words)
    return ended.value.code


def told(folder: Path) -> Any:
    """Return the executor output, with an artifact's only item for a list of it."""
    found = json.loads((folder / "deep" / "executor_output.json").read_text(encoding="utf-8"))
    items = {name: several["artifacts"] for name, several in found["artifacts"].items()}
    return {**found["parameterValues"], **{name: item for name, (item,) in items.items()}}


def files(folder: Path) -> list[str]:
    """Return the files below a folder, and the folders that have none."""
    paths = [path for path in folder.rglob("*") if not (path.is_dir() and any(path.iterdir()))]
    return sorted(path.relative_to(folder).as_posix() for path in paths)
