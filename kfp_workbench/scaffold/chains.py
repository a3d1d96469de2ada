"""The text of a ``pipeline.py`` that hands a context from step to step."""

from collections.abc import Sequence

from kfp_workbench.scaffold.adding import title
from kfp_workbench.scaffold.wiring import load_line

_MODULE = '''\
"""The pipeline: the only file that says how the steps are wired.

Stages:
{stages}
"""

from pathlib import Path

from kfp import dsl
from kfp.components import load_component_from_file

STEPS = Path(__file__).parent / "steps"

{components}


@dsl.pipeline(name="{slug}")
def pipeline(context: dict) -> dict:
    """Hands the context from step to step; the last one's is the result."""
{tasks}
    return {last}.output
'''


def pipeline_module(slug: str, steps: Sequence[str]) -> str:
    """Return the text of a ``pipeline.py`` that runs ``steps`` as a chain."""
    stages = [f"{number}. {step}" for number, step in enumerate(steps, start=1)]
    tasks = []
    context = "context"
    for step in steps:
        task = _task(step, steps)
        tasks.append(f"    {task} = {step}(context={context})")
        tasks.append(f'    {task}.set_display_name("{title(step)}")')
        context = f"{task}.output"
    return _MODULE.format(
        slug=slug,
        stages="\n".join(stages),
        components="\n".join(map(load_line, steps)),
        tasks="\n".join(tasks),
        last=_task(steps[-1], steps),
    )


def _task(step: str, steps: Sequence[str]) -> str:
    """Return the name of a step's task: one that no step has."""
    task = f"{step}_task"
    while task in steps:
        task += "_"
    return task
