"""What a project's steps take and make: by their functions, or else by their components."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import component_forms, component_text, signatures, steps
from kfp_workbench.project.component_forms import key_of
from kfp_workbench.project.components import PARAMETERS
from kfp_workbench.project.port_types import ARTIFACTS
from kfp_workbench.project.signatures import Signature
from kfp_workbench.scaffold.ports import KINDS, REQUIRED, Port, Ports


def of_steps(root: Path) -> dict[str, Ports]:
    """Return what each step takes and makes, by its name; one that cannot be read is left out."""
    found: dict[str, Ports] = {}
    for step in steps.find_steps(root):
        try:
            found[step.name] = of_step(step.folder)
        except (WorkbenchError, OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # make check says what is wrong with it
    return found


def of_step(folder: Path) -> Ports:
    """Return what the step in a folder takes and makes; raises WorkbenchError, or what YAML raises."""
    script = folder / "main.py"
    signature = signatures.read(script) if script.is_file() else None
    if signature:
        kinds = (signature.inputs, signature.outputs)
        return Ports(*([_port(signature, port) for port in ports] for ports in kinds))
    component = component_forms.as_plain(steps.read_yaml(folder / "component.yaml"))
    return Ports(*([*_declared(component.get(kind))] for kind in ("inputs", "outputs")))


def _port(signature: Signature, port: signatures.Port) -> Port:
    name = component_text.name_in_pipeline(signature, port)
    if port.name == signatures.RESULT:
        name = signatures.RESULT
    return Port(name, port.annotation, port.default if port.optional else REQUIRED)


def _declared(items: Any) -> Iterator[Port]:
    artifacts = {name.lower(): name for name in ARTIFACTS}
    for item in items or []:
        kind = str(item.get("type")).partition("[")[0].strip().lower()
        known = KINDS.get(PARAMETERS.get(kind, "")) or artifacts.get(kind, "Artifact")
        given = item.get("optional") or item.get("default") is not None
        name = item["name"] if item["name"] == signatures.RESULT else key_of(item["name"])
        yield Port(name, known, item.get("default") if given else REQUIRED)
