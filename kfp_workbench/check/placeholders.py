"""Checks the placeholders of a component, in ``command`` and ``args``.

kfp takes them as v1 wrote them, but for some that it has no words for
(``kfp.dsl.placeholders.maybe_convert_v1_yaml_placeholder_to_v2_placeholder``).
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kfp_workbench.project.components import CONTAINER, Component, parameter_type
from kfp_workbench.project.documents import Place
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown

INPUTS = ("inputValue", "inputPath", "inputUri")
OUTPUTS = ("outputPath", "outputUri")
KNOWN = ", ".join((*INPUTS, *OUTPUTS, "concat", "if", "executorInput"))
TYPES = "String, Integer, Float, Boolean, JsonObject, JsonArray"


class Placeholder(NamedTuple):
    """One placeholder: its place, its kind, and what it names."""

    place: Place
    kind: str
    name: object


def check_placeholders(component: Component) -> Iterator[Finding]:
    """Find what is no placeholder, and inputs and outputs that none or the wrong one hands over."""
    used: dict[tuple[str, str], Place] = {}
    for key in ("command", "args"):
        words = component.words(key)
        yield from _check_words(component, words, (*CONTAINER, key))
        for placeholder in _found(words, (*CONTAINER, key)):
            yield from _check(component, placeholder, used)
    yield from _check_unused(component, used)


def _check_words(component: Component, words: list[Any], place: Place) -> Iterator[Finding]:
    """Find what stands among words and is neither text nor a placeholder, at any depth."""
    for number, word in enumerate(words):
        here = (*place, number)
        if isinstance(word, str):
            continue
        if not isinstance(word, dict):
            what = f"{place[len(CONTAINER)]} has {shown(word)}, which is no text"
            yield component.found(here, what, "put it in quotes")
        elif len(word) != 1:
            what = f"{shown(word)} is not one placeholder"
            yield component.found(here, what, "write each as an item of its own")
        elif "concat" in word:
            yield from _check_concat(component, word["concat"], (*here, "concat"))
        elif "if" in word:
            yield from _check_if(component, word["if"], (*here, "if"))


def _check_concat(component: Component, parts: object, place: Place) -> Iterator[Finding]:
    if isinstance(parts, list):
        yield from _check_words(component, parts, place)
    else:
        yield component.found(place, "concat is no list", "write concat: [text, {inputValue: ...}]")


def _check_if(component: Component, content: object, place: Place) -> Iterator[Finding]:
    """Find what kfp does not take of an ``if``: v1 had other conditions, too."""
    form = "write if: {cond: {isPresent: input}, then: [...], else: [...]}"
    if not isinstance(content, dict):
        yield component.found(place, "if is no object", form)
        return
    condition = content.get("cond")
    if not isinstance(condition, dict) or list(condition) != ["isPresent"]:
        what = f"the cond of an if is {shown(condition)}, and KFP 2 knows isPresent only"
        yield component.found((*place, "cond"), what, form)
    if content.get("then") is None:
        yield component.found(place, "an if has no then", form)
    for branch, words in content.items():
        here = (*place, branch)
        if branch not in ("cond", "then", "else"):
            yield component.found(here, f"an if has the unknown key {shown(branch)}", form)
        elif branch == "else" and isinstance(words, dict):
            what = "the else of an if is a placeholder by itself, which kfp forgets to read"
            yield component.found(here, what, "put it in a list, else: [...]")
        elif branch != "cond" and words is not None:
            yield from _check_words(component, words if isinstance(words, list) else [words], here)


def _check(
    component: Component, placeholder: Placeholder, used: dict[tuple[str, str], Place]
) -> Iterator[Finding]:
    """Check one placeholder, and note what it hands over."""
    place, kind, name = placeholder
    if kind == "executorInput":
        if name is not None:
            yield component.found(place, "executorInput names something", "write null after it")
        for direction in ("input", "output"):
            ports = component.ports(f"{direction}s")
            used.update({(direction, port): place for port in ports})
        return
    if kind not in (*INPUTS, *OUTPUTS, "isPresent"):
        yield component.found(place, f"{shown(kind)} is no placeholder", f"use one of {KNOWN}")
        return
    direction = "output" if kind in OUTPUTS else "input"
    ports = component.ports(f"{direction}s")
    if not isinstance(name, str) or name not in ports:
        yield component.found(
            place, f"{kind} names {shown(name)}, which is no {direction}",
            f"declare it below {direction}s, or use one that is there",
        )  # fmt: skip
    elif kind != "isPresent":
        if direction == "output" and (direction, name) in used:
            what = f"the output {shown(name)} is given twice"
            yield component.found(place, what, "give the step one place to write it to")
        used[direction, name] = place
        yield from _check_kind(component, placeholder, ports[name][1])


def _check_kind(
    component: Component, placeholder: Placeholder, item: Mapping[str, Any]
) -> Iterator[Finding]:
    """Find placeholders that kfp has for parameters only, or for artifacts only."""
    place, kind, _ = placeholder
    name, declared = shown(item["name"]), item.get("type")
    parameter = parameter_type(declared)
    if kind == "inputValue" and not parameter:
        if isinstance(declared, str):
            why = f", as KFP takes {shown(declared)} for one"
        else:
            why = ", as it has no type" if declared is None else ", as its type is an object"
        what = f"{name} is an artifact{why}"
        yield component.found(place, what, f"use inputPath, or give it one of the types {TYPES}")
    elif kind in ("inputPath", "inputUri", "outputUri") and parameter:
        other = "inputValue" if kind.startswith("input") else "outputPath"
        yield component.found(place, f"{name} is a parameter", f"use {other}")


def _check_unused(component: Component, used: Mapping[tuple[str, str], Place]) -> Iterator[Finding]:
    for direction in ("input", "output"):
        for name, (place, item) in component.ports(f"{direction}s").items():
            if (direction, name) not in used:
                path = parameter_type(item.get("type")) is None
                value = "inputPath" if path else "inputValue"
                placeholder = value if direction == "input" else "outputPath"
                cure = f"add --{name.lower()}, {{{placeholder}: {name}}} to args, or remove it"
                what = f"no argument hands over the {direction} {shown(name)}"
                yield component.found((*place, "name"), what, cure)


def _found(items: Any, place: Place) -> Iterator[Placeholder]:
    """Return every placeholder in a list of words, or in one word."""
    for number, item in enumerate(items if isinstance(items, list) else [items]):
        here = (*place, number) if isinstance(items, list) else place
        if not isinstance(item, dict):
            continue
        for kind, content in item.items():
            if kind == "concat":
                yield from _found(content, (*here, kind))
            elif kind == "if" and isinstance(content, dict):
                condition = content.get("cond")
                if isinstance(condition, dict) and "isPresent" in condition:
                    yield Placeholder((*here, kind, "cond"), "isPresent", condition["isPresent"])
                for branch in ("then", "else"):
                    yield from _found(content.get(branch), (*here, kind, branch))
            elif kind != "if":
                odd = " outside an if" if kind == "isPresent" else ""
                yield Placeholder(here, f"{kind}{odd}", content)
