"""The compiled file as typed values: components, the tasks of a DAG, and what executes them.

The format is KFP's own: https://github.com/kubeflow/pipelines/blob/2.17.0/api/v2alpha1/pipeline_spec.proto
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from kfp_workbench.local import visiting
from kfp_workbench.local.values import doubles

ROOT = "root"
_NOTHING: Mapping[str, Any] = MappingProxyType({})
COMPLETED = "ALL_UPSTREAM_TASKS_COMPLETED"


class Constant(NamedTuple):
    """A value that stands in the file."""

    value: Any


class ComponentInput(NamedTuple):
    """What the DAG around a task was given."""

    name: str


class TaskOutput(NamedTuple):
    """What another task of the same DAG has made."""

    task: str
    key: str


class FinalStatus(NamedTuple):
    """How another task of the same DAG ended."""

    task: str


Source: TypeAlias = Constant | ComponentInput | TaskOutput | FinalStatus


class Parameter(NamedTuple):
    """An input parameter of a component."""

    kind: str  # STRING, NUMBER_INTEGER, ...
    is_optional: bool = False
    default: Any = None  # None for none: a null is no default
    literals: Sequence[Any] = ()  # all that it may be, if there are any


class Loop(NamedTuple):
    """What a loop goes over: an input of its task, or a JSON list in the file."""

    item: str  # the input that an iteration is given
    items: str = ""  # the input with all of them
    raw: str = ""


class Retry(NamedTuple):
    """How often a failed container is tried again, and when; seconds."""

    times: int  # again
    duration: int = 0
    factor: float = 0
    most: int = 0


class Task(NamedTuple):
    """A task of a DAG."""

    name: str
    label: str
    component: str
    parameters: Mapping[str, Source]
    selectors: Mapping[str, str]  # of those parameters that are a part of what they come from
    artifacts: Mapping[str, Source]
    after: Sequence[str] = ()  # those that it waits for, the producers of its inputs last
    condition: str = ""
    is_exit: bool = False  # run when the others have ended, however they did
    loop: Loop | None = None
    over_artifacts: bool = False
    parallelism: int = 0  # iterations at once; 0 for any number
    retry: Retry | None = None
    caches: bool = False


class Dag(NamedTuple):
    """A graph of tasks, and where its outputs come from."""

    tasks: Mapping[str, Task]
    parameters: Mapping[str, Any] = _NOTHING  # as in the file
    artifacts: Mapping[str, Any] = _NOTHING


class Component(NamedTuple):
    """What a task is an instance of: a DAG, or something that is executed."""

    name: str
    parameters: Mapping[str, Parameter]
    artifacts: Mapping[str, Any]
    outputs: Mapping[str, str]  # the types of output parameters
    output_artifacts: Mapping[str, Any]
    dag: Dag | None = None
    executor: str = ""
    passthroughs: Mapping[str, bool] = _NOTHING  # see `task_config`


class Pipeline(NamedTuple):
    """A compiled pipeline."""

    name: str
    components: Mapping[str, Component]  # the root among them
    executors: Mapping[str, Mapping[str, Any]]
    kubernetes: Mapping[str, Mapping[str, Any]]  # by executor
    config: Mapping[str, Any]  # of the pipeline as a whole, for Kubernetes

    @property
    def root(self) -> Component:
        """The component that is the pipeline itself."""
        return self.components[ROOT]

    @property
    def deadline(self) -> int:
        """The seconds after which a run is ended; 0 for none."""
        return int(self.config.get("activeDeadlineSeconds", 0))

    @property
    def has_workspace(self) -> bool:
        """Tell whether the tasks of a run share a folder."""
        return "workspace" in self.config

    @property
    def has_importers(self) -> bool:
        """Tell whether anything is imported, as few pipelines do."""
        return any("importer" in executor for executor in self.executors.values())

    def component_of(self, task: Task) -> Component:
        """Return what a task is an instance of."""
        return self.components[task.component]

    def containers(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the containers that executors describe, by their labels."""
        for label, executor in self.executors.items():
            if "container" in executor:
                yield label, executor["container"]


def read(documents: Sequence[Any]) -> Pipeline:
    """Return the pipeline that the documents of a compiled file describe."""
    compiled = documents[0]
    platforms = documents[1].get("platforms", {}) if len(documents) > 1 and documents[1] else {}
    kubernetes = platforms.get("kubernetes") or {}
    components = {ROOT: _component(ROOT, compiled["root"])}
    for name, data in (compiled.get("components") or {}).items():
        components[name] = _component(name, data)
    executors = (compiled.get("deploymentSpec") or {}).get("executors") or {}
    visiting.visit_all(ROOT, components, executors)
    return Pipeline(
        compiled["pipelineInfo"]["name"],
        components,
        executors,
        (kubernetes.get("deploymentSpec") or {}).get("executors") or {},
        kubernetes.get("pipelineConfig") or {},
    )


def constant(value: Any) -> Any:
    """Return a value of the file as a server reads it: numbers are doubles, and -0 is 0."""
    value = doubles(value)
    if isinstance(value, dict):
        return {key: constant(item) for key, item in value.items()}
    if isinstance(value, list):
        return [constant(item) for item in value]
    return value + 0.0 if isinstance(value, float) else value


def _component(name: str, data: Mapping[str, Any]) -> Component:
    given, made = data.get("inputDefinitions") or {}, data.get("outputDefinitions") or {}
    passed = data.get("taskConfigPassthroughs") or ()
    return Component(
        name,
        {key: _parameter(item) for key, item in (given.get("parameters") or {}).items()},
        given.get("artifacts") or {},
        {key: item["parameterType"] for key, item in (made.get("parameters") or {}).items()},
        made.get("artifacts") or {},
        _dag(data["dag"]) if "dag" in data else None,
        data.get("executorLabel", ""),
        {item["field"]: bool(item.get("applyToTask")) for item in passed},
    )


def _parameter(data: Mapping[str, Any]) -> Parameter:
    return Parameter(
        data.get("parameterType", ""),
        bool(data.get("isOptional")),
        constant(data.get("defaultValue")),
        constant(data.get("literals", [])),
    )


def _dag(data: Mapping[str, Any]) -> Dag:
    outputs = data.get("outputs") or {}
    tasks = {name: _task(name, item) for name, item in sorted((data.get("tasks") or {}).items())}
    return Dag(tasks, outputs.get("parameters") or {}, outputs.get("artifacts") or {})


def _task(name: str, data: Mapping[str, Any]) -> Task:
    inputs = data.get("inputs") or {}
    given = inputs.get("parameters") or {}
    parameters = {key: source_of(item) for key, item in given.items()}
    artifacts = {key: source_of(item) for key, item in (inputs.get("artifacts") or {}).items()}
    trigger = data.get("triggerPolicy") or {}
    producers = [
        source.task
        for source in (*parameters.values(), *artifacts.values())
        if isinstance(source, TaskOutput)
    ]
    return Task(
        name,
        (data.get("taskInfo") or {}).get("name") or name,
        data["componentRef"]["name"],
        parameters,
        {
            key: item["parameterExpressionSelector"]
            for key, item in given.items()
            if item.get("parameterExpressionSelector")
        },
        artifacts,
        tuple(dict.fromkeys([*data.get("dependentTasks", []), *producers])),
        trigger.get("condition", ""),
        trigger.get("strategy") == COMPLETED,
        _loop(data.get("parameterIterator")),
        "artifactIterator" in data,
        int((data.get("iteratorPolicy") or {}).get("parallelismLimit", 0)),
        _retry(data.get("retryPolicy")),
        bool((data.get("cachingOptions") or {}).get("enableCache")),
    )


def source_of(data: Mapping[str, Any]) -> Source:
    """Return where an input comes from; raises ValueError for what servers do not take either."""
    if "runtimeValue" in data:
        return Constant(constant(data["runtimeValue"].get("constant")))
    if name := data.get("componentInputParameter") or data.get("componentInputArtifact"):
        return ComponentInput(name)
    if output := data.get("taskOutputParameter"):
        return TaskOutput(output["producerTask"], output["outputParameterKey"])
    if output := data.get("taskOutputArtifact"):
        return TaskOutput(output["producerTask"], output["outputArtifactKey"])
    if status := data.get("taskFinalStatus"):
        return FinalStatus(status["producerTask"])
    raise ValueError(f"no source of an input is known by {', '.join(data)}")


def _loop(data: Mapping[str, Any] | None) -> Loop | None:
    if not data:
        return None
    items = data.get("items") or {}
    return Loop(data["itemInput"], items.get("inputParameter", ""), items.get("raw", ""))


def _retry(data: Mapping[str, Any] | None) -> Retry | None:
    if not data:
        return None
    return Retry(
        int(data.get("maxRetryCount", 0)),
        _seconds(data.get("backoffDuration")),
        float(data.get("backoffFactor", 0)),
        _seconds(data.get("backoffMaxDuration")),
    )


def _seconds(duration: str | None) -> int:
    return int(float((duration or "0s").removesuffix("s")))
