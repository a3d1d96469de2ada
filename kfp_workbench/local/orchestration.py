"""Corrects what kfp's local orchestrator gets wrong, for as long as a run takes.

The graph is KFP's own. But in kfp 2.17 it finds a condition's values by the looks of their
names and takes what it does not find for false; hands a loop's item to every input of the
loop that comes from another task, or from the loop around it; finds a loop's items in some
outputs only; holds no value to its type; and gives a pipeline within a pipeline what the outer
one calls by the same name. Each of these gives a wrong result and calls it a success. Functions
that kfp looks up by attribute are replaced or wrapped here, and some more to tell of every
task, where in the pipeline it is, and why it failed; tests tell when they move.
"""

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from kfp.compiler import pipeline_spec_builder
from kfp.local import executor_input_utils, executor_output_utils, importer_handler, status
from kfp.local.orchestrator import enhanced_dag_orchestrator, task_executor, task_spec_utils
from kfp.local.orchestrator.orchestrator_utils import OrchestratorUtils

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import artifacts, conversion, outputs
from kfp_workbench.pipeline import scopes

_VALUE = re.compile(r"inputs\.parameter_values\['([^']+)'\]")
# Of the Common Expression Language, what KFP's compiler writes: https://github.com/google/cel-spec
_OPERATORS = {"&&": " and ", "||": " or ", "!": " not "}
_OPERATOR = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|&&|\|\||!(?!=)")
# What kfp says of a branch that was not taken.
_SKIPPED = re.compile(
    "Tried to get output '(?:pipelinechannel--)?(.+)' from task '(condition-[0-9]+)', but task .+ not found."
)
_NAMES = {"int": int, "double": float, "string": str, "bool": bool, "true": True, "false": False}


class Execution(NamedTuple):
    """One execution of a task, before it begins."""

    # The tasks around it, then its own name; that of a loop has its iteration at its end.
    path: tuple[str, ...]
    executor: str  # its label in the compiled pipeline
    label: str  # for people
    retries: Any  # its retryPolicy in the compiled pipeline
    folder: Path  # of its outputs


Tell = Callable[[Mapping[str, Any]], None]
Observer = Callable[[Execution], AbstractContextManager[Tell]]
"""Told of every execution: the block takes as long, and gets what succeeded to tell the outputs."""


@contextlib.contextmanager
def corrected(observer: Observer) -> Iterator[None]:
    """Put right conditions, loops and values of every run within, and tell of its tasks.

    kfp forgets why an iteration of a loop failed: the first reason is raised in the place of
    what kfp makes of it.
    """
    graphs = threading.local()
    reasons: list[Exception] = []
    replacements: list[tuple[Any, str, Callable[[Any], Any]]] = [
        (enhanced_dag_orchestrator, "run_enhanced_dag", lambda run: _noting(run, graphs)),
        (enhanced_dag_orchestrator, "_run_parallel_for_task", _with_items),
        (enhanced_dag_orchestrator, "execute_task", lambda run: _explained(run, reasons)),
        (executor_input_utils, "construct_executor_input", _as_declared),
        (executor_input_utils, "executor_input_to_dict", _with_whole_numbers),
        (executor_output_utils, "get_outputs_for_task", lambda _: outputs.collect),
        (importer_handler, "run_importer", artifacts.imported),
        (OrchestratorUtils, "join_user_inputs_and_defaults", lambda _: staticmethod(_arguments)),
        (task_spec_utils, "build_nested_dag_arguments", _without_namesakes),
        (task_spec_utils, "create_parameter_loop_iteration_task_spec", lambda _: _iteration),
        (task_spec_utils, "get_nested_pipeline_resource_name", lambda _: _place_within),
        (task_executor, "execute_single_task", lambda run: _observed(run, observer, reasons)),
        (
            enhanced_dag_orchestrator.ConditionEvaluator,
            "evaluate_condition",
            lambda _: staticmethod(lambda condition, store: _holds(condition, store, graphs.last)),
        ),
    ]
    before = [(place, name, vars(place)[name]) for place, name, _ in replacements]
    for place, name, replace in replacements:
        setattr(place, name, replace(vars(place)[name]))
    try:
        yield
    except Exception as error:
        if reasons:
            raise reasons[0] from error
        raise
    finally:
        for place, name, original in before:
            setattr(place, name, original)


def _noting(run: Callable[..., Any], graphs: threading.local) -> Callable[..., Any]:
    """Note which graph a thread is in: a condition's text alone does not tell its values."""

    def noting(*, dag_component_spec: Any, components: Any, **rest: Any) -> Any:
        outer = getattr(graphs, "last", None)
        graphs.last = dag_component_spec.dag, components
        try:
            return run(dag_component_spec=dag_component_spec, components=components, **rest)
        finally:
            graphs.last = outer

    return noting


def _explained(run: Callable[..., Any], reasons: list[Exception]) -> Callable[..., Any]:
    """Note why a task, a loop's iteration or a branch failed; a loop's thread loses it."""

    def explained(*, task_name: str, **rest: Any) -> Any:
        try:
            return run(task_name=task_name, **rest)
        except Exception as error:
            if not isinstance(error, WorkbenchError):
                reason = _SKIPPED.sub(r"\2 was skipped, and its output \1 is needed", str(error))
                error = ValueError(f"{task_name}: {reason}")
            reasons.append(error)
            raise error from None

    return explained


def _arguments(dag_arguments: Mapping[str, Any], dag_inputs_spec: Any) -> dict[str, Any]:
    """Return what a graph is given, as its inputs are declared, with defaults; None for none."""
    found = conversion.given(dag_inputs_spec, dag_arguments)
    for name, declared in dag_inputs_spec.parameters.items():
        if name not in found and declared.HasField("default_value"):
            found[name] = executor_output_utils.pb2_value_to_python(declared.default_value)
        elif name not in found and declared.is_optional:
            found[name] = None
    return found


def _without_namesakes(build: Callable[..., Any]) -> Callable[..., Any]:
    """Leave out what a graph is not given, but the one around it has under the same name."""

    def without_namesakes(*, task_spec: Any, component_spec: Any, **rest: Any) -> Any:
        found = build(task_spec=task_spec, component_spec=component_spec, **rest)
        others = {*component_spec.input_definitions.parameters} - {*task_spec.inputs.parameters}
        return {name: value for name, value in found.items() if name not in others}

    return without_namesakes


def _as_declared(construct: Callable[..., Any]) -> Callable[..., Any]:
    """Hand a step what its inputs are declared as, and nothing for those without a value.

    What it gets is in the form that a cluster has. The folder of its outputs is made, as KFP's
    launcher does.
    """

    def as_declared(*, component_spec: Any, arguments: Mapping[str, Any], **rest: Any) -> Any:
        try:
            found = conversion.given(component_spec.input_definitions, arguments)
        except ValueError as error:
            step = component_spec.executor_label.removeprefix("exec-")
            raise WorkbenchError(f"step {step}: input {error}") from None
        made = construct(component_spec=component_spec, arguments=found, **rest)
        values = made.inputs.parameter_values
        for name in [name for name, value in values.items() if value.WhichOneof("kind") is None]:
            del values[name]
        artifacts.as_on_a_cluster(made)
        Path(made.outputs.output_file).parent.mkdir(parents=True, exist_ok=True)
        return made

    return as_declared


def _with_whole_numbers(to_dict: Callable[..., Any]) -> Callable[..., Any]:
    return lambda **given: conversion.plain(to_dict(**given))


def _place_within(task_name: str, pipeline_resource_name: str) -> str:
    """Give the tasks of every inner graph a folder of their own, and so a path."""
    return f"{pipeline_resource_name}/{task_name}"


def _observed(
    run: Callable[..., Any], observer: Observer, reasons: list[Exception]
) -> Callable[..., Any]:
    """Tell of every task, also of one whose result is in the cache already.

    One that is given or gives something wrong has failed like any other: what runs in any case
    (an exit handler) runs.
    """

    def observed(*, task_name: str, task_spec: Any, components: Any, **rest: Any) -> Any:
        place, component = rest["pipeline_resource_name"], task_spec.component_ref.name
        execution = Execution(
            (*place.split("/")[1:], task_name),
            components[component].executor_label,
            task_spec.task_info.name or task_name,
            task_spec.retry_policy,
            Path(rest["pipeline_root"], place, component.removeprefix("comp-")),
        )
        with observer(execution) as tell:
            try:
                made, state = run(
                    task_name=task_name, task_spec=task_spec, components=components, **rest
                )
            except WorkbenchError as error:
                reasons.append(error)
                made, state = {}, status.Status.FAILURE
            if state == status.Status.SUCCESS:
                tell(made)
        return made, state

    return observed


def _holds(condition: str, store: Any, graph: tuple[Any, Mapping[str, Any]]) -> bool:
    """Evaluate a condition on what its task is given; raises ValueError when it cannot."""
    dag, components = graph
    task = next(task for task in dag.tasks.values() if task.trigger_policy.condition == condition)
    arguments = OrchestratorUtils.make_task_arguments(task.inputs, store)
    declared = components[task.component_ref.name].input_definitions
    return evaluate(condition, conversion.given(declared, arguments))


def evaluate(condition: str, values: Mapping[str, Any]) -> bool:
    """Evaluate a condition of a compiled pipeline; raises ValueError when it cannot.

    Values are looked up, never pasted into the text: what is in them is data.
    """
    text = _VALUE.sub(lambda match: f"values[{match[1]!r}]", condition)
    text = _OPERATOR.sub(lambda match: _OPERATORS.get(match[0], match[0]), text)
    try:
        names = {"__builtins__": {}, "values": values, **_NAMES}
        return bool(eval(text.strip(), names))  # noqa: S307  # written by KFP's compiler
    except Exception as error:
        raise ValueError(f"the condition {condition} cannot be evaluated: {error}") from None


def _with_items(run: Callable[..., Any]) -> Callable[..., Any]:
    """Resolve a loop's items before the loop is run; without any, its outputs are empty."""

    def with_items(*, task_name: str, task_spec: Any, io_store: Any, **rest: Any) -> Any:
        name = task_spec.parameter_iterator.items.input_parameter
        if name in task_spec.inputs.parameters:
            items = OrchestratorUtils.make_task_arguments(task_spec.inputs, io_store)[name]
            resolved = type(task_spec)()
            resolved.CopyFrom(task_spec)
            raw = items if isinstance(items, str) else json.dumps(items)
            resolved.parameter_iterator.items.raw = raw
            task_spec = resolved
        declared = rest["components"][task_spec.component_ref.name].output_definitions
        for output in (*declared.parameters, *declared.artifacts):
            io_store.put_task_output(task_name, output, [])
        return run(task_name=task_name, task_spec=task_spec, io_store=io_store, **rest)

    return with_items


def refuse_uncertain(spec: Any) -> None:
    """Raise WorkbenchError (2) for what neither kfp nor this module evaluates as a cluster does."""
    scopes.check(spec)
    name = spec.pipeline_info.name
    if f"comp-{name}" in spec.components:
        # kfp would run that step alone, and call it the pipeline's success.
        raise WorkbenchError(
            f"the pipeline {name} has a step of the same name: rename one of them", 2
        )
    dags = [spec.root.dag, *(component.dag for component in spec.components.values())]
    for dag in dags:
        for task in dag.tasks.values():
            if not task.WhichOneof("iterator"):
                continue
            inner = spec.components[task.component_ref.name].dag
            for output in inner.outputs.parameters.values():
                loop = inner.tasks.get(output.value_from_parameter.producer_subtask)
                if loop is not None and loop.WhichOneof("iterator"):
                    raise WorkbenchError(
                        f"pipeline.py: dsl.Collected goes through two loops ({task.task_info.name}): "
                        "collect inside the outer loop, and again outside it",
                        2,
                    )


def _iteration(task_spec: Any, item: Any, loop: str) -> Any:
    """Return a loop's task for one item: the item in its place, the other inputs as they are."""
    made = type(task_spec)()
    made.CopyFrom(task_spec)
    made.ClearField("parameter_iterator")
    name = task_spec.parameter_iterator.item_input
    for given in made.inputs.parameters.values():
        if given.component_input_parameter == name:
            part = task_spec_utils.evaluate_parameter_expression(
                item, given.parameter_expression_selector
            )
            given.Clear()
            given.runtime_value.constant.CopyFrom(pipeline_spec_builder.to_protobuf_value(part))
    constant = pipeline_spec_builder.to_protobuf_value(item)
    made.inputs.parameters[name].runtime_value.constant.CopyFrom(constant)
    return made
