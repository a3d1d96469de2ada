"""The project's steps, and the reference of each one's image."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from ops import names
from ops.errors import OpsError
from ops.settings import ROOT, Settings

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
IGNORED = frozenset({"__pycache__", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache"})


@dataclass(frozen=True)
class Step:
    """One folder below ``steps/``."""

    name: str  # snake_case
    folder: Path

    @property
    def image_name(self) -> str:
        """The last part of the image's name."""
        return self.name.replace("_", "-")


def find_steps(root: Path = ROOT) -> list[Step]:
    """Return the steps of a project, by name: the folders with a ``component.yaml``."""
    folders = sorted(path.parent for path in (root / "steps").glob("*/component.yaml"))
    return [Step(folder.name, folder) for folder in folders]


def get_step(name: str, root: Path = ROOT) -> Step:
    """Return the step called ``name``; raises OpsError (2) when there is none."""
    steps = {step.name: step for step in find_steps(root)}
    if name not in steps:
        known = ", ".join(steps) or "none"
        raise OpsError(f"{names.shown(name)} is no step of this project: it has {known}", 2)
    return steps[name]


def declared_image(step: Step) -> str:
    """Return the image that a step's ``component.yaml`` names; raises OpsError (2) if it cannot."""
    path = f"steps/{step.name}/component.yaml"
    try:
        text = (step.folder / "component.yaml").read_text(encoding="utf-8")
        image = yaml.load(text, LOADER)["implementation"]["container"]["image"]  # noqa: S506
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise OpsError(f"{path}: names no implementation.container.image ({reason})", 2) from None
    return str(image)


def image_name(step: Step, settings: Settings) -> str:
    """Return a step's image without a tag, in the project's registry."""
    return f"{settings.registry}/{step.image_name}"


def reference(step: Step, settings: Settings, root: Path = ROOT) -> str:
    """Return a step's image with the tag of its present content.

    Always a tag (without one, ``docker pull host:port/name`` fetches all there are),
    and another one as soon as the content changes: KFP's cache keys on this string.
    """
    return f"{image_name(step, settings)}:{content_tag(step, settings, root)}"


def content_tag(step: Step, settings: Settings, root: Path = ROOT) -> str:
    """Return 16 hex digits that stand for everything that goes into a step's image."""
    digest = hashlib.sha256(settings.platform.encode())
    for folder in (step.folder, root / "common"):
        for path in _files(folder):
            executable = b"x" if os.access(path, os.X_OK) else b"-"
            name = path.relative_to(root).as_posix().encode()
            content = hashlib.sha256(path.read_bytes()).digest()
            digest.update(b"\0".join((name, executable, content)))
    return digest.hexdigest()[:16]


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not IGNORED.intersection(parts) and path.suffix != ".pyc":
            yield path
