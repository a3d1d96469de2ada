"""A pipeline that takes parameters, and runs of it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import environments, params
from shared.baking import make

KINDS = {
    "context": "STRUCT",
    "text": "STRING",
    "count": "NUMBER_INTEGER",
    "ratio": "NUMBER_DOUBLE",
    "on": "BOOLEAN",
    "names": "LIST",
    "password": "STRING",
    "pin_code_secret": "NUMBER_INTEGER",
}
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}


class Folder:
    """A compiled pipeline, as far as parameters go, and its params/prod.yaml."""

    def __init__(self, path: Path) -> None:
        self.file = path / "params" / "prod.yaml"
        self.file.parent.mkdir()
        self.package = path / "pipeline.yaml"
        self.declare("context")

    def declare(self, *required: str) -> None:
        """Declare all parameters; those that are not required are optional."""
        declared = {
            name: {"parameterType": kind, **({} if name in required else {"isOptional": True})}
            for name, kind in KINDS.items()
        }
        spec = {"root": {"inputDefinitions": {"parameters": declared}}}
        self.package.write_text(json.dumps(spec), encoding="utf-8")

    def read(self, text: str, *assignments: str, **environ: str) -> dict[str, Any]:
        self.file.write_text(text, encoding="utf-8")
        return params.read_parameters(self.package, self.file, assignments, environ)

    def run(self, text: str, *assignments: str, **environ: str) -> environments.Environment:
        """Read what `make run` does."""
        self.file.write_text(text, encoding="utf-8")
        return environments.read(
            self.package, self.file, assignments, submitting=True, environ=environ
        )


def refused(
    capsys: pytest.CaptureFixture[str], read: Any, *arguments: str, **env: str
) -> list[str]:
    """Return the lines that a refusal prints, without the last one if there are several."""
    with pytest.raises(WorkbenchError) as caught:
        read(*arguments, **env)
    assert caught.value.status == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    if not lines:
        return [str(caught.value)]
    assert str(caught.value) == f"{len(lines)} problems, see above: nothing was started"
    return lines


def run(project: Path, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return make(project, "run", *arguments, env={"ALLOW_UNPINNED": "1", **env}, timeout=120)
