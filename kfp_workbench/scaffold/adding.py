"""Makes a step's folder from ``templates/step/``, and its test from ``templates/tests/``.

``make step`` and the template's own generation both come here.
"""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import component_files, component_text, names, signatures
from kfp_workbench.project.steps import Step, files_in
from kfp_workbench.scaffold import interfaces, writing
from kfp_workbench.scaffold.ports import Port, Ports
from kfp_workbench.scaffold.rendering import render

CONTEXT = Ports([Port("context", "dict")], [Port(signatures.RESULT, "dict")])  # handed on

_MAIN = "main.py"
_COMPONENT = "component.yaml"
_FILES = Path("templates") / "step"
_TEST = Path("templates") / "tests" / "test_step.py"
_SUMMARY = re.compile(r'"""([^"\n]+)')  # the first line of a script's docstring
_SIGNATURE = re.compile(r"\{\{ *signature *\}\}")


def add_step(
    root: Path,
    step: str,
    *,
    image: str,
    base_image: str,
    ready: Path | None = None,
    ports: Ports | None = None,
) -> Path:
    """Make ``steps/<step>`` from ``templates/step/`` and return its folder.

    ``image`` is the step's image without a tag; what is in the folder ``ready`` takes the
    place of the template's files. ``ports`` are what the step takes and makes; without them it is
    what the template says, or else a context. Raises WorkbenchError (2) when the
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
        **writing.script(step, ports or CONTEXT),
    }
    templates = _texts(root / _FILES)
    if ports and not _SIGNATURE.search(templates.get(_MAIN, "")):
        cure = "use {{ signature }} there, or leave IN= and OUT= out"
        raise WorkbenchError(f"{_FILES / _MAIN}: has no place for what a step takes: {cure}", 2)
    texts = _rendered(templates, _texts(ready) if ready else {}, values)
    folder.parent.mkdir(exist_ok=True)
    scratch = folder.with_name(f".{step}.new")
    shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
    try:
        for name, text in texts.items():
            _write(scratch / name, text)
        _write_component(Step(step, scratch), image)
        scratch.rename(folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return folder


def add_test(root: Path, step: str) -> Path | None:
    """Make a step's test from ``templates/tests/``, if that is there; a test that is there stays.

    Raises WorkbenchError (2) for a template that cannot be filled in.
    """
    template, path = root / _TEST, root / "tests" / f"test_{step}.py"
    if path.exists() or not template.is_file():
        return None
    ports = interfaces.of_step(root / "steps" / step)
    values = {"step": step, "title": title(step), **writing.test(step, ports)}
    _write(path, render(_TEST.as_posix(), files.read(template), values))
    return path


def title(step: str) -> str:
    """Return what people call a step: ``Load data`` for load_data."""
    return step.replace("_", " ").capitalize()


def _rendered(
    templates: Mapping[str, str], ready: Mapping[str, str], values: Mapping[str, str]
) -> dict[str, str]:
    """Return a step's files; of the ready ones all but component.yaml are taken as they are."""
    texts = {name: text for name, text in ready.items() if name != _COMPONENT}
    if _COMPONENT in ready:
        templates = {**templates, _COMPONENT: ready[_COMPONENT]}
    if _MAIN in templates:
        texts.setdefault(_MAIN, render(f"templates/step/{_MAIN}", templates[_MAIN], values))
    first = _SUMMARY.match(texts.get(_MAIN, ""))
    values = {**values, "summary": _quoted(first.group(1) if first else "")}
    for name, template in templates.items():
        if name not in texts:
            texts[name] = render(f"templates/step/{name}", template, values)
    return texts


def _write_component(step: Step, image: str) -> None:
    """Write the ``component.yaml`` of a typed step from its signature; another one has its own."""
    script = step.folder / _MAIN
    signature = signatures.read(script) if script.is_file() else None
    if signature:
        text = component_text.text(signature, image, component_files.command(step), {})
        _write(step.folder / _COMPONENT, text)


def _texts(folder: Path) -> Mapping[str, str]:
    """Return the texts of the files in a folder that count, by their paths in it."""
    paths = [path for path in files_in(folder) if path.is_file()]
    return {path.relative_to(folder).as_posix(): files.read(path) for path in paths}


def _quoted(text: str) -> str:
    """Return ``text`` as it stands between double quotes in YAML."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
