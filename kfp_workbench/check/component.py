"""Checks a step's ``component.yaml`` for itself.

KFP's compiler takes most of this for granted, and the cluster does not.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kfp_workbench.project.components import CONTAINER, PARAMETERS, Component
from kfp_workbench.project.documents import Place
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown
from kfp_workbench.project.port_types import STATUS
from kfp_workbench.project.secrecy import is_secret
from kfp_workbench.project.settings import Settings
from kfp_workbench.project.sources import is_file
from kfp_workbench.project.steps import Step, image_name
from kfp_workbench.project.values import TYPES

ARTIFACTS = frozenset(("artifact", "dataset", "model", "html", "markdown", "metrics")) | {
    "classificationmetrics",
    "slicedclassificationmetrics",
}
KEYS = {
    "component.yaml": "name description metadata inputs outputs implementation version",
    "inputs": "name type description default optional annotations",
    "outputs": "name type description annotations",
    "implementation": "container",
    "container": "image command args env fileOutputs",
}
INPUTS = ("inputValue", "inputPath", "inputUri")
OUTPUTS = ("outputPath", "outputUri")


def check_component(component: Component, step: Step, settings: Settings) -> Iterator[Finding]:
    """Find what is wrong with a component by itself."""
    yield from _check_keys(component)
    for kind in ("inputs", "outputs"):
        yield from _check_ports(component, kind)
    yield from _check_image(component, step, settings)
    yield from _check_command(component, step)
    yield from _check_env(component)
    args = component.container.get("args", [])
    if not isinstance(args, list):
        yield component.found((*CONTAINER, "args"), "args is no list", "write args: [--flag, ...]")
        return
    for number, item in enumerate(args):
        if not isinstance(item, (str, dict)):
            what = f"args has {shown(item)}, which is no text"
            yield component.found((*CONTAINER, "args", number), what, "put it in quotes")
    yield from _check_placeholders(component, args)


def _check_keys(component: Component) -> Iterator[Finding]:
    value = component.document.value
    places: list[tuple[str, Place, object]] = [("component.yaml", (), value)]
    places += [(kind, place, item) for kind in ("inputs", "outputs")
               for place, item in component.ports(kind).values()]  # fmt: skip
    places += [("implementation", ("implementation",), value["implementation"])]
    places += [("container", CONTAINER, component.container)]
    for kind, place, item in places:
        known = KEYS[kind].split()
        for key in item if isinstance(item, dict) else []:
            if key not in known:
                what = f"{kind} has the unknown key {shown(key)}"
                yield component.found((*place, key), what, f"use one of {', '.join(known)}")


def _check_ports(component: Component, kind: str) -> Iterator[Finding]:
    items = component.document.value.get(kind) or []
    if not isinstance(items, list) or not all(
        isinstance(item, dict) and isinstance(item.get("name"), str) for item in items
    ):
        cure = "write - {name: ..., type: ...}"
        yield component.found((kind,), f"{kind} is no list of named items", cure)
        return
    seen: dict[str, str] = {}
    for number, item in enumerate(items):
        name, place = item["name"], (kind, number)
        key = _python_name(name)
        if key in seen:
            what = f"the {kind[:-1]} {shown(name)} and {shown(seen[key])} are one name to KFP"
            yield component.found((*place, "name"), what, "rename one")
        seen[key] = name
        yield from _check_type(component, place, item, kind)


def _check_type(
    component: Component, place: Place, item: Mapping[str, Any], kind: str
) -> Iterator[Finding]:
    name, declared = item["name"], item.get("type")
    parameter = _parameter(declared)
    if not parameter and not _is_artifact(declared, kind):
        what = f"{shown(name)} has " + (
            "no type" if declared is None else f"the unknown type {shown(declared)}"
        )
        cure = f"KFP would make it an Artifact, use one of {_known_types()}"
        yield component.found((*place, "type"), what, cure)
    default = item.get("default")
    if default is not None and parameter and not _fits(default, parameter):
        what = f"the default of {shown(name)} is {shown(default)}, not {TYPES[parameter][0]}"
        yield component.found((*place, "default"), what, "write one that fits its type")


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


def _check_command(component: Component, step: Step) -> Iterator[Finding]:
    place = (*CONTAINER, "command")
    command = component.container.get("command")
    if command is None:
        cure = "write the Dockerfile's ENTRYPOINT, which a cluster never uses"
        yield component.found(place, "has no command", cure)
    elif not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        yield component.found(place, "command is no list of texts", "write [python, main.py]")
    else:
        scripts = [word for word in command if word.endswith(".py")]
        if scripts and not is_file(step.folder / scripts[0]):
            what = f"command runs {shown(scripts[0])}, which is not in steps/{step.name}/"
            yield component.found(place, what, "name a file that is there")


def _check_env(component: Component) -> Iterator[Finding]:
    env = component.container.get("env")
    for name in env if isinstance(env, dict) else []:
        if is_secret(str(name)):
            what = f"env sets {shown(name)}, and anyone may read this file"
            cure = "give the step a Kubernetes secret, or the path of a file"
            yield component.found((*CONTAINER, "env", name), what, cure)


def _check_placeholders(component: Component, args: list[Any]) -> Iterator[Finding]:
    """Find unknown placeholders, and inputs and outputs that none or the wrong one hands over."""
    ports = {"input": component.ports("inputs"), "output": component.ports("outputs")}
    used: dict[tuple[str, str], Place] = {}
    for place, kind, name in _placeholders(args, (*CONTAINER, "args")):
        direction = "input" if kind.startswith("input") or kind == "isPresent" else "output"
        if kind not in (*INPUTS, *OUTPUTS, "isPresent", "executorInput"):
            known = ", ".join((*INPUTS, *OUTPUTS, "concat", "if", "executorInput"))
            yield component.found(place, f"{shown(kind)} is no placeholder", f"use one of {known}")
        elif kind == "executorInput":
            used.update({(way, port): place for way, found in ports.items() for port in found})
        elif name not in ports[direction]:
            yield component.found(
                place, f"{kind} names {shown(name)}, which is no {direction}",
                f"declare it below {direction}s, or use one that is there",
            )  # fmt: skip
        elif kind != "isPresent":
            if direction == "output" and ("output", name) in used:
                what = f"the output {shown(name)} is given twice"
                yield component.found(place, what, "give the step one place to write it to")
            used[direction, name] = place
            yield from _check_kind(component, place, kind, ports[direction][name][1])
    for direction, found in ports.items():
        for name, (place, _) in found.items():
            if (direction, name) not in used:
                placeholder = "inputValue" if direction == "input" else "outputPath"
                cure = f"add --{name.lower()}, {{{placeholder}: {name}}} to args, or remove it"
                what = f"no argument hands over the {direction} {shown(name)}"
                yield component.found((*place, "name"), what, cure)


def _check_kind(
    component: Component, place: Place, kind: str, item: Mapping[str, Any]
) -> Iterator[Finding]:
    """Find placeholders that kfp has for parameters only, or for artifacts only."""
    parameter = _parameter(item.get("type")) or item.get("type") == STATUS
    if not parameter and not isinstance(item.get("type"), str):
        return
    if kind == "inputValue" and not parameter:
        yield component.found(place, f"{shown(item['name'])} is an artifact", "use inputPath")
    elif kind in ("inputPath", "inputUri", "outputUri") and parameter:
        other = "inputValue" if kind.startswith("input") else "outputPath"
        yield component.found(place, f"{shown(item['name'])} is a parameter", f"use {other}")


def _placeholders(items: Any, place: Place) -> Iterator[tuple[Place, str, str]]:
    """Return every placeholder in ``args``: its place, kind and the name in it."""
    for number, item in enumerate(items if isinstance(items, list) else [items]):
        here = (*place, number) if isinstance(items, list) else place
        if not isinstance(item, dict):
            continue
        for kind, content in item.items():
            if kind == "concat":
                yield from _placeholders(content, (*here, kind))
            elif kind == "if" and isinstance(content, dict):
                condition = content.get("cond")
                yield from _placeholders(condition, (*here, kind, "cond"))
                for branch in ("then", "else"):
                    yield from _placeholders(content.get(branch), (*here, kind, branch))
            else:
                yield here, str(kind), str(content)


def _parameter(declared: object) -> str | None:
    """Return what the compiled pipeline calls a parameter's type; None for other types."""
    if not isinstance(declared, str):
        return None
    return PARAMETERS.get(declared.partition("[")[0].strip().lower())


def _is_artifact(declared: object, kind: str) -> bool:
    if not isinstance(declared, str):
        return False
    if declared == STATUS:
        return kind == "inputs"
    return declared.lower() in ARTIFACTS or bool(re.fullmatch(r"google\.[A-Za-z]+", declared))


def _known_types() -> str:
    parameters = "String, Integer, Float, Boolean, JsonObject, JsonArray"
    return f"{parameters}, Dataset, Model, Metrics, ClassificationMetrics, HTML, Markdown"


def _fits(default: object, parameter: str) -> bool:
    """Tell whether kfp can make a default of a type, which may be given as text."""
    if isinstance(default, TYPES[parameter][1]) and not (
        isinstance(default, bool) and parameter.startswith("NUMBER")
    ):
        return True
    try:
        if parameter == "NUMBER_INTEGER":
            int(str(default))
        elif parameter == "NUMBER_DOUBLE":
            float(str(default))
        elif parameter in ("LIST", "STRUCT"):
            return _is_json(default, dict if parameter == "STRUCT" else list)
        elif parameter == "BOOLEAN":
            words = "y yes t true on 1 n no f false off 0"
            return str(default).lower() in words.split()
    except (ValueError, RecursionError):
        return False
    return parameter != "STRING"


def _is_json(text: object, kind: type) -> bool:
    import json

    return isinstance(text, str) and isinstance(json.loads(text), kind)


def _python_name(name: str) -> str:
    """Return the name that kfp gives an input or output in Python."""
    return re.sub(r"[^_0-9a-z]+", "_", name.lower()).strip("_")
