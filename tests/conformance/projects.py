"""Makes the small project that one case is run in: the files that `make local` reads."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from kfp_workbench.local.expansion import texts_replaced

IMAGE = "localhost:5000/golden/py"  # of all containers of all cases
BUCKET = "mlpipeline"  # of a default install; nothing that cases import is in it
SEE = "see.py"  # in its working directory
BASE_IMAGE = "python:3.12-slim"
_NAMED = re.compile(rf"{re.escape(IMAGE)}(?![\w./:@-])")
_STEP = {
    "name": "py",
    "implementation": {"container": {"image": IMAGE, "command": ["python", SEE]}},
}
_TOOL = {
    "name": "conformance",
    "display_name": "Conformance",
    "description": "One case.",
    "registry": IMAGE.rpartition("/")[0],
    "base_image": BASE_IMAGE,
    "kfp_host": "http://localhost:8080",
}


def make(folder: Path, see: Path, *, kfp: str = "") -> None:
    """Write a project with one step, whose image has ``see.py``.

    ``kfp`` is the version that the image has installed, for lightweight components.
    """
    step = folder / "steps" / "py"
    step.mkdir(parents=True)
    (folder / "common").mkdir()
    (folder / "params").mkdir()
    (folder / "build").mkdir()
    (folder / "objects" / "minio" / BUCKET).mkdir(parents=True)
    lines = [f"{key} = {json.dumps(value)}" for key, value in _TOOL.items()]
    _write(folder / "pyproject.toml", "\n".join(["[tool.pipeline]", *lines]))
    _write(folder / ".dockerignore", "*\n!steps\n!common")
    _write(step / SEE, see.read_text(encoding="utf-8"))
    _write(step / "component.yaml", yaml.safe_dump(_STEP))
    install = f"RUN pip install --no-cache-dir kfp=={kfp}\n" if kfp else ""
    _write(
        step / "Dockerfile",
        f"FROM {BASE_IMAGE}\n{install}WORKDIR /app\nCOPY steps/py/{SEE} ./\n"
        f'ENTRYPOINT ["python", "{SEE}"]',
    )


def give(folder: Path, parameters: dict[str, Any]) -> None:
    """Write a run's parameters where `make local` finds them."""
    text = yaml.safe_dump(_escaped(parameters), allow_unicode=True, width=10**6)
    _write(folder / "params" / "dev.yaml", text)


def name_images(package: Path, reference: str) -> None:
    """Put the step's image in the place of the cases' in a compiled pipeline, as compiling does."""
    _write(package, named(package.read_text(encoding="utf-8"), reference))


def named(value: Any, reference: str) -> Any:
    """Return a JSON value with the step's image in the place of the cases' in its texts."""
    return texts_replaced(value, lambda text: _NAMED.sub(reference, text))


def _escaped(value: Any) -> Any:
    """Return a value in which no ``${NAME}`` stands for a variable."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    return value


def _write(path: Path, text: str) -> None:
    path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
