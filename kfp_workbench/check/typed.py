"""Checks a typed step: its signature, what its function does of it, and its ``component.yaml``."""

from typing import NamedTuple

from kfp_workbench.check import behind, bodies, lacking
from kfp_workbench.files import is_file
from kfp_workbench.project import component_files, signatures
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.settings import Settings
from kfp_workbench.project.signatures import Signature
from kfp_workbench.project.sources import Sources
from kfp_workbench.project.steps import Step


class TypedStep(NamedTuple):
    """A typed step's signature, None where KFP cannot have it, and what is wrong with the step."""

    signature: Signature | None
    findings: list[Finding]


def read_typed(step: Step, sources: Sources, project: Settings) -> TypedStep | None:
    """Return a typed step, or None for one that is none; raises UnreadableError."""
    path = step.folder / "main.py"
    signature, findings = signatures.examine(path, sources) if is_file(path) else (None, [])
    if signature is None and not findings:
        return None
    if signature is None or findings:
        return TypedStep(None, findings)
    found = list(bodies.check_body(signature, sources.module(path), step.name))
    if path.name in component_files.command(step):
        found += lacking.check_relative(signature.path, sources.module(path))
    found += behind.check_written(component_files.due(step, signature, project), sources)
    return TypedStep(signature, found)
