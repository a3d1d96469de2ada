"""Reads what a new step takes and makes: ``data:Dataset trees:int=100``.

Each part is ``name:type``, or ``name:type=default`` for a parameter that need not be given. Types
are written as in a step's signature: https://www.kubeflow.org/docs/components/pipelines/reference/data-types/
"""

import json
import keyword
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from kfp_workbench.errors import refuse
from kfp_workbench.project import names, texts, values
from kfp_workbench.project.components import FINAL_STATUS
from kfp_workbench.project.documents import written
from kfp_workbench.project.port_types import ARTIFACTS, TYPES
from kfp_workbench.project.secrecy import is_secret
from kfp_workbench.project.signatures import RESULT

# As they are written in a new step: List and Dict are for those who have them.
PARAMETERS = {name: kind for name, kind in TYPES.items() if name.islower()}
KINDS = {compiled: kind for kind, compiled in PARAMETERS.items()}
REQUIRED: Any = object()  # the default of an input that has none

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")
_OPTIONS = frozenset(("help", "executor_input"))  # that every step's command line has
# What a step's main.py imports or makes, beside the types.
_USED = frozenset(("Input", "List", "NamedTuple", "Optional", "Outputs", "Path", "step"))
_HEAD = re.compile(r"(?:\[[^\]]*\]|[^\s=])*")  # a name and its type
_REST = re.compile(r"\S*")
_LIST = re.compile(rf"[Ll]ist\[({'|'.join(ARTIFACTS)})\]")
_SPELT = {"True": "true", "False": "false", "None": "null"}
_DECODER = json.JSONDecoder()


class Port(NamedTuple):
    """An input or output of a step."""

    name: str
    kind: str  # a key of PARAMETERS, one of ARTIFACTS, or List[...] of one
    default: Any = REQUIRED

    @property
    def is_artifact(self) -> bool:
        """Tell artifacts, and lists of them, from parameters."""
        return self.kind not in PARAMETERS

    @property
    def is_list(self) -> bool:
        """Tell a list of artifacts."""
        return _LIST.fullmatch(self.kind) is not None

    @property
    def artifact(self) -> str:
        """Return the class of an artifact, or of those in a list."""
        return self.kind.removeprefix("List[").removesuffix("]")

    @property
    def in_code(self) -> bool:
        """Tell whether ``pipeline.py`` can have the default: one that is never changed."""
        return isinstance(self.default, (str, int, float))


class Ports(NamedTuple):
    """What a step takes and makes."""

    inputs: Sequence[Port]
    outputs: Sequence[Port]


def read(inputs: str, outputs: str) -> Ports:
    """Return what ``IN=`` and ``OUT=`` say; raises WorkbenchError (2), with a line for each problem."""
    problems: list[str] = []
    found = Ports(
        list(_read("IN", inputs, problems, is_input=True)),
        list(_read("OUT", outputs, problems, is_input=False)),
    )
    problems += _shared_names(found)
    refuse(problems)
    return found


def _read(source: str, text: str, problems: list[str], *, is_input: bool) -> Iterator[Port]:
    """Yield the parts of a text that are right, and note what is wrong with the others."""
    for part in _parts(text):
        try:
            yield _port(*part, is_input=is_input)
        except ValueError as error:
            problems.append(f"{source}: {error}")


def _parts(text: str) -> Iterator[tuple[str, str, str | None]]:
    """Split a text into names, types and defaults; blanks within brackets and quotes split nothing."""
    place, end = 0, len(text)
    while place < end:
        if text[place].isspace():
            place += 1
            continue
        head = _matched(_HEAD, text, place)
        name, _, kind = head.partition(":")
        place, default = place + len(head), None
        if text[place : place + 1] == "=":
            default = _default_text(text, place + 1)
            place += 1 + len(default)
        yield name, kind, default


def _default_text(text: str, place: int) -> str:
    """Return the JSON value that begins at a place, or else all up to the next blank."""
    end = place
    if text[place : place + 1] in ('"', "[", "{"):
        try:
            _, end = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            return text[place:]
    return text[place:end] + _matched(_REST, text, end)


def _matched(pattern: re.Pattern[str], text: str, place: int) -> str:
    match = pattern.match(text, place)
    return match[0] if match else ""


def _port(name: str, kind: str, default: str | None, *, is_input: bool) -> Port:
    """Return a part as what it says; raises ValueError, whose message names the part."""
    if problem := _name_problem(name):
        raise ValueError(problem)
    port = Port(name, _kind(name, kind, is_input=is_input))
    if name == RESULT and (is_input or port.is_artifact):
        raise ValueError(f"{name!r} is what a returned value is called: choose another name")
    if default is None:
        return port
    if not is_input:
        raise ValueError(f"{name}: an output has no default: leave ={names.shown(default)} out")
    if port.is_artifact:
        raise ValueError(f"{name}: an artifact has no default: leave ={names.shown(default)} out")
    return port._replace(default=_default(port, default))


def _name_problem(name: str) -> str | None:
    quoted = names.shown(name)
    if not _NAME.fullmatch(name):
        words = "letters, digits and single underscores between them, a letter first"
        return f"{quoted} is not a valid name: write name:type, with {words}"
    if len(name) > names.MAX_NAME:
        return f"{quoted} has {len(name)} characters: use at most {names.MAX_NAME}"
    if keyword.iskeyword(name):
        return f"{quoted} is a Python keyword: choose another name"
    if name.lower() in _OPTIONS:
        return f"{quoted} is an option that every step has: choose another name"
    if name in PARAMETERS or name in ARTIFACTS or name in _USED:
        return f"{quoted} is a name that the step's code uses itself: choose another"
    return None


def _kind(name: str, kind: str, *, is_input: bool) -> str:
    if not kind:
        raise ValueError(f"{name} has no type: write {name}:str, or {name}:Dataset")
    if kind in PARAMETERS or kind in ARTIFACTS:
        return kind
    if match := _LIST.fullmatch(kind):
        if is_input:
            return f"List[{match[1]}]"
        raise ValueError(f"{name}: a step makes no list of artifacts: write {name}:{match[1]}")
    if kind == FINAL_STATUS:
        cure = "make the step without it, and add it in main.py"
        raise ValueError(
            f"{name}: a {FINAL_STATUS} is for an exit task, which you wire yourself: {cure}"
        )
    known = ", ".join((*PARAMETERS, *ARTIFACTS))
    like = {known.lower(): known for known in (*PARAMETERS, *ARTIFACTS)}.get(kind.lower())
    if "," in kind:
        raise ValueError(f"{name}: {names.shown(kind)} is no type: put a blank where the comma is")
    cure = f"write {name}:{like}" if like else f"choose one of {known}"
    raise ValueError(f"{name}: {names.shown(kind)} is no type: {cure}")


def _default(port: Port, text: str) -> Any:
    """Return the value of a default; raises ValueError for one of another type."""
    kind = PARAMETERS[port.kind]
    if is_secret(port.name):
        raise ValueError(
            f"{port.name}: its name says secret, and code is no place for it: leave it out"
        )
    if text in ("None", "null"):
        return None
    value: Any
    if port.kind == "str":
        value = _unquoted(port.name, text)
    else:
        try:
            value = values.parse(_SPELT.get(text, text), kind)
        except ValueError as error:
            raise ValueError(f"{port.name}: the default {names.shown(text)} {error}") from None
    place = (port.name,)
    # In this order: notes are on values that can be at all.
    for problem in chain(values.problems(place, value, kind), values.notes(place, value)):
        raise ValueError(problem.text)
    for where, trouble in texts.find(value, place):
        if trouble.refused:
            raise ValueError(f"{written(where)}: {trouble.text()}")
    return float(value) if kind == "NUMBER_DOUBLE" else value


def _unquoted(name: str, text: str) -> str:
    value = text
    if text.startswith('"'):
        try:
            value = json.loads(text)
        except ValueError as error:
            raise ValueError(
                f"{name}: {names.shown(text)} is no text between quotes ({error}): mend it"
            ) from None
    elif text.startswith("'"):
        raise ValueError(f'{name}: {names.shown(text)} begins with a quote: put texts in "..."')
    if problem := names.text_problem(value):
        raise ValueError(f"{name}: {problem}")
    return value


def _shared_names(ports: Ports) -> Iterator[str]:
    """Find names that are there more than once, which KFP tells apart in lower case only."""
    seen: dict[str, str] = {}
    for source, found in zip(("IN", "OUT"), ports, strict=True):
        for port in found:
            key = port.name.lower()
            if key in seen:
                there = f"{port.name!r} is there already, in {seen[key]}"
                yield f"{source}: {there}: choose another name"
            seen.setdefault(key, source)
