"""What was pushed: ``build/images.json``, and the digests by which a compiled pipeline names images."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import steps
from kfp_workbench.project.settings import ROOT, Settings
from kfp_workbench.project.steps import Step

RECORD = Path("build") / "images.json"
COMPONENTS = Path("build") / "components"


class Pushed(NamedTuple):
    """One entry of ``build/images.json``: an image that the registry holds."""

    step: str
    reference: str  # registry/name:tag
    tag: str
    digest: str  # sha256:...
    platform: str
    revision: str  # git's, of the sources that were pushed; "-dirty" with changes; or ""

    @property
    def pinned(self) -> str:
        """Return the image by its digest: nobody can put another one in its place."""
        return f"{self.reference.removesuffix(f':{self.tag}')}@{self.digest}"


def read_record(root: Path = ROOT) -> dict[str, Pushed]:
    """Return what ``build/images.json`` says, by step; nothing when it is not there."""
    try:
        entries = json.loads((root / RECORD).read_text(encoding="utf-8"))
        return {entry["step"]: Pushed(**entry) for entry in entries}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise WorkbenchError(
            f"{RECORD}: is damaged ({error}): remove it, then make push", 2
        ) from None


def compiled_images(settings: Settings, root: Path = ROOT) -> dict[str, str]:
    """Return each step's image as the compiled pipeline names it.

    By digest where the registry holds the present content, else by its content tag.
    """
    record = read_record(root)
    images = {}
    for step in steps.find_steps(root):
        image = steps.reference(step, settings, root)
        pushed = record.get(step.name)
        images[step.name] = pushed.pinned if pushed and pushed.reference == image else image
    return images


def missing(used: Iterable[str], settings: Settings, root: Path = ROOT) -> list[str]:
    """Return a line when a compiled pipeline names none of the images that the steps have here."""
    found = _ours(used, settings, root)
    if found or not steps.find_steps(root):
        return []
    return [f"the compiled pipeline names no image in {settings.registry}: make compile"]


def unpinned(used: Iterable[str], settings: Settings, root: Path = ROOT) -> list[str]:
    """Return a line for each of the project's images that is used without a digest."""
    known = read_record(root)
    lines = []
    for step, image in _ours(used, settings, root).items():
        if "@" not in image:
            why = "changed since the last push" if step in known else "was not pushed from here"
            lines.append(f"steps/{step} {why}: make push")
    return lines


def outdated(used: Iterable[str], settings: Settings, root: Path = ROOT) -> list[str]:
    """Return a line for each of the project's images that is not that of the present content."""
    current = compiled_images(settings, root)
    return [
        f"steps/{step} changed since the last {'push' if '@' in image else 'compilation'}: make "
        + ("push compile" if "@" in image else "compile")
        for step, image in _ours(used, settings, root).items()
        if image != current[step]
    ]


def _ours(used: Iterable[str], settings: Settings, root: Path) -> dict[str, str]:
    """Return those of the used images that belong to steps, by step."""
    names = {steps.image_name(step, settings): step.name for step in steps.find_steps(root)}
    return {
        names[name]: image for image in sorted(used) if (name := steps.untagged(image)) in names
    }


def write_record(
    record: Mapping[str, Pushed], selected: Sequence[Step], settings: Settings, root: Path
) -> None:
    """Write what is known of the steps that still exist, and a component of each.

    What another push has noted of other steps in the meantime stays.
    """
    ours = {step.name: record[step.name] for step in selected if step.name in record}
    with files.locked(root / "build" / ".images.lock"):
        merged = read_record(root) | ours
        entries = [merged[step.name] for step in steps.find_steps(root) if step.name in merged]
        text = json.dumps([entry._asdict() for entry in entries], indent=2)
        files.write(root / RECORD, f"{text}\n")
    for entry in entries:
        if entry.reference == steps.reference(steps.get_step(entry.step, root), settings, root):
            _write_component(entry, root)


def _write_component(entry: Pushed, root: Path) -> None:
    """Write a step's ``component.yaml`` with its digest, for pipelines of other projects."""
    step = steps.get_step(entry.step, root)
    text = (step.folder / "component.yaml").read_text(encoding="utf-8")
    declared = re.escape(steps.declared_image(step))
    image = re.compile(rf"(\bimage:\s*)([\"']?){declared}\2(?=[\s,}}]|$)", re.M)
    pinned, count = image.subn(rf"\g<1>{entry.pinned}", text)
    if count != 1:
        raise WorkbenchError(
            f"steps/{step.name}/component.yaml: its image cannot be pinned: write it on one line, "
            f"image: {steps.declared_image(step)}",
            2,
        )
    files.write(root / COMPONENTS / f"{step.name}.yaml", pinned)
