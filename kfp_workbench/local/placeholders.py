"""Placeholders in a command line: what the driver resolves, and then the launcher.

By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/driver/util.go
(``resolveContainerArgs``) and ``component/launcher_v2.go`` (``compileCmdAndArgs``).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kfp_workbench.local import values
from kfp_workbench.local.problems import ProblemError
from kfp_workbench.pipeline import clauses

_PARAMETER = re.compile(r"\{\{\$\.inputs\.parameters\['(.+?)']}}")

_SETTING = re.compile(r"\$.inputs.parameters\['(.+?)'\]")


class PlaceholderError(ProblemError):
    """A command line that the driver cannot resolve."""

    code = "no-value"


def resolve(words: Sequence[str], parameters: Mapping[str, Any]) -> list[str]:
    """Return a command line as the driver leaves it; raises PlaceholderError.

    A word that speaks of outputs is left to the launcher, whatever else it has. One that is an
    ``IfPresent`` becomes any number of words.
    """
    found: list[str] = []
    for word in words:
        if "$.outputs" in word:
            found.append(word)
        elif word.strip().startswith(clauses.START):
            found.extend(_condition(word, parameters))
        else:
            found.append(_replaced(word, parameters))
    return found


def parameter_in(text: str) -> str | None:
    """Return the name of the input that a setting of a container is, or None for a constant."""
    match = _SETTING.search(text)
    return match[1] if match else None


def tag(name: str) -> str:
    """Return what stands for the value of an input parameter."""
    return f"{{{{$.inputs.parameters['{name}']}}}}"


def names_in(text: str) -> list[str]:
    """Return the names of the inputs whose values stand in a text."""
    return _PARAMETER.findall(text)


def _replaced(word: str, parameters: Mapping[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in parameters:
            raise PlaceholderError(
                f"its command line needs the input {match[1]}, which has no value"
            )
        return values.driver_text(parameters[match[1]])

    return _PARAMETER.sub(value, word)


def _condition(word: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    clause = clauses.read(word)
    if clause is None:
        raise PlaceholderError(f"{word} is no IfPresent", "placeholder")
    is_present = parameters.get(clause.name) is not None
    for item in clause.then if is_present else clause.otherwise:
        if not isinstance(item, str):
            raise PlaceholderError(
                f"an IfPresent of {clause.name} holds something that is no text", "placeholder"
            )
        yield _replaced(item, parameters)


def compile_words(
    words: Sequence[str], executor_input: str, replacements: Mapping[str, str]
) -> list[str]:
    """Return a command line as the launcher runs it.

    ``{{$}}`` becomes the executor input, also in the first word, where nothing else is replaced.
    What a value brings in is replaced too, once: a cluster does so in no fixed order.
    """
    program, *rest = [word.replace("{{$}}", executor_input) for word in words]
    return [program, *(_all_replaced(word, replacements) for word in rest)]


def _all_replaced(word: str, replacements: Mapping[str, str]) -> str:
    if "{{$" not in word:
        return word
    for placeholder, text in replacements.items():
        word = word.replace(placeholder, text)
    return word
