"""What verbs are given by the project: the compiled pipeline, and an environment's settings."""

import os
from pathlib import Path

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import compiled_file, environments, settings
from kfp_workbench.project.settings import PACKAGE, ROOT, Settings


def package() -> Path:
    """Return the compiled pipeline; raises WorkbenchError (2) when no server would take it."""
    path = ROOT / PACKAGE
    if not path.exists():
        raise WorkbenchError(f"{PACKAGE} is not there: make compile", 2)
    compiled_file.check(path)
    return path


def settings_of(env: str) -> Settings:
    """Return the settings of an environment."""
    return settings.load(overrides=environments.read_settings(params_file(env)))


def params_file(env: str) -> Path:
    """Return an environment's file; raises WorkbenchError (2) for what is no name of one."""
    if problem := environments.name_problem(env):
        raise WorkbenchError(f"ENV={env!r}: {problem}", 2)
    return ROOT / "params" / f"{env}.yaml"


def switch(name: str) -> bool:
    """Tell whether a variable switches something on: 1, not 0 or nothing.

    Raises WorkbenchError (2) for other words.
    """
    text = os.environ.get(name, "")
    if text not in ("", "0", "1"):
        raise WorkbenchError(f"{name}={text!r}: write {name}=1, or leave it away", 2)
    return text == "1"
