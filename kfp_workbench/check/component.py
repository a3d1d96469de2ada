"""Checks a step's ``component.yaml`` for itself.

KFP's compiler takes most of this for granted, and the cluster does not; what it refuses, it
refuses with a page of text that names no line.
"""

from collections.abc import Iterator, Mapping

from kfp_workbench.check.command import Program
from kfp_workbench.check.placeholders import check_placeholders
from kfp_workbench.check.ports import check_ports
from kfp_workbench.project.component_forms import is_compiled
from kfp_workbench.project.components import CONTAINER, Component
from kfp_workbench.project.documents import Place
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import is_secret
from kfp_workbench.project.settings import Settings
from kfp_workbench.project.steps import Step, image_name

KEYS = {
    "component.yaml": "name description metadata inputs outputs implementation version",
    "metadata": "annotations labels",
    "inputs": "name type description default optional annotations",
    "outputs": "name type description annotations",
    "implementation": "container",
    "container": "image command args env fileOutputs",
}
# What kfp holds to a type of Python's, below all of these.
TEXTS = ("name", "description", "version")


def check_component(
    component: Component, step: Step, settings: Settings, program: Program
) -> Iterator[Finding]:
    """Find what is wrong with a component by itself; ``program`` is what its command runs."""
    for kind, place, item in _parts(component):
        yield from _check_keys(component, kind, place, item)
    for kind in ("inputs", "outputs"):
        yield from check_ports(component, kind)
    yield from _check_image(component, step, settings)
    yield from _check_command(component, step, program)
    yield from _check_env(component)
    if not isinstance(component.container.get("args") or [], list):
        yield component.found((*CONTAINER, "args"), "args is no list", "write args: [--flag, ...]")
        return
    yield from check_placeholders(component)


def check_kept(component: Component) -> Iterator[Finding]:
    """Find what is wrong with what a step's owner adds to a component that is written for them."""
    if is_compiled(component.document.value):
        return  # which has env in another form, and no metadata
    if (metadata := component.value.get("metadata")) is not None:
        yield from _check_keys(component, "metadata", ("metadata",), metadata)
    yield from _check_env(component)


def _parts(component: Component) -> Iterator[tuple[str, Place, object]]:
    """Return the parts of a component whose keys are known: kind, place, content."""
    value = component.value
    yield "component.yaml", (), value
    if value.get("metadata") is not None:
        yield "metadata", ("metadata",), value["metadata"]
    for kind in ("inputs", "outputs"):
        for place, item in component.ports(kind).values():
            yield kind, place, item
    yield "implementation", ("implementation",), value["implementation"]
    yield "container", CONTAINER, component.container


def _check_keys(component: Component, kind: str, place: Place, item: object) -> Iterator[Finding]:
    """Find keys that kfp does not know, and values of a kind that it does not take there."""
    known = KEYS[kind].split()
    if not isinstance(item, Mapping):
        form = ", ".join(f"{key}: ..." for key in known[:2])
        yield component.found(place, f"{kind} is {shown(item)}, no object", f"write {form}")
        return
    for key, value in item.items():
        here = (*place, key)
        if key not in known:
            what = f"{kind} has the unknown key {shown(key)}"
            yield component.found(here, what, f"use one of {', '.join(known)}")
        elif key in TEXTS and value is not None and not isinstance(value, str):
            yield component.found(here, f"{key} is {shown(value)}, no text", "put it in quotes")
        elif key == "optional" and value is not None and not isinstance(value, bool):
            yield component.found(here, f"optional is {shown(value)}", "write true or false")
        elif kind == "metadata" and value is not None:
            yield from _check_texts(component, here, value, key)
        elif key == "annotations" and value is not None and not isinstance(value, dict):
            yield component.found(here, f"annotations is {shown(value)}", "write {name: value}")


def _check_texts(component: Component, place: Place, value: object, key: str) -> Iterator[Finding]:
    """Find what is not text by name, in what kfp takes nothing else in."""
    if not isinstance(value, dict):
        yield component.found(place, f"{key} is {shown(value)}, no object", "write {NAME: value}")
        return
    for name, text in value.items():
        here = (*place, name)
        if not isinstance(name, str):
            what = f"{key} has the name {shown(name)}, which is no text"
            yield component.found(here, what, "put it in quotes")
        elif isinstance(text, dict) and key == "env":
            what = f"{key} has a placeholder for {shown(name)}, and kfp takes texts only there"
            yield component.found(here, what, "hand the value over in args")
        elif not isinstance(text, str):
            said = "..." if is_secret(name) else shown(text)
            what = f"{key} has {said} for {shown(name)}, which is no text"
            yield component.found(here, what, "put it in quotes")


def _check_image(component: Component, step: Step, settings: Settings) -> Iterator[Finding]:
    place = (*CONTAINER, "image")
    image, expected = component.container.get("image"), image_name(step, settings)
    if image == expected:
        return
    if not isinstance(image, str) or not image:
        yield component.found(place, "names no image", f"write image: {expected}")
    elif image.startswith((f"{expected}:", f"{expected}@")):
        what = f"the image has {shown(image.removeprefix(expected))}"
        yield component.found(place, what, "leave it off, make compile fills in what was pushed")
    else:
        what = f"{shown(image)} is not this step's image in the project's registry"
        yield component.found(place, what, f"write {expected}")


def _check_command(component: Component, step: Step, program: Program) -> Iterator[Finding]:
    place = (*CONTAINER, "command")
    command = component.container.get("command")
    if not command and (command is None or isinstance(command, list)):
        cure = "write the Dockerfile's ENTRYPOINT, which a cluster never uses"
        yield component.found(place, "has no command", cure)
    elif not isinstance(command, list):
        yield component.found(place, "command is no list of texts", "write [python, main.py]")
    elif program.missing:
        what = f"command runs {shown(program.missing)}, which is not in steps/{step.name}/"
        yield component.found(program.place, what, "name a file that is there")


def _check_env(component: Component) -> Iterator[Finding]:
    env, place = component.container.get("env"), (*CONTAINER, "env")
    if env is None:
        return
    yield from _check_texts(component, place, env, "env")
    for name in env if isinstance(env, dict) else []:
        if is_secret(str(name)):
            what = f"env sets {shown(name)}, and anyone may read this file"
            cure = "give the step a Kubernetes secret, or the path of a file"
            yield component.found((*place, name), what, cure)
