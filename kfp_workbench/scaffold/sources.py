"""Finds what in a pipeline fits the inputs of a new step.

An input is wired, in this order, to:

1. an output of the same name and type, of the latest task that has one;
2. what a step returned that takes an input of this name and type, and so hands it on;
3. an artifact of the same type, of the latest task that has one;
4. the pipeline's parameter of the same name and type;
5. a new parameter of the pipeline; for an artifact it tells where that is.

An input that may be absent is left out where nothing fits.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from kfp_workbench.project.signatures import RESULT
from kfp_workbench.scaffold.ports import REQUIRED, Port, Ports


class Made(NamedTuple):
    """What a task makes."""

    port: Port
    text: str  # by which ``pipeline.py`` calls it
    step: str


class Choice(NamedTuple):
    """What the inputs of a step are wired to."""

    arguments: Mapping[str, str]  # by the inputs' names in ``pipeline.py``
    missing: Sequence[Port]  # inputs that nothing fits
    replaced: str | None  # what the step hands on, and so takes the place of


def choose(
    ports: Ports, made: Sequence[Made], steps: Mapping[str, Ports], parameters: Mapping[str, str]
) -> Choice:
    """Return what to wire a step's inputs to.

    ``made`` has the latest first; ``parameters`` are the pipeline's, with their types.
    """
    arguments: dict[str, str] = {}
    missing: list[Port] = []
    replaced = None
    for port in ports.inputs:
        handed_on = next(_handed_on(port, made, steps), None)
        fitting = [*_named(port, made), *filter(None, [handed_on]), *_artifacts(port, made)]
        if fitting:
            arguments[port.name] = fitting[0]
            if fitting[0] == handed_on and hands_on(ports, port):
                replaced = handed_on
        elif _plain(parameters.get(port.name, "")) == port.kind:
            arguments[port.name] = port.name
        elif port.default is not None:
            missing.append(port)
    return Choice(arguments, missing, replaced)


def hands_on(ports: Ports, port: Port) -> bool:
    """Tell whether a step needs this, and returns one value of its type: what it made of it."""
    inputs = [(each.name, each.kind) for each in ports.inputs if each.default is REQUIRED]
    returned = [each.kind for each in ports.outputs if each.name == RESULT]
    return (port.name, port.kind) in inputs and returned == [port.kind]


def _named(port: Port, made: Sequence[Made]) -> Iterator[str]:
    for item in made:
        if item.port.name == port.name and _fits(item.port, port):
            yield item.text


def _handed_on(port: Port, made: Sequence[Made], steps: Mapping[str, Ports]) -> Iterator[str]:
    for item in made:
        if item.port.name == RESULT and hands_on(steps[item.step], port):
            yield item.text


def _artifacts(port: Port, made: Sequence[Made]) -> Iterator[str]:
    for item in made:
        if port.is_artifact and _fits(item.port, port):
            yield item.text


def _fits(output: Port, port: Port) -> bool:
    """Tell whether KFP takes an output for an input: it takes any artifact for an Artifact."""
    any_artifact = port.kind == "Artifact" and output.is_artifact and not output.is_list
    return output.kind == port.kind or any_artifact


def _plain(annotation: str) -> str:
    """Return an annotation as types are called here: ``list`` for ``List[int]``."""
    outer, bracket, _ = annotation.partition("[")
    return outer.rpartition(".")[2].lower() if bracket else outer
