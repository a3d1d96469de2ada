"""What a task is given: the driver's part that resolves its inputs, and checks their types.

By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/driver/resolve.go (``resolveInputs``).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from kfp_workbench.local import collecting, spec, values
from kfp_workbench.local.artifacts import WORKSPACE
from kfp_workbench.local.collecting import NO_VALUE, UnresolvedError
from kfp_workbench.local.metadata import Artifact, Execution, Metadata, MetadataError
from kfp_workbench.local.problems import CelError
from kfp_workbench.local.spec import ComponentInput, Constant, FinalStatus, Source, TaskOutput
from kfp_workbench.project.names import CHANNEL
from kfp_workbench.project.secrecy import MASK, is_secret


class Identity(NamedTuple):
    """What placeholders of a run stand for."""

    run_id: str
    resource_name: str  # of the run, in Kubernetes
    display_name: str
    created: str  # UTC, as in 2026-01-31T12:00:00Z

    @property
    def tags(self) -> Mapping[str, str]:
        """What Argo's tags of a run stand for (``{{workflow.name}}``), in a default install."""
        return {
            "workflow.name": self.resource_name,
            "workflow.namespace": "kubeflow",
            "workflow.uid": self.run_id,
            "workflow.serviceAccountName": "pipeline-runner",
            "workflow.mainEntrypoint": "entrypoint",
            "workflow.creationTimestamp": self.created,
        }


class Inputs(NamedTuple):
    """The inputs of one execution of a task."""

    parameters: dict[str, Any]
    artifacts: dict[str, Sequence[Artifact]]

    @property
    def in_workspace(self) -> bool:
        """Tell whether a task is given the workspace: it is told its path, or something that is in it."""
        texts = (value for value in self.parameters.values() if isinstance(value, str))
        return any(WORKSPACE in text for text in texts) or any(
            several and several[0].is_in_workspace for several in self.artifacts.values()
        )


class NullError(UnresolvedError):
    """An input whose value is null."""

    code = "null"


class Options(NamedTuple):
    """Where a task stands: what its driver is told."""

    metadata: Metadata
    identity: Identity
    dag: Execution  # around it
    task: spec.Task
    component: spec.Component
    iteration: int | None = None  # that is begun


def resolve(options: Options) -> Inputs:
    """Return what a task is given. Raises UnresolvedError for what its driver does not accept."""
    try:
        nulls: set[str] = set()
        inputs = _iteration(options) if options.iteration is not None else _task(options, nulls)
        _select(options, inputs)
        _check(options, inputs, nulls)
    except (MetadataError, CelError) as error:
        raise UnresolvedError(str(error), error.code) from None
    return inputs


def input_artifacts(execution: Execution) -> dict[str, Sequence[Artifact]]:
    """Return the artifacts that a DAG was given, as KFP's metadata have them.

    Of a list the last one is left, and it is not said that one has been put into the workspace: what
    is in a DAG takes that from its bucket.
    """
    names = {artifact.id: name for name, artifact in execution.input_artifacts}
    found = {artifact.id: artifact for _, artifact in execution.input_artifacts}
    return {
        names[number]: [found[number]._replace(is_in_workspace=False, is_direct=False)]
        for number in sorted(found)
    }


def _iteration(options: Options) -> Inputs:
    """Return what an iteration is given: all that its loop was, and its item for the items."""
    loop = options.task.loop
    assert loop is not None and options.iteration is not None
    parameters = dict(options.dag.inputs)
    items = items_of(parameters.pop(loop.items or loop.item, None))
    parameters[loop.item] = items[options.iteration]
    return Inputs(parameters, input_artifacts(options.dag))


def items_of(value: Any) -> list[Any]:
    """Return what a loop goes over; raises UnresolvedError for what is no list."""
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        try:
            parsed = values.parse_json(value)
        except ValueError as error:
            raise UnresolvedError(f"a loop's items are {error}") from None
        return parsed if isinstance(parsed, list) else []
    raise UnresolvedError("a loop's items are no list")


def _task(options: Options, nulls: set[str]) -> Inputs:
    inputs = Inputs({}, {})
    declared = options.component.parameters
    if options.component.dag is not None:
        _take_defaults(options, inputs, nulls)
    for name, source in options.task.parameters.items():
        if name in declared and declared[name].kind == "TASK_CONFIG":
            continue
        try:
            value = value_of(options, source)
        except NullError:
            if name in declared and declared[name].is_optional:
                continue
            raise
        if name in declared and declared[name].literals and value not in declared[name].literals:
            raise UnresolvedError(
                f"{name} is {values.proto_json(value)}, which is not among its values"
            )
        inputs.parameters[name] = value
    available = input_artifacts(options.dag)
    for name, source in options.task.artifacts.items():
        inputs.artifacts[name] = _artifacts(options, name, source, available)
    return inputs


def _take_defaults(options: Options, inputs: Inputs, nulls: set[str]) -> None:
    """Give a pipeline within another what its task does not pass, as a run gives it to the outer one."""
    for name, parameter in options.component.parameters.items():
        if name not in options.task.parameters and parameter.is_optional:
            inputs.parameters[name] = parameter.default
            if parameter.default is None:
                nulls.add(name)


def _of_constant(options: Options, source: Source) -> Any:
    assert isinstance(source, Constant)
    value = source.value
    if not isinstance(value, str):
        return value
    if WORKSPACE_TAG in value:
        return value.replace(WORKSPACE_TAG, WORKSPACE)
    resolve = PLACEHOLDERS.get(value)
    return resolve(options) if resolve else value


WORKSPACE_TAG = "{{$.workspace_path}}"  # replaced within a text; these where they are all of it:
PLACEHOLDERS: Mapping[str, Callable[[Options], str]] = {
    "{{$.pipeline_job_name}}": lambda options: options.identity.display_name,
    "{{$.pipeline_job_resource_name}}": lambda options: options.identity.resource_name,
    "{{$.pipeline_job_uuid}}": lambda options: options.identity.run_id,
    "{{$.pipeline_task_name}}": lambda options: options.task.name,
    "{{$.pipeline_task_uuid}}": lambda options: str(options.dag.id),
    "{{$.pipeline_job_create_time_utc}}": lambda options: options.identity.created,
    "{{$.pipeline_job_schedule_time_utc}}": lambda options: options.identity.created,
}


def _of_component_input(options: Options, source: Source) -> Any:
    assert isinstance(source, ComponentInput)
    if source.name not in options.dag.inputs:
        raise UnresolvedError(f"the DAG around it has no input {source.name}")
    value = options.dag.inputs[source.name]
    if value is None:
        raise NullError(f"the input {source.name} is null")
    return value


def _of_task_output(options: Options, source: Source) -> Any:
    assert isinstance(source, TaskOutput)
    return collecting.parameter(options.metadata, options.dag, source.task, source.key)


def _of_final_status(options: Options, source: Source) -> Any:
    """Return how the first task that this one waits for has ended."""
    if not options.task.after:
        raise UnresolvedError("it has the final status of a task, and waits for none")
    producer = options.metadata.find(options.task.after[0], options.dag, None)
    if producer is None:
        raise UnresolvedError(f"{options.task.after[0]} has not been run, and its status is needed")
    return {
        "state": producer.state,
        "error": {},
        "pipelineJobResourceName": options.identity.resource_name,
        "pipelineTaskName": producer.name,
    }


_RESOLVERS: Mapping[type, Callable[[Options, Source], Any]] = {
    Constant: _of_constant,
    ComponentInput: _of_component_input,
    TaskOutput: _of_task_output,
    FinalStatus: _of_final_status,
}


def value_of(options: Options, source: Source) -> Any:
    """Return what a source of an input comes to; raises UnresolvedError, a NullError for a null."""
    try:
        return _RESOLVERS[type(source)](options, source)
    except MetadataError as error:
        raise UnresolvedError(str(error), error.code) from None


def _artifacts(
    options: Options, name: str, source: Source, available: Mapping[str, Sequence[Artifact]]
) -> Sequence[Artifact]:
    if isinstance(source, TaskOutput):
        return collecting.artifacts(options.metadata, options.dag, source.task, source.key)
    if not isinstance(source, ComponentInput) or source.name not in available:
        raise UnresolvedError(f"the DAG around it has no artifact for {name}")
    return available[source.name]


def _select(options: Options, inputs: Inputs) -> None:
    for name, selector in options.task.selectors.items():
        if name not in inputs.parameters:
            raise UnresolvedError(f"{name} has no value that {selector} could be taken from")
        from kfp_workbench.local import expression  # most pipelines start without it

        inputs.parameters[name] = expression.select(inputs.parameters[name], selector)


def _check(options: Options, inputs: Inputs, nulls: set[str]) -> None:
    """Hold the inputs to their types; all kinds become text for an input that is one."""
    loop = options.task.loop
    given = inputs.parameters
    for name, parameter in options.component.parameters.items():
        if loop and name == (loop.item if options.iteration is None else loop.items):
            continue  # the loop has the one, its iterations have the other
        if name not in given:
            if not parameter.is_optional and parameter.default is None:
                raise UnresolvedError(f"the input {name} has no value, and no default")
            if not parameter.is_optional:
                _expect(options, name, parameter.kind, NO_VALUE, given)
            continue
        if given[name] is None and name in nulls:
            continue
        _expect(options, name, parameter.kind, given[name], given)


def _expect(options: Options, name: str, kind: str, value: Any, given: dict[str, Any]) -> None:
    if kind == "STRING":
        given[name] = "" if value is NO_VALUE else values.launcher_text(value)
        return
    if value is NO_VALUE:
        raise UnresolvedError(f"its input {name} has no value", "type")
    if kind not in values.KINDS or not values.KINDS[kind](value):
        shown = MASK if is_secret(name.removeprefix(CHANNEL)) else values.proto_json(value)[:200]
        raise UnresolvedError(f"its input {name} is {shown}, which is no {kind}", "type")
