"""Projects of components in the forms that people write: see `check/forms/`."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from kfp_workbench.project.components import parameter_type
from kfp_workbench.testing.command_line import key_of
from shared.baking import bake

FORMS = Path(__file__).resolve().parents[1] / "check" / "forms"
_KINDS = {
    **{"STRING": "str", "NUMBER_INTEGER": "int", "NUMBER_DOUBLE": "float"},
    **{"BOOLEAN": "bool", "LIST": "list", "STRUCT": "dict"},
}
_LOCKED = {
    "absl-py": "absl-py==2.5.1 --hash=sha256:721200f2f0e9960f2ca9dc3a2a706b201f5f75d812c158f059cbbe29eeafbdb8",
    "click": "click==8.5.1 --hash=sha256:9bbfada76703fd1d784b83eea012e3e8c6a001a876543ef104fa56aaaeb072b4",
    "fire": "fire==0.7.1 --hash=sha256:e43fd8a5033a9001e7e2973bab96070694b9f12f2e0ecf96d4683971b5ab1882",
    "termcolor": "termcolor==3.3.0 --hash=sha256:cf642efadaf0a8ebbbf4bc7a31cec2f9b5f21a9f726f4ccbb08192c9c26f43a5",
}
_HEAD = '''"""Runs a component of each form."""

from pathlib import Path
from typing import NamedTuple

import kfp.client
from kfp import dsl
from kfp.components import load_component_from_file as load

STEPS = Path(__file__).parent / "steps"
'''


class Form(NamedTuple):
    """A component, the files of its step, how it is called and what comes of it."""

    name: str
    component: str
    files: Mapping[str, str]
    requirements: list[str]
    entrypoint: list[str]  # empty: that of what the command runs
    given: Mapping[str, Any]  # a text "@step.output" stands for another's output
    made: Mapping[str, Any]  # output parameters, by their names in Python
    read: Mapping[str, str]  # what output artifacts hold
    log: str  # what it prints
    exits: bool  # after all others


def read_forms() -> dict[str, Form]:
    """Return all forms, by name."""
    empty = Form("", "", {}, [], [], {}, {}, {}, "", False)
    found: dict[str, Form] = {}
    for path in sorted(FORMS.glob("*.yaml")):
        for name, form in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            found[name] = empty._replace(name=name, **form)
    return found


def make_project(folder: Path, forms: Mapping[str, Form], **answers: str) -> Path:
    """Return a project with a step for each form, and a pipeline that calls them all."""
    project = bake(folder, project_slug="forms", starter="blank", steps=", ".join(forms), **answers)
    for name, form in forms.items():
        _write_step(project / "steps" / name, form)
    (project / "pipeline.py").write_text("".join(_pipeline(forms)), encoding="utf-8")
    (project / "params" / "dev.yaml").write_text("{}\n", encoding="utf-8")
    return project


def expected(forms: Mapping[str, Form]) -> dict[str, Any]:
    """Return what the pipeline of a project of forms returns."""
    return {
        f"{name}__{output}": value
        for name, form in forms.items()
        for output, value in {**form.made, **form.read}.items()
    }


def _write_step(step: Path, form: Form) -> None:
    image = yaml.safe_load((step / "component.yaml").read_text(encoding="utf-8"))
    image = image["implementation"]["container"]["image"]
    text = form.component.replace("IMAGE", image)
    (step / "component.yaml").write_text(text, encoding="utf-8")
    (step / "main.py").unlink()
    for name, content in form.files.items():
        (step / name).write_text(content, encoding="utf-8")
    lines = [f"{_LOCKED[each]}\n" for each in form.requirements]
    (step / "requirements.txt").write_text("".join(lines), encoding="utf-8")
    words = form.entrypoint or (["python", next(iter(form.files))] if form.files else [])
    kept = []
    for line in (step / "Dockerfile").read_text(encoding="utf-8").splitlines():
        if line.startswith("ENTRYPOINT"):  # a program in the component's text needs none
            kept += [f"ENTRYPOINT {json.dumps(words)}"] if words else []
        elif form.files or not line.startswith("COPY steps/") or "requirements" in line:
            kept.append(line)
    (step / "Dockerfile").write_text("\n".join([*kept, ""]), encoding="utf-8")


def _pipeline(forms: Mapping[str, Form]) -> Iterator[str]:
    """Return the text of a pipeline that calls each form once, after those whose outputs it takes."""
    yield _HEAD
    for name in forms:
        yield f'{name} = load(str(STEPS / "{name}" / "component.yaml"))\n'
    outputs = ", ".join(f'("{name}", {kind})' for name, kind in _outputs(forms))
    yield f'\nOutputs = NamedTuple("Outputs", [{outputs}])\n\n\n'
    yield '@dsl.pipeline(name="unbuffered")\ndef pipeline() -> Outputs:\n'
    last = [name for name, form in forms.items() if form.exits]
    silent = [name for name, form in forms.items() if not (form.made or form.read or form.exits)]
    for name in last:
        yield f"    {name}_task = {name}()\n"
    for name in last:  # of what is within, nothing can be returned
        yield f"    with dsl.ExitHandler({name}_task):\n"
        for inner in silent:
            yield f"        {inner}({_arguments(forms[inner])})\n"
    done: list[str] = []
    while waiting := [name for name in forms if name not in (*done, *last, *silent)]:
        for name in waiting:
            if set(_taken(forms[name])) <= {*done}:
                yield f"    {name}_task = {name}({_arguments(forms[name])})\n"
                done.append(name)
    for name in done:
        for output in forms[name].read:
            yield f'    {name}_{output}_read = reader(data={name}_task.outputs["{output}"])\n'
    values = [f"{name}={_value(forms, name)}" for name, _ in _outputs(forms)]
    yield f"    return Outputs({', '.join(values)})\n"


def _outputs(forms: Mapping[str, Form]) -> Iterator[tuple[str, str]]:
    for name, form in forms.items():
        ports = yaml.safe_load(form.component).get("outputs", [])
        kinds = {key_of(port["name"]): parameter_type(port.get("type")) for port in ports}
        yield from ((f"{name}__{output}", _KINDS[kinds[output] or ""]) for output in form.made)
        yield from ((f"{name}__{output}", "str") for output in form.read)


def _value(forms: Mapping[str, Form], name: str) -> str:
    step, _, output = name.partition("__")
    if output in forms[step].read:
        return f'{step}_{output}_read.outputs["text"]'
    return f'{step}_task.outputs["{output}"]'


def _taken(form: Form) -> Iterator[str]:
    """Return the names of the steps whose outputs a form takes."""
    for value in form.given.values():
        if str(value).startswith("@"):
            yield value[1:].partition(".")[0]


def _arguments(form: Form) -> str:
    words = []
    for name, value in form.given.items():
        text = repr(value)
        if str(value).startswith("@"):
            step, _, output = value[1:].partition(".")
            text = f'{step}_task.outputs["{output}"]'
        words.append(f"{name}={text}")
    return ", ".join(words)
