"""`make check` of a step that is told how a run has ended: KFP tells it, and nobody else."""

import subprocess
from pathlib import Path

import pytest
import yaml

from kfp_workbench.project import component_files
from shared.checking import contract, edit, report
from shared.ending import make_project

PIPELINE, TELL = "pipeline.py", "steps/tell/main.py"
HANDLED = 'with dsl.ExitHandler(tell(who="me")):\n        work(fails=fails)'
CALL, TAKES = 'tell(who="me")', "status: PipelineTaskFinalStatus"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("ending"))


@pytest.fixture
def project(original: Path, tmp_path: Path) -> Path:
    """Return a copy of the project with an exit task."""
    folder = tmp_path / "project"
    subprocess.run(["cp", "-R", original, folder], check=True)
    return folder


WRONG = {
    "passed": (
        PIPELINE, CALL, 'tell(status={}, who="me")',
        "tell's input 'status' is given by KFP, and by nobody else: leave it out",
    ),
    "no-exit-task": (
        PIPELINE, HANDLED, "work(fails=fails)\n    tell(who='me')",
        "tell has 'status', and is no exit task: hand the task to dsl.ExitHandler(...), or",
    ),
    "in-a-variable": (
        PIPELINE, HANDLED, "told = tell()\n    work(fails=fails).after(told)", "and is no exit task"
    ),
    "another-name": (PIPELINE, CALL, 'tell(whom="me")', "tell has no input 'whom': did you mean who?"),
    "default": (TELL, TAKES, f"{TAKES} = 3", "the default of status is 3, and it is a status: only None"),
    "returned": (
        TELL, "-> dict", "-> PipelineTaskFinalStatus",
        "PipelineTaskFinalStatus is an input, and as it stands: write status: PipelineTaskFinalStatus",
    ),
    "path": (
        TELL, TAKES, "status: InputPath(PipelineTaskFinalStatus)",
        "status: PipelineTaskFinalStatus is an input, and as it stands",
    ),
    "not-imported": (
        TELL, "import PipelineTaskFinalStatus, step", "import step",
        "PipelineTaskFinalStatus is no type that KFP has: import it: from common.step import "
        "PipelineTaskFinalStatus",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_is_found(project: Path, case: tuple[str, str, str, str]) -> None:
    assert report(contract(project)) == ""
    path, old, new, said = case
    if "InputPath" in new:
        edit(project, path, "import Pipe", "import InputPath, Pipe")
    edit(project, path, old, new)
    assert any(said in finding.text for finding in contract(project)), report(contract(project))


RIGHT = {
    "by-name": (PIPELINE, f"    with dsl.ExitHandler({CALL}", f"    end = {CALL}\n    with dsl.ExitHandler(end"),
    "named": (PIPELINE, CALL, f'exit_task={CALL}.set_display_name("End"), name="all"'),
    "by-a-helper": (
        PIPELINE, "@dsl", "def end() -> dsl.PipelineTask:\n    return tell()\n\n\n@dsl",
    ),
    "optional": (TELL, TAKES, "status: Optional[PipelineTaskFinalStatus] = None"),
    "given-otherwise": (
        PIPELINE, HANDLED,
        "tell(who='me').after(work(fails=fails)).ignore_upstream_failure()",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RIGHT.values(), ids=list(RIGHT))
def test_what_is_right_is_not(project: Path, case: tuple[str, str, str]) -> None:
    path, old, new = case
    if "Optional" in new:
        edit(project, path, "from dataclasses", "from typing import Optional\nfrom dataclasses")
    edit(project, path, old, new)
    component_files.update(project)
    assert report(contract(project)) == ""


OF_ITS_OWN = """\
name: tell
inputs:
- {{name: status, type: PipelineTaskFinalStatus}}
- {{name: who, type: String}}
outputs:
- {{name: Output, type: String}}
implementation:
  container:
    image: {image}
    command: [python, main.py]
    args: [--status, {{inputValue: status}}, --who, {{inputValue: who}}, --output, {{outputPath: Output}}]
"""


def test_a_component_of_ones_own_may_have_it_as_an_argument(project: Path) -> None:
    edit(project, TELL, "@step\n", "")
    edit(project, TELL, "from common.step import PipelineTaskFinalStatus, step", "import argparse")
    component = project / "steps" / "tell" / "component.yaml"
    image = yaml.safe_load(component.read_text())["deploymentSpec"]["executors"]["exec-tell"]
    component.write_text(OF_ITS_OWN.format(image=image["container"]["image"]))
    said = report(contract(project))
    assert "artifact" not in said and "inputPath" not in said
