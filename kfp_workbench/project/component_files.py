"""The ``component.yaml`` of a project's typed steps: which is due, and which is behind."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from kfp_workbench import errors, files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import component_text, instructions, names, settings, signatures
from kfp_workbench.project.component_forms import as_plain
from kfp_workbench.project.settings import ROOT, Settings
from kfp_workbench.project.signatures import Signature
from kfp_workbench.project.sources import Sources, UnreadableError
from kfp_workbench.project.steps import Step, image_name, read_yaml

FILE = "component.yaml"
_SCRIPT = "main.py"
_COMMAND = ["python", _SCRIPT]  # where no Dockerfile says otherwise


class Typed(NamedTuple):
    """A typed step, and what its ``component.yaml`` is to be."""

    step: Step
    signature: Signature
    command: Sequence[str]  # the Dockerfile's ENTRYPOINT
    kept: Mapping[str, Any]  # what is the owner's: metadata and env
    text: str

    @property
    def path(self) -> Path:
        """The ``component.yaml``, whether it is there or not."""
        return self.step.folder / FILE

    @property
    def present(self) -> str | None:
        """What the file holds, or None where there is none that can be read."""
        try:
            return self.path.read_text(encoding="utf-8").rstrip("\n") + "\n"
        except (OSError, UnicodeDecodeError):
            return None


def update(root: Path = ROOT, only: Collection[str] = ()) -> list[Path]:
    """Write each ``component.yaml`` that is behind its step's signature, and return which.

    ``only`` names steps; without any, all typed steps count. The registry is that of
    pyproject.toml, whatever the environment says. Raises WorkbenchError (2) for a signature that KFP
    cannot have, before anything is written, and for a name that is no typed step's.
    """
    found, problems = _signatures(root)
    for name in only:
        if name not in (*found, *problems):
            known = ", ".join(found) or "none"
            raise WorkbenchError(f"{names.shown(name)} is no typed step: they are {known}", 2)
    selected = only or [*found, *problems]
    errors.refuse([text for name in selected for text in problems.get(name, [])])
    project = settings.load(root, environ={}) if found else None
    steps = [Step(name, root / "steps" / name) for name in selected]
    typed = [due(step, found[step.name], project) for step in steps] if project else []
    behind = [each for each in typed if each.present != each.text]
    for each in behind:
        files.write(each.path, each.text)
    return [each.path for each in behind]


def due(step: Step, signature: Signature, project: Settings) -> Typed:
    """Return a typed step with what its ``component.yaml`` is to be."""
    entry, kept = command(step), _kept(step.folder / FILE)
    text = component_text.text(signature, image_name(step, project), entry, kept)
    return Typed(step, signature, entry, kept, text)


def _signatures(root: Path) -> tuple[dict[str, Signature], dict[str, list[str]]]:
    """Return the signatures of the typed steps by name, and what is wrong with others."""
    found: dict[str, Signature] = {}
    problems: dict[str, list[str]] = {}
    sources = Sources(root)
    for path in sorted((root / "steps").glob(f"[!.]*/{_SCRIPT}")):
        try:
            signature, findings = signatures.examine(path, sources)
        except UnreadableError as error:
            signature, findings = None, [error.finding]
        if findings:
            problems[path.parent.name] = [finding.text for finding in findings]
        elif signature:
            found[path.parent.name] = signature
    return found, problems


def command(step: Step) -> list[str]:
    """Return the ``ENTRYPOINT`` of a step's Dockerfile."""
    try:
        text = (step.folder / "Dockerfile").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return _COMMAND
    found = [item for item in instructions.parse(text) if item.word == "ENTRYPOINT"]
    return (instructions.json_list(found[-1].text) if found else None) or _COMMAND


def _kept(path: Path) -> Mapping[str, Any]:
    """Return what a ``component.yaml`` has that is its owner's: ``metadata`` and ``env``."""
    try:
        component = read_yaml(path)
        container = as_plain(component)["implementation"]["container"]
        owned = {"metadata": component.get("metadata"), "env": container.get("env")}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, StopIteration):
        return {}
    except yaml.YAMLError:
        return {}
    return {key: value for key, value in owned.items() if isinstance(value, dict) and value}
