"""`make compile`: files that are embedded in components, notebooks among them."""

import base64
import io
import json
import os
import re
import tarfile
import time
from pathlib import Path

import pytest
import yaml

from shared.baking import make

EMBEDDING = """
from kfp import dsl


@dsl.component(embedded_artifact_path={path!r}, base_image="python:3.12-slim")
def tell(files: dsl.EmbeddedInput[dsl.Dataset]) -> str:
    import pathlib
    path = pathlib.Path(files.path)
    return (path / "a.txt" if path.is_dir() else path).read_text()


@dsl.pipeline
def pipeline() -> str:
    return tell().output
"""
NOTEBOOK = """
from kfp import dsl


@dsl.notebook_component(notebook_path="assets/look.ipynb", base_image="python:3.12-slim")
def look(word: str):
    dsl.run_notebook(word=word)


@dsl.pipeline
def pipeline():
    look(word="x")
"""
CELL: dict[str, object] = {
    "cell_type": "code",
    "execution_count": None,
    "metadata": {"tags": ["parameters"]},
    "outputs": [],
    "source": "word = ''",
}
BOOK = {"cells": [CELL], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (EMBEDDING.format(path="assets/a.txt"), {"a.txt": 0o644}),
        (
            EMBEDDING.format(path="assets"),
            {".": 0o755, "a.txt": 0o644, "look.ipynb": 0o644, "more": 0o755, "more/run.sh": 0o755},
        ),
        (NOTEBOOK, {"look.ipynb": 0o644}),
    ],
    ids=["file", "folder", "notebook"],
)
def test_what_is_embedded_has_the_same_bytes_each_time(
    project: Path, source: str, names: dict[str, int]
) -> None:
    """A second later, with other times, by another user, and with what tools left behind."""
    assets = project / "assets"
    (assets / "more").mkdir(parents=True)
    (assets / "a.txt").write_text("text")
    (assets / "look.ipynb").write_text(json.dumps(BOOK))
    (assets / "more" / "run.sh").write_text("true")
    (assets / "more" / "run.sh").chmod(0o755)
    (project / "pipeline.py").write_text(source)
    first = compiled(project)
    time.sleep(1.1)
    for path in assets.rglob("*"):
        os.utime(path)
    (assets / "a.txt").chmod(0o600)
    (assets / "__pycache__").mkdir()
    (assets / "__pycache__" / "a.pyc").touch()
    (assets / ".ipynb_checkpoints").mkdir()
    assert compiled(project) == first
    members = {name.removeprefix("./"): mode for name, mode in archived(first).items()}
    assert members == names


def test_what_is_embedded_arrives(project: Path) -> None:
    (project / "assets").mkdir()
    (project / "assets" / "a.txt").write_text("text")
    (project / "params" / "dev.yaml").write_text("{}")
    (project / "pipeline.py").write_text(EMBEDDING.format(path="assets"))
    result = make(project, "local", "RUNNER=process")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"Output": "text"}


def compiled(project: Path) -> bytes:
    """Return what a project compiles to."""
    result = make(project, "compile")
    assert result.returncode == 0, result.stderr
    return (project / "build" / "pipeline.yaml").read_bytes()


def archived(package: bytes) -> dict[str, int]:
    """Return the files in a component's archive, with their modes."""
    spec = next(yaml.safe_load_all(package))
    ((_, executor),) = spec["deploymentSpec"]["executors"].items()
    code = executor["container"]["command"][-1]
    (text,) = re.findall(r"ARCHIVE_B64 = ['\"]([^'\"]+)", code)
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(text))) as archive:
        return {member.name: member.mode for member in archive}
