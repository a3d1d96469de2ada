"""The contract between a step's script, its component.yaml, its Dockerfile and the project."""

import re

from kfp_workbench.check import check_project
from kfp_workbench.project import steps
from kfp_workbench.project.settings import Settings


def test_the_contract_holds() -> None:
    """`make check` says the same: where it does not, and how to mend it."""
    findings = check_project()
    assert not findings, "\n".join(["", *(finding.text for finding in findings)])


def test_the_tag_changes_with_the_content(project: Settings) -> None:
    """Two steps never share an image."""
    images = [steps.reference(step, project) for step in steps.find_steps()]
    assert len(set(images)) == len(images)
    assert all(re.fullmatch(r".+/[a-z0-9-]+:[0-9a-f]{16}", image) for image in images)
