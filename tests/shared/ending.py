"""A project whose exit task tells how the run has ended."""

from pathlib import Path

from kfp_workbench.project import component_files
from shared.baking import bake

WORK = '''\
"""Works."""

from common.step import InputError, step


@step
def work(fails: bool) -> str:
    """Work, or fail."""
    if fails:
        raise InputError("fails: as it was asked to")
    return "done"


if __name__ == "__main__":
    work.main()
'''
TELL = '''\
"""Tells how it went."""

from dataclasses import asdict

from common.step import PipelineTaskFinalStatus, step


@step
def tell(status: PipelineTaskFinalStatus, who: str = "x") -> dict:
    """Tell how the run has ended."""
    return {"who": who, **asdict(status)}


if __name__ == "__main__":
    tell.main()
'''
PIPELINE = """\
from pathlib import Path

from kfp import dsl
from kfp.components import load_component_from_file

STEPS = Path(__file__).parent / "steps"

work = load_component_from_file(str(STEPS / "work" / "component.yaml"))
tell = load_component_from_file(str(STEPS / "tell" / "component.yaml"))


@dsl.pipeline(name="ending")
def pipeline(fails: bool = False):
    with dsl.ExitHandler(tell(who="me")):
        work(fails=fails)
"""
FILES = {
    "steps/work/main.py": WORK,
    "steps/tell/main.py": TELL,
    "pipeline.py": PIPELINE,
    "params/dev.yaml": "fails: false\n",
}


def make_project(folder: Path) -> Path:
    """Return a project of a step and an exit task, with their ``component.yaml``."""
    project = bake(folder, project_slug="ending", starter="blank", steps="work, tell")
    for name, text in FILES.items():
        (project / name).write_text(text, encoding="utf-8")
    component_files.update(project)
    return project
