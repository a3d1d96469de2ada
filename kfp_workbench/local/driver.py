"""Begins executions of tasks: what they are given, whether they run, where their outputs go.

By https://github.com/kubeflow/pipelines/tree/2.17.0/backend/src/v2/driver (``root_dag.go``, ``dag.go``,
``container.go``, ``driver.go``).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kfp_workbench.local import expansion, identifiers, inputs, placeholders, quantities, values
from kfp_workbench.local.artifacts import LOGS, RuntimeArtifact, local_path, root_of
from kfp_workbench.local.collecting import UnresolvedError
from kfp_workbench.local.inputs import Inputs, Options
from kfp_workbench.local.metadata import CANCELED, Artifact, Execution, Metadata, MetadataError
from kfp_workbench.local.problems import CelError, ProblemError
from kfp_workbench.project.names import called, shown

_AMOUNTS = tuple(
    f"resource{what}{kind}" for what in ("Cpu", "Memory") for kind in ("Limit", "Request")
)
OUTPUTS = "/tmp/kfp/outputs"  # noqa: S108  # in a container


class DriverError(ProblemError):
    """A task that its driver does not begin."""


class Outputs(NamedTuple):
    """Where a container leaves what it makes."""

    parameters: Mapping[str, str]  # files by name
    artifacts: Mapping[str, Sequence[RuntimeArtifact]]
    file: str  # for all that it publishes


class Begun:
    """An execution, and what comes of it; ``triggers`` is False for a condition that does not hold."""

    def __init__(
        self,
        execution: Execution,
        inputs: Inputs,
        triggers: bool = True,
        outputs: Outputs | None = None,
        command: Sequence[str] = (),
    ) -> None:
        self.execution, self.inputs, self.triggers = execution, inputs, triggers
        self.outputs, self.command = outputs, command
        self.items: Sequence[Any] | None = None  # of a loop


def root(metadata: Metadata, parameters: Mapping[str, Any]) -> Execution:
    """Begin a pipeline with all of its parameters."""
    execution = Execution(0, "dag", "", 0)
    execution.inputs = parameters
    return metadata.create(execution)


def dag(options: Options) -> Begun:
    """Begin a DAG that is a task, a loop or an iteration of one; raises DriverError."""
    given, triggers = _given(options)
    inner = options.component.dag
    assert inner is not None
    execution = _execution(options, "dag", given, triggers)
    execution.parameter_producers = inner.parameters or None
    execution.artifact_producers = inner.artifacts or None
    execution.tasks = len(inner.tasks)
    begun = Begun(execution, given, triggers)
    if options.task.loop and options.iteration is None and triggers:
        begun.items = _items(options, given)
        execution.iterations = len(begun.items)
    _create(options, execution)
    return begun


def container(options: Options, pipeline: str) -> Begun:
    """Begin a container's task of the pipeline ``pipeline``; raises DriverError."""
    given, triggers = _given(options)
    begun = Begun(_execution(options, "container", given, triggers), given, triggers)
    if triggers:
        begun.outputs = _outputs(options, pipeline)
    _create(options, begun.execution)
    return begun


def again(options: Options, given: Inputs, pipeline: str) -> Begun:
    """Begin a container's task with the inputs that an earlier execution had."""
    begun = Begun(_execution(options, "container", given, True), given)
    begun.outputs = _outputs(options, pipeline)
    options.metadata.create(begun.execution)
    return begun


def resolve_image(begun: Begun, image: Mapping[str, Any]) -> str:
    """Return the image that a container has, which may be an input of its task; raises DriverError."""
    name = placeholders.parameter_in(image["image"])
    if name is None:
        return str(image["image"])
    value = begun.inputs.parameters.get(name)
    if not isinstance(value, str) or not value:
        raise DriverError(f"its image is the input {name}, which names none")
    return value


def check_amounts(begun: Begun, image: Mapping[str, Any]) -> None:
    """Raise DriverError for a limit or request of a container that is no amount (getPodResource)."""
    for text in amounts(image):
        name = placeholders.parameter_in(text)
        value = text if name is None else begun.inputs.parameters.get(name)
        if isinstance(value, float) and text == _count(image):
            continue  # and none of it is asked for
        if problem := amount_problem(value):
            which = text if name is None else called(name)
            raise DriverError(f"a limit or request of it, {which}, {problem}", "type")


def amounts(image: Mapping[str, Any]) -> Iterator[str]:
    """Yield the limits and requests of a container, each an amount or the placeholder of an input."""
    resources = image.get("resources") or {}
    yield from filter(None, (resources.get(name) for name in _AMOUNTS))
    if count := _count(image):
        yield count


def _count(image: Mapping[str, Any]) -> str:
    """Return how many accelerators a container asks for; nothing without."""
    accelerator = (image.get("resources") or {}).get("accelerator") or {}
    return str(accelerator.get("resourceCount", "")) if accelerator.get("resourceType") else ""


def amount_problem(value: Any) -> str | None:
    """Return why the driver does not take a value for an amount, or None."""
    if not isinstance(value, str):
        return "is no text, and servers take only texts for amounts"
    try:
        quantities.canonical(value)
    except ValueError:
        return f"is {shown(value)}, which is no amount"
    return None


def resolve_command(begun: Begun, image: Mapping[str, Any]) -> None:
    """Resolve the command line as far as the driver does; raises DriverError."""
    words = [*image.get("command", []), *image.get("args", [])]
    try:
        begun.command = placeholders.resolve(words, begun.inputs.parameters)
    except placeholders.PlaceholderError as error:
        raise DriverError(str(error), error.code) from None


def check_tags(begun: Begun) -> None:
    """Raise DriverError for a value of a task's that Argo would not hand on (see `expansion`)."""
    metadata = [
        dict(item.metadata) for several in begun.inputs.artifacts.values() for item in several
    ]
    if tag := expansion.stumbled_over([begun.inputs.parameters, metadata]):
        raise DriverError(
            f"{{{{{tag}}}}}, in what it is given, is a tag of Argo Workflows: let steps write it otherwise"
        )


def _given(options: Options) -> tuple[Inputs, bool]:
    """Return what a task is given, and whether its condition holds."""
    try:
        given = inputs.resolve(options)
        triggers = _triggers(options.task.condition, given)
    except UnresolvedError as error:
        raise DriverError(str(error), error.code) from None
    if not values.is_finite(given.parameters):  # which no driver can write down, a DAG's neither
        raise DriverError("one of its inputs is no number that JSON has", "type")
    return given, triggers


def _triggers(condition: str, given: Inputs) -> bool:
    """Tell whether a task's condition holds; one without is run."""
    if not condition:
        return True
    from kfp_workbench.local import expression  # most pipelines start without it

    try:
        return expression.condition(condition, given.parameters)
    except CelError as error:
        raise DriverError(f"its condition, {condition}: {error}", error.code) from None


def _execution(options: Options, kind: str, given: Inputs, triggers: bool) -> Execution:
    artifacts: list[tuple[str, Artifact]] = [
        (name, artifact) for name, several in given.artifacts.items() for artifact in several
    ]
    execution = Execution(0, kind, options.task.name, options.dag.id)
    execution.index = options.iteration
    execution.inputs, execution.input_artifacts = given.parameters, artifacts
    if not triggers:
        execution.state = CANCELED
    return execution


def _create(options: Options, execution: Execution) -> None:
    try:
        options.metadata.create(execution)
    except MetadataError as error:
        raise DriverError(str(error), error.code) from None


def _items(options: Options, given: Inputs) -> Sequence[Any]:
    """Return what a loop goes over; a list of the file is an input of the loop then."""
    loop = options.task.loop
    assert loop is not None
    try:
        if loop.items:
            if loop.items not in given.parameters:
                raise DriverError(f"the loop's items, {loop.items}, are not there")
            return inputs.items_of(given.parameters[loop.items])
        value = values.doubles(json.loads(loop.raw, parse_int=float))
        given.parameters[loop.item] = value
        return inputs.items_of(value)
    except (UnresolvedError, ValueError) as error:
        raise DriverError(f"it cannot go over its items: {error}") from None


def _outputs(options: Options, pipeline: str) -> Outputs:
    """Return where a container leaves its outputs (provisionOutputs)."""
    where = f"{root_of(pipeline, options.identity.run_id)}{options.task.name}"
    task = f"{where}/{identifiers.new()}"
    declared = {
        **options.component.output_artifacts,
        LOGS: {"artifactType": {"schemaTitle": "system.Artifact"}},
    }
    artifacts = {
        name: [
            RuntimeArtifact(
                name,
                f"{task}/{name}",
                item.get("artifactType") or {},
                values.doubles(item["metadata"]) if "metadata" in item else None,
            )
        ]
        for name, item in declared.items()
    }
    parameters = {name: f"{OUTPUTS}/{name}" for name in options.component.outputs}
    return Outputs(parameters, artifacts, f"{local_path(task)}/output_metadata.json")
