"""Texts that a KFP server refuses, or that do not reach a step as they are.

Two things make a default install answer 500, the first one after it has started a workflow
that nobody sees. Its connection to the database is ``utf8``, which ends at U+FFFF:
https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/apiserver/client/sql.go
And all of a workflow is a template to Argo, whose tags are in double braces. Those that begin
as its variables do have to be variables that are there; others, such as KFP's own
placeholders, ``{{$...}}``, it leaves alone:
https://github.com/argoproj/argo-workflows/blob/v4.0.8/workflow/validate/validate.go
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kfp_workbench.project import variables
from kfp_workbench.project.documents import Place, Problem, written
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import is_secret

_LEAVE_OUT = "leave it out"
_PART = "put a space between the braces, or use KFP's own placeholders, {{$...}}, in pipeline.py"
_BEYOND = re.compile("[\U00010000-\U0010ffff]")  # compiled in no time, unlike its complement
_PICTURE = re.compile(rf"{_BEYOND.pattern}[\u200d\ufe0f]*")  # with what joins it to the next
_TAG = re.compile(r"\{\{(.*?)(\}\}|\Z)", re.DOTALL)  # what follows in the workflow ends any
_ROOTS = ("item.", "steps.", "inputs.", "pod.", "workflow.", "tasks.")  # outputs. it lets pass
# What Argo knows at the start of any workflow, ...
_VARIABLES = frozenset(
    f"workflow.{name}"
    for name in (
        *("name", "namespace", "uid", "status", "mainEntrypoint", "serviceAccountName"),
        *("parameters", "parameters.json", "labels", "labels.json"),
        *("annotations", "annotations.json"),
    )
) | {"node.name"}
# ... what it looks no further at, and what it evaluates.
_STARTS = (
    *("workflow.creationTimestamp", "workflow.scheduledTime", "workflow.duration"),
    *("tasks.name", "steps.name", "="),
)


class Trouble(NamedTuple):
    """What is wrong with a text."""

    excerpt: str  # the character, or the tag
    what: str
    about: str  # the same without the excerpt, for what is secret
    cure: str
    refused: bool  # by the server; else it is changed on the way to the step

    def text(self, hidden: bool = False) -> str:
        """Return what is wrong, without any of the text if ``hidden``, and the cure."""
        return f"{self.about if hidden else self.what}: {self.cure}"


def storable(text: str) -> str:
    """Return a text without the characters that KFP's database does not take."""
    kept = _PICTURE.sub("", text)
    return text if kept == text else kept.strip()


def check_given(
    values: Mapping[str, Any],
    entries: Mapping[Any, Any],
    above: Place = (),
    *,
    for_argo: bool = True,
) -> tuple[list[Problem], list[Problem]]:
    """Return what the server refuses, and what a cluster changes, of values that a file gives.

    ``entries`` are the values as they stand in the file, below ``above``; no message repeats
    what is secret by its name, or by that of its variable.
    """
    refused: list[Problem] = []
    changed: list[Problem] = []
    for name, value in values.items():
        secret = any(map(is_secret, variables.used(entries[name])))
        for place, trouble in find(value, (*above, name), for_argo=for_argo):
            hidden = secret or any(is_secret(str(part)) for part in place)
            problem = Problem(place, f"{written(place)}: {trouble.text(hidden)}")
            (refused if trouble.refused else changed).append(problem)
    return refused, changed


def find(
    value: Any, place: Place = (), *, for_argo: bool = True
) -> Iterator[tuple[Place, Trouble]]:
    """Find what is wrong with the texts in a JSON value, keys too, each with its place.

    What does not get into a workflow (``for_argo=False``), such as an experiment's name, may
    have any tags.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            yield from find(key, (*place, key), for_argo=for_argo)
            yield from find(item, (*place, key), for_argo=for_argo)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from find(item, (*place, index), for_argo=for_argo)
    elif isinstance(value, str):
        yield from ((place, trouble) for trouble in _characters(value))
        yield from ((place, trouble) for trouble in (_tags(value) if for_argo else ()))


def _characters(text: str) -> Iterator[Trouble]:
    """Find the first character that KFP's database does not take."""
    if match := _BEYOND.search(text):
        name = f"{shown(match[0])} (U+{ord(match[0]):X})"
        what = "which a server refuses (its database ends at U+FFFF)"
        yield Trouble(
            match[0], f"has {name}, {what}", f"has a character, {what}", _LEAVE_OUT, refused=True
        )


def _tags(text: str) -> Iterator[Trouble]:
    """Find the tags that mean something to Argo, each once."""
    for whole, tag, end in dict.fromkeys(match.group(0, 1, 2) for match in _TAG.finditer(text)):
        tag = tag.strip(" ")  # line ends and tabs are letters by then, as JSON has them
        if (end and tag in _VARIABLES) or tag.startswith(_STARTS):
            what, refused = "which a cluster replaces (Argo takes it for its own)", False
        elif tag.startswith(_ROOTS):
            what, refused = "which a server refuses (to Argo it is a variable, and not there)", True
        else:
            continue
        yield Trouble(
            whole, f"has {shown(whole)}, {what}", f"has {{{{...}}}}, {what}", _PART, refused
        )
