"""The pipeline compiles, uses every step, and gives one result on every runner."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.images.pushed import compiled_images
from kfp_workbench.local import engines, running
from kfp_workbench.pipeline import compiling
from kfp_workbench.project import params
from kfp_workbench.project.settings import ROOT, Settings


def run(package: Path, project: Settings, runner: str) -> dict[str, Any]:
    """Run the compiled pipeline with params/dev.yaml."""
    parameters = params.read_parameters(package, ROOT / "params" / "dev.yaml", [])
    return running.run_pipeline(package, parameters, project, runner)


def values(outputs: dict[str, Any]) -> dict[str, Any]:
    """Return the outputs without the artifacts: each run has a folder of its own for them."""
    artifacts = str(ROOT / "build" / "local")
    return {name: v for name, v in outputs.items() if not str(v).startswith(artifacts)}


def engine_answers(project: Settings) -> bool:
    """Tell whether there is a container engine."""
    try:
        engines.connect(project.docker)
    except WorkbenchError:
        return False
    return True


def test_compiling_twice_gives_the_same_bytes(package: Path, project: Settings) -> None:
    """What was reviewed is what is submitted."""
    first = package.read_bytes()
    assert compiling.compile_pipeline(project).read_bytes() == first


def test_every_step_is_in_the_pipeline(images: list[str], project: Settings) -> None:
    """A folder that no one runs is a mistake: add it to pipeline.py or remove it."""
    assert set(compiled_images(project).values()) <= set(images)


def test_every_image_is_tagged(images: list[str]) -> None:
    """An image without a tag would make an engine fetch all there are."""
    for image in images:
        _, _, name = image.rpartition("/")
        assert ":" in name or "@" in name, image
        assert not name.endswith(":latest"), image


def test_make_local_prints_the_result_and_nothing_else() -> None:
    """stdout is one JSON object, as `make -s local | jq` needs it."""
    result = subprocess.run(
        [sys.executable, "-m", "kfp_workbench", "local", "--runner", "process"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert isinstance(json.loads(result.stdout), dict)


def test_images_give_what_processes_give(package: Path, project: Settings) -> None:
    """The same compiled file, in containers."""
    if not engine_answers(project):
        pytest.skip("no container engine answers")
    docker, process = (run(package, project, runner) for runner in ("docker", "process"))
    assert values(docker) == values(process)
