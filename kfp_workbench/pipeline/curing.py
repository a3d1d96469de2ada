"""Puts right what a compiled pipeline says other than ``pipeline.py`` and its components mean.

Each cure is a pure change of KFP's protobuf message, right on every server, and leaves alone what
is right: a file that needs none is the same byte for byte. What cannot be cured for sure,
`make check` names.
"""

import json
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format

_CONCAT = '{"Concat": '


def cure(spec: Any) -> None:
    """Apply all cures to a pipeline's specification, in place."""
    _join_concats(spec)
    _pass_defaults(spec)
    _wait_for_producers(spec)


def _join_concats(spec: Any) -> None:
    """Make one text of each ``concat`` of texts and placeholders.

    A server hands its JSON to the container, and replaces placeholders in any text (seen on 2.17.0).
    """
    for label in spec.deployment_spec["executors"]:
        executor = spec.deployment_spec["executors"][label]
        for key in ("command", "args"):
            if "container" in executor.fields and key in executor["container"].fields:
                for word in executor["container"][key].values:
                    joined = joined_text(word.string_value)
                    if joined is not None:
                        word.string_value = joined


def joined_text(word: str) -> str | None:
    """Return the text that a compiled ``concat`` stands for, or None for anything else.

    None too where it holds an ``if``: whether that is there is known in the run only.
    """
    if not word.startswith(_CONCAT):
        return None
    try:
        return _joined(json.loads(word))
    except ValueError:
        return None  # a text that looks like one


def _joined(part: Any) -> str | None:
    if isinstance(part, str):
        return part
    items = part.get("Concat") if isinstance(part, dict) else None
    texts = [_joined(item) for item in items] if isinstance(items, list) else [None]
    return None if None in texts else "".join(map(str, texts))


def _pass_defaults(spec: Any) -> None:
    """Pass a component's declared default where the pipeline passes nothing.

    The driver of 2.17.0 does not find it for a command line (its pull request 14175 mends that).
    """
    for task, component in _tasks(spec):
        if component.executor_label:
            for name, declared in component.input_definitions.parameters.items():
                if declared.HasField("default_value") and name not in task.inputs.parameters:
                    given = task.inputs.parameters[name].runtime_value
                    given.constant.CopyFrom(_default(declared))


def _default(declared: Any) -> Any:
    """Return a default as its type has it: kfp leaves the text of one that is a list or an object."""
    kinds = type(declared).DESCRIPTOR.fields_by_name["parameter_type"].enum_type.values_by_number
    field = _FIELDS.get(kinds[declared.parameter_type].name)
    default = declared.default_value
    if field and default.WhichOneof("kind") == "string_value":
        found = type(default)()
        try:
            json_format.Parse(default.string_value, found)
        except json_format.ParseError:
            return default
        return found if found.WhichOneof("kind") == field else default
    return default


_FIELDS = {"LIST": "list_value", "STRUCT": "struct_value"}


def _wait_for_producers(spec: Any) -> None:
    """Let a task wait for each task that it takes an output of.

    kfp forgets it where the output is no argument but a setting, as in ``set_cpu_limit``.
    """
    for task, _ in _tasks(spec):
        producers = {
            source.task_output_parameter.producer_task for source in task.inputs.parameters.values()
        }
        missing = producers - {"", *task.dependent_tasks}
        task.dependent_tasks.extend(sorted(missing))


def _tasks(spec: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each task with what it is an instance of."""
    for graph in (spec.root, *spec.components.values()):
        for task in graph.dag.tasks.values() if graph.HasField("dag") else ():
            yield task, spec.components[task.component_ref.name]
