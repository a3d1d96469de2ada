"""Traps of command lines: what a container would be handed that nobody wrote for it.

Words are resolved by what local runs resolve them with, which is held to a real backend.
"""

import re
from collections.abc import Iterator, Mapping

from kfp_workbench.check.flow import NOTHING, Given, Visit, has_artifact, possible
from kfp_workbench.check.trap import Trap, Word
from kfp_workbench.local import placeholders
from kfp_workbench.pipeline import clauses as ifs
from kfp_workbench.project.names import called, shown

_TAG = re.compile(r"\{\{\s*\$[.}](?:.*?\}\}|\})", re.DOTALL)
_OF_RUN = re.compile(r"\$\.(pipeline_\w+|workspace_path)")
_ARTIFACTS = re.compile(r"\{\{\$\.inputs\.artifacts\['[^']*'\]\}\}")  # a list of them


def unresolved(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find placeholders that are handed over as they are written, or fail the driver."""
    names = visit.names
    inputs = dict.fromkeys(names, "")
    for word, text in words(visit):
        if _is_clause(text):
            continue
        for tag in dict.fromkeys(_TAG.findall(_resolved(text, inputs, _places(visit), word))):
            if not placeholders.names_in(tag):
                yield Trap(f"hands {shown(tag)} over as it is written", _cure(tag), word)
        for name in placeholders.names_in(text):
            if name not in names:
                what = f"has {shown(placeholders.tag(name))}, and there is no input {shown(name)}"
                known = ", ".join(names) or "none"
                yield Trap(what, f"declare it, or take one that is there, {known}", word)


def missing(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find inputs that a command line needs, and that may have no value."""
    names = visit.component.parameters
    for name, declared in names.items() if visit.container else ():
        if declared.is_optional and NOTHING in possible(visit, name, given):
            inputs = {other: "" for other in names if other != name}
            if any(_needs(text, name, inputs) for _, text in words(visit)):
                yield Trap(
                    f"{visit.task.label} may have no {called(name)}, and its command line has it "
                    "outside of an `if`",
                    "pass one, give it a default, or put it into `if: {cond: {isPresent: ...}}`",
                )
    for name in visit.component.artifacts if visit.container else ():
        if not has_artifact(visit, name):
            tag = f"{{{{$.inputs.artifacts['{name}']"
            if any(tag in text and not _is_clause(text) for _, text in words(visit)):
                yield Trap(
                    f"{visit.task.label} has no {called(name)}, and its command line has its path",
                    "pass one, or hand over '{{$}}', the executor input, in which it is or is not",
                )


def clauses(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find an ``if`` or ``concat`` that a server hands over as JSON, or stumbles over."""
    names = visit.component.parameters
    for word, text in words(visit):
        if text.startswith('{"Concat":'):
            cure = "make it `if: {then: [...], else: [...]}` of whole arguments"
            yield Trap("hands the JSON of a `concat` with an `if` over, unresolved", cure, word)
        elif text.startswith(ifs.START):
            clause = ifs.read(text) or ifs.Clause("", (), ())
            name = clause.name
            if not all(isinstance(item, str) for item in (*clause.then, *clause.otherwise)):
                what = "has an `if` or `concat` within an `if`, which fails before the step starts"
                yield Trap(what, "write a second `if` after the first, and texts in it", word)
            elif "$.outputs" in text:
                what = "hands the JSON of an `if` over that has an output's path"
                yield Trap(what, "hand the path over outside of the `if`", word)
            elif name in visit.component.artifacts and has_artifact(visit, name):
                what = f"asks whether the artifact {shown(name)} is present, and no server finds it"
                cure = "hand over '{{$}}', the executor input, in which it is or is not"
                yield Trap(what, cure, word)
            elif name not in {*names, *visit.component.artifacts}:
                what = f"asks for the input {shown(name)}, and there is none"
                yield Trap(what, "name one that is declared", word)


def words(visit: Visit) -> Iterator[tuple[Word, str]]:
    """Yield the words of a container's command line."""
    for key in ("command", "args"):
        for number, text in enumerate(visit.container.get(key) or ()):
            yield Word(key, number), str(text)


def _is_clause(text: str) -> bool:
    return text.startswith((ifs.START, '{"Concat":'))


def _resolved(
    text: str, inputs: Mapping[str, str], replacements: Mapping[str, str], word: Word
) -> str:
    """Return a word as a container gets it, with nothing for each value and path."""
    found = text
    for name in inputs:
        found = found.replace(placeholders.tag(name), "")
    return placeholders.compile_words(["", found], "", replacements)[1]


def _places(visit: Visit) -> dict[str, str]:
    """Return the placeholders of a component that stand for paths and addresses."""
    component = visit.component
    artifacts = [("inputs", n) for n in component.artifacts]
    artifacts += [("outputs", n) for n in component.output_artifacts]
    found = {
        f"{{{{$.{kind}.artifacts['{name}'].{field}}}}}": ""
        for kind, name in artifacts
        for field in ("path", "uri")
    }
    return found | {
        f"{{{{$.outputs.parameters['{n}'].output_file}}}}": "" for n in component.outputs
    }


def _needs(text: str, name: str, inputs: Mapping[str, str]) -> bool:
    """Tell whether a word cannot be resolved without an input."""
    if "$.outputs" in text:
        return placeholders.tag(name) in text  # handed over as it is written
    try:
        placeholders.resolve([text], inputs)
    except placeholders.PlaceholderError as error:
        return error.code == "no-value" and name in placeholders.names_in(text)
    return False


def _cure(tag: str) -> str:
    if _OF_RUN.search(tag):
        return "give the step an input for it, and pass the placeholder alone"
    if _ARTIFACTS.search(tag):
        return "hand over '{{$}}', the executor input, in which each has its uri and metadata"
    return "write a placeholder as KFP's SDK does, with {inputValue: ...} in a component.yaml"
