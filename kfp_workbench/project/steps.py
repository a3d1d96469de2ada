"""The project's steps, and the reference of each one's image."""

import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench.digests import sha256
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import names, parsed
from kfp_workbench.project.component_forms import HEAD, as_plain
from kfp_workbench.project.settings import ROOT, Settings

# What tools and editors leave behind is no content.
IGNORED = frozenset(
    [
        ".DS_Store",
        ".idea",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".venv",
        ".vscode",
        "__pycache__",
    ]
)
IGNORED_FILES = re.compile(r".*\.(pyc|pyo|swp|swo|tmp|bak|orig)|.*~|\.#.*|#.*#")


class Step(NamedTuple):
    """One folder below ``steps/``."""

    name: str  # snake_case
    folder: Path

    @property
    def image_name(self) -> str:
        """The last part of the image's name."""
        return self.name.replace("_", "-")


class BrokenError(ValueError):
    """A compiled pipeline that is no YAML: why, and in which ``line``, or 0."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def find_steps(root: Path = ROOT) -> list[Step]:
    """Return the steps of a project, by name: the folders with a ``component.yaml``."""
    folders = sorted(path.parent for path in (root / "steps").glob("*/component.yaml"))
    return [Step(folder.name, folder) for folder in folders]


def get_step(name: str, root: Path = ROOT) -> Step:
    """Return the step called ``name``; raises WorkbenchError (2) when there is none."""
    steps = {step.name: step for step in find_steps(root)}
    if name not in steps:
        known = ", ".join(steps) or "none"
        raise WorkbenchError(f"{names.shown(name)} is no step of this project: it has {known}", 2)
    return steps[name]


def read_yaml(path: Path) -> Any:
    """Return the first document of a YAML file."""
    return next(_documents(path.read_text(encoding="utf-8")))


def read_documents(package: Path) -> list[Any]:
    """Return all documents of a compiled pipeline; the second is for its platform.

    Raises BrokenError for what is no YAML.
    """
    text = package.read_text(encoding="utf-8")
    found: list[Any] = parsed.value(package, text, _unbroken, "yaml")
    return found


def _unbroken(text: str) -> list[Any]:
    import yaml

    try:
        return list(_documents(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = " ".join(str(getattr(error, "problem", None) or error).split())
        raise BrokenError(mark.line + 1 if mark else 0, reason) from None


def _documents(text: str) -> Iterator[Any]:
    import yaml  # a third of the time of a verb that needs none

    yield from yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def declared_image(step: Step) -> str:
    """Return the image that a step's ``component.yaml`` names; raises WorkbenchError (2) if it cannot."""
    import yaml

    path = f"steps/{step.name}/component.yaml"
    try:
        component = as_plain(read_yaml(step.folder / "component.yaml"))
        image = component["implementation"]["container"]["image"]
    except (OSError, ValueError, KeyError, TypeError, StopIteration, yaml.YAMLError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise WorkbenchError(
            f"{path}: names no implementation.container.image ({reason})", 2
        ) from None
    return str(image)


def declared_images(root: Path = ROOT) -> dict[str, str]:
    """Return the images that the steps' ``component.yaml`` name, each with its step's name.

    Raises WorkbenchError (2) for one that names none, and for an image of two steps.
    """
    found: dict[str, str] = {}
    for step in find_steps(root):
        image = declared_image(step)
        if image in found:
            raise WorkbenchError(
                f"steps/{step.name}/component.yaml: {image} is another step's image too: make check",
                2,
            )
        found[image] = step.name
    return found


def used_images(package: Path) -> set[str]:
    """Return the images that a compiled pipeline names."""
    executors = read_documents(package)[0]["deploymentSpec"]["executors"].values()
    return {executor["container"]["image"] for executor in executors if "container" in executor}


def image_name(step: Step, settings: Settings) -> str:
    """Return a step's image without a tag, in the project's registry."""
    return f"{settings.registry}/{step.image_name}"


def owner(settings: Settings, root: Path = ROOT) -> Callable[[str], bool]:
    """Return what tells whether an image of a compiled pipeline is one of the project's steps'."""
    names = {image_name(step, settings) for step in find_steps(root)}
    return lambda image: untagged(image) in names


def untagged(image: str) -> str:
    """Return an image's name without its tag or digest."""
    folder, slash, last = image.partition("@")[0].rpartition("/")
    return folder + slash + last.partition(":")[0]


def reference(step: Step, settings: Settings, root: Path = ROOT) -> str:
    """Return a step's image with the tag of its present content.

    Always a tag (without one, ``docker pull host:port/name`` fetches all there are),
    and another one as soon as the content changes: KFP's cache keys on this string.
    """
    return f"{image_name(step, settings)}:{content_tag(step, settings, root)}"


def content_tag(step: Step, settings: Settings, root: Path = ROOT) -> str:
    """Return 16 hex digits that stand for everything that goes into a step's image.

    That is the step's folder with its Dockerfile (and so the base image), ``common/``,
    ``.dockerignore``, the platform and the build arguments. Of a file count
    its name, its content and whether its owner may execute it; of a link its target.
    """
    basis = {"platform": settings.platform, "build_args": dict(settings.build_args)}
    digest = sha256(json.dumps(basis, sort_keys=True).encode())
    for path in (*content_files(step, root), root / ".dockerignore"):
        digest.update(os.fsencode(path.relative_to(root)) + b"\0")
        digest.update(_content(path))
    return digest.hexdigest()[:16]


def content_files(step: Step, root: Path = ROOT) -> list[Path]:
    """Return the files and links that may go into a step's image: its own and the shared ones.

    A ``component.yaml`` that is written from ``main.py`` is none of them: it says nothing more,
    and an image stays what it is when it is written.
    """
    own = [path for path in files_in(step.folder) if not _is_written(path, step)]
    return own + files_in(root / "common")


def _is_written(path: Path, step: Step) -> bool:
    """Tell whether a file is the step's ``component.yaml``, written from its signature."""
    if path != step.folder / "component.yaml" or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.readline().rstrip() == HEAD.encode()


def is_executable(path: Path) -> bool:
    """Tell whether a file's owner may execute it."""
    return bool(path.stat().st_mode & stat.S_IXUSR)


def _content(path: Path) -> bytes:
    """Return a digest of a file; always of the same length."""
    if path.is_symlink():
        kind, content = b"l", os.fsencode(path.readlink())
    elif path.is_file():
        kind = b"x" if is_executable(path) else b"-"
        content = path.read_bytes()
    else:
        kind, content = b"0", b""
    return kind + sha256(content).digest()


def files_in(folder: Path) -> list[Path]:
    """Return the files and links below a folder that count, by name; pipes and sockets do not."""
    found = []
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        folders[:] = [name for name in folders if name not in IGNORED]
        names = [name for name in files + links if name not in IGNORED]
        paths = [Path(parent, name) for name in names if not IGNORED_FILES.fullmatch(name)]
        found += [path for path in paths if path.is_symlink() or path.is_file()]
    return sorted(found, key=lambda path: path.as_posix())
