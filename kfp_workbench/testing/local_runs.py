"""What tests take of local runs: a step's environment, runs of the pipeline, the engine."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.images import layout
from kfp_workbench.project import settings
from kfp_workbench.project.settings import Settings
from kfp_workbench.project.steps import Step

if TYPE_CHECKING:
    from kfp_workbench.local.image import Image


def environment(step: Step, root: Path) -> dict[str, str]:
    """Return the variables that a step's process gets, with its own environment's ``bin`` first."""
    from kfp_workbench.local import interpreters, venvs

    return interpreters.environment(venvs.python_folder(step, root), str(root), {})


@contextmanager
def image(step: Step, root: Path) -> Iterator[tuple["Image", Path, Path]]:
    """Lay out what a step's image holds; yield it, where that is, and the folder for commands."""
    from kfp_workbench.local.image import Image

    found = Image.of(layout.read(step, root, settings.load(root, environ={}).build_args))
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        place = Path(folder).resolve()
        with found.laid_out(place) as cwd:
            yield found, place, cwd


def run_pipeline(
    package: Path, parameters: Mapping[str, Any], settings: Settings, runner: str, root: Path
) -> dict[str, Any]:
    """Run a compiled pipeline and return its outputs; those that are artifacts as a `Path`."""
    from kfp_workbench.local import record, running

    outputs = running.prepare(package, parameters, settings, runner, root).run()
    runs = str(root / record.RUNS) + os.sep
    return {
        name: Path(value) if isinstance(value, str) and value.startswith(runs) else value
        for name, value in outputs.items()
    }


def why_no_engine(settings: Settings) -> str | None:
    """Return why no container engine can be used; None if one answers."""
    from kfp_workbench.local import engines

    try:
        engines.connect(settings.docker)
    except WorkbenchError as error:
        return str(error)
    return None
