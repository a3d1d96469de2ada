"""Makes step folders from ``templates/step/`` and wires them into ``pipeline.py``.

``make step`` and the template's own generation both come here.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import names
from kfp_workbench.scaffold.rendering import render

_COMPONENT = re.compile(r'^(\w+) = load_component_from_file\(str\(STEPS / "\1" /', re.M)

_MAIN = "main.py"
_COMPONENT_FILE = "component.yaml"
_SUMMARY = re.compile(r'"""([^"\n]+)')  # the first line of a script's docstring

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


def add_step(
    root: Path, step: str, *, image: str, base_image: str, ready: Path | None = None
) -> Path:
    """Make ``steps/<step>`` from ``templates/step/`` and return its folder.

    ``image`` is the step's image without a tag; what is in the folder ``ready`` takes the
    place of the template's files. Raises WorkbenchError (2) when the
    name is unfit or taken. The folder appears whole or not at all.
    """
    if problem := names.step_problem(step):
        raise WorkbenchError(f"step: {problem}", 2)
    folder = root / "steps" / step
    if folder.exists():
        raise WorkbenchError(
            f"steps/{step} exists already and was not touched: choose another name", 2
        )
    values = {
        "step": step,
        "title": title(step),
        "image": image,
        "base_image": base_image,
    }
    folder.parent.mkdir(exist_ok=True)
    scratch = folder.with_name(f".{step}.new")
    shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
    try:
        _write_files(root / "templates" / "step", ready, scratch, values)
        scratch.rename(folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return folder


def title(step: str) -> str:
    """Return what people call a step: ``Load data`` for load_data."""
    return step.replace("_", " ").capitalize()


def pipeline_module(slug: str, steps: Sequence[str]) -> str:
    """Return the text of a ``pipeline.py`` that runs ``steps`` as a chain."""
    stages = [f"{number}. {step}" for number, step in enumerate(steps, start=1)]
    components = [
        f'{step} = load_component_from_file(str(STEPS / "{step}" / "component.yaml"))'
        for step in steps
    ]
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
        components="\n".join(components),
        tasks="\n".join(tasks),
        last=_task(steps[-1], steps),
    )


def wire_step(root: Path, slug: str, step: str) -> str | None:
    """Append ``step`` to the chain in ``pipeline.py``, if that is still as generated.

    Returns None when it did, else what to add by hand.
    """
    path = root / "pipeline.py"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if step in _COMPONENT.findall(text):
        return "runs it already"
    if is_generated(text, slug):
        _replace(path, pipeline_module(slug, [*_COMPONENT.findall(text), step]))
        return None
    load = f'{step} = load_component_from_file(str(STEPS / "{step}" / "component.yaml"))'
    call = f"{step}_task = {step}(context=...)"
    return f"not the chain that it can be added to; add these lines:\n    {load}\n    {call}"


def is_generated(text: str, slug: str) -> bool:
    """Tell whether a ``pipeline.py`` still has the shape that it was generated with."""
    steps = _COMPONENT.findall(text)
    return bool(steps) and text == pipeline_module(slug, steps)


def _task(step: str, steps: Sequence[str]) -> str:
    """Return the name of a step's task: one that no step has."""
    task = f"{step}_task"
    while task in steps:
        task += "_"
    return task


def _write_files(source: Path, ready: Path | None, target: Path, values: Mapping[str, str]) -> None:
    """Write a step's files; of the ready ones all but component.yaml are copied as they are."""
    templates, texts = _texts(source), {}
    if ready:
        texts = dict(_texts(ready))
        component = {name: texts.pop(name) for name in (_COMPONENT_FILE,) if name in texts}
        templates = {**templates, **component}
    texts.setdefault(_MAIN, render(f"templates/step/{_MAIN}", templates[_MAIN], values))
    first = _SUMMARY.match(texts[_MAIN])
    values = {**values, "summary": _quoted(first.group(1) if first else "")}
    for name, template in templates.items():
        if name not in texts:
            texts[name] = render(f"templates/step/{name}", template, values)
    for name, text in texts.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _texts(folder: Path) -> Mapping[str, str]:
    """Return the texts of the files in a folder by their paths in it."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in paths
        if "__pycache__" not in path.parts
    }


def _quoted(text: str) -> str:
    """Return ``text`` as it stands between double quotes in YAML."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _replace(path: Path, text: str) -> None:
    scratch = path.with_suffix(".py.new")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
