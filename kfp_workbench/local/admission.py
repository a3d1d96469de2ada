"""What a run is not begun with: what a server refuses, and what cannot be done on this machine.

By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/apiserver/template/v2_template.go
(``validatePipelineJobInputs``), the compiler beside it, and Argo's own validation.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kfp_workbench.errors import refuse
from kfp_workbench.local import expansion, macros, spec, task_config, values
from kfp_workbench.local.dags import takes_hook
from kfp_workbench.local.inputs import Identity
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import MASK, hide, is_secret

# Images that stand for something that Kubernetes does, and no container.
STUBS = {
    "argostub/createpvc": "CreatePVC",
    "argostub/deletepvc": "DeletePVC",
}
_GIVEN: Mapping[str, Callable[[Any], bool]] = {
    **values.KINDS,
    "TASK_FINAL_STATUS": lambda value: False,
    "TASK_CONFIG": lambda value: False,
}
_ARGO_NAME, _DRIVER = 128, "-driver"  # characters that a name may have, and how a driver's ends


def substituted(documents: Sequence[Any], identity: Identity) -> list[Any]:
    """Return a compiled file as it reaches drivers; raises WorkbenchError (2) for a text that does not.

    Argo fills in what it knows of the run, Kubernetes the driver's own variables.
    """
    parts = {key: value for key, value in documents[0].items() if key != "pipelineInfo"}
    _refuse_texts(parts)
    _refuse_texts(list(documents[1:]))
    made = _reaching(parts, identity)
    return [
        {**made, "pipelineInfo": documents[0]["pipelineInfo"]},
        *_reaching(list(documents[1:]), identity),
    ]


def parameters(
    pipeline: spec.Pipeline, given: Mapping[str, Any], identity: Identity
) -> dict[str, Any]:
    """Return the parameters of a run, with defaults; raises WorkbenchError (2) for those refused."""
    found = {
        name: macros.filled(value, identity.run_id) for name, value in values.doubles(given).items()
    }
    _refuse_texts(found)
    refuse(list(_parameter_problems(pipeline, found)))
    for name, parameter in pipeline.root.parameters.items():
        if name not in found and (parameter.default is not None or parameter.is_optional):
            found[name] = parameter.default
    reached: dict[str, Any] = _reaching(found, identity)
    return reached


def _reaching(value: Any, identity: Identity) -> Any:
    tags = identity.tags
    filled = expansion.texts_replaced(value, lambda text: expansion.fill_in(text, tags))
    return expansion.expand_all(filled, {})


_FILLED = frozenset(Identity("", "", "", "").tags)


def _refuse_texts(value: Any) -> None:
    refuse(list(dict.fromkeys(_text_problems(value))))


def _text_problems(value: Any) -> Iterator[str]:
    for text in expansion.texts(value):
        if (char := max(text, default="")) > "\uffff":
            yield (
                f"{shown(text)}: a server of a default install cannot keep {char!a}: "
                "write it without characters beyond U+FFFF"
            )
        for tag in expansion.tags(text):
            if tag not in _FILLED:
                yield f"{{{{{tag}}}}} is a tag of Argo Workflows, which runs pipelines: write it otherwise"


def _parameter_problems(pipeline: spec.Pipeline, given: Mapping[str, Any]) -> Iterator[str]:
    declared = pipeline.root.parameters
    for name, parameter in declared.items():
        if name not in given:
            if not parameter.is_optional and parameter.default is None:
                yield f"the pipeline needs the parameter {name}: give it a value"
        elif not _GIVEN.get(parameter.kind, lambda value: False)(given[name]):
            kind = values.TYPES.get(parameter.kind, parameter.kind)
            yield f"the parameter {name} is {_said(name, given[name])}, which is no {kind}"
        elif parameter.literals and given[name] not in parameter.literals:
            known = ", ".join(values.proto_json(item) for item in parameter.literals)
            yield f"the parameter {name} is {_said(name, given[name])}: it may be {known}"
    for name in given:
        if name not in declared:
            known = ", ".join(declared) or "none"
            yield f"the pipeline has no parameter {shown(name)}: it has {known}"


def _said(name: str, value: Any) -> str:
    return MASK if is_secret(name) else shown(hide(values.plain(value)))


ObjectProblem = Callable[[str], str | None]


def check(
    pipeline: spec.Pipeline, parameters: Mapping[str, Any], object_problem: ObjectProblem
) -> None:
    """Raise WorkbenchError (2) for a pipeline that a server, or this machine, does not run.

    ``object_problem`` tells why what is at an address cannot be had here, if it cannot.
    """
    problems = [
        problem
        for component in pipeline.components.values()
        if component.dag is not None
        for problem in (
            *filter(None, [dag_problem(component.name, component.dag)]),
            *(
                problem
                for task in component.dag.tasks.values()
                for problem in task_problems(pipeline, component.dag, task)
            ),
        )
    ]
    refuse(
        list(dict.fromkeys([*problems, *_machine_problems(pipeline, parameters, object_problem)]))
    )


def dag_problem(name: str, dag: spec.Dag) -> str | None:
    """Return why a server takes no pipeline with this graph, or None."""
    if all(task.is_exit for task in dag.tasks.values()):
        where = "the pipeline" if name == spec.ROOT else name.removeprefix("comp-")
        return f"{where} has no task but exit tasks: a server does not take it"
    return None


def task_problems(pipeline: spec.Pipeline, dag: spec.Dag, task: spec.Task) -> Iterator[str]:
    """Yield why a server takes no pipeline with this task."""
    if task.over_artifacts:
        yield f"{task.label}: no server has loops over artifacts yet: go over parameters"
    for before in task.after:
        if before not in dag.tasks:
            yield f"{task.label} needs {before}, which is not beside it"
        elif dag.tasks[before].is_exit:
            yield (
                f"{task.label} comes after {dag.tasks[before].label}, which runs however others "
                "end: a server refuses that, let it come after others"
            )
    if _waits_for_itself(dag, task):
        yield f"{task.label} waits for what waits for it, so that it never begins: leave out one .after"
    component = pipeline.components.get(task.component)
    if component is None:
        yield f"{task.label} is of the component {task.component}, which is not there"
        return
    if "importer" in pipeline.executors.get(component.executor, {}) and task.condition:
        yield f"{task.label}: an importer cannot have a condition of its own"
    yield from _name_problems(pipeline, dag, task)


def _name_problems(pipeline: spec.Pipeline, dag: spec.Dag, task: spec.Task) -> Iterator[str]:
    """Yield why Argo does not take a task's name, or that of the driver that goes before it."""
    name = f"{task.name}{_DRIVER}" if takes_hook(pipeline, task) else task.name
    if len(name) > _ARGO_NAME:
        yield f"{task.label}: a server takes no task with a name of {len(task.name)} characters: shorten it"
    other = dag.tasks.get(task.name.removesuffix(_DRIVER))
    if other in (None, task) or task.is_exit or other.is_exit or not takes_hook(pipeline, other):
        return
    yield (
        f"{task.label} is what KFP calls the driver of {other.label}, and a server refuses two "
        "tasks of one name: call the component otherwise"
    )


def _waits_for_itself(dag: spec.Dag, task: spec.Task) -> bool:
    seen: set[str] = set()
    waiting = [*task.after]
    while waiting:
        name = waiting.pop()
        if name == task.name:
            return True
        if name in dag.tasks and name not in seen:
            seen.add(name)
            waiting += dag.tasks[name].after
    return False


def _machine_problems(
    pipeline: spec.Pipeline, parameters: Mapping[str, Any], object_problem: ObjectProblem
) -> Iterator[str]:
    for component in pipeline.components.values():
        for task in component.dag.tasks.values() if component.dag else ():
            inner = pipeline.components.get(task.component)
            if inner is None or inner.dag is not None:
                continue
            executor = pipeline.executors.get(inner.executor, {})
            settings = pipeline.kubernetes.get(inner.executor, {})
            yield from _executor_problems(task, executor, settings)
            shared = pipeline.has_workspace
            for why in task_config.problems(inner, settings, has_workspace=shared):
                yield f"{task.label}: {why}: leave it to one"
    if not pipeline.has_importers:
        return
    from kfp_workbench.local import imports

    for found in imports.known(pipeline, parameters):
        if found.is_used and (problem := object_problem(found.address)):
            yield f"{found.label}: {problem}"


def _executor_problems(
    task: spec.Task,
    executor: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> Iterator[str]:
    if "importer" in executor:
        return
    if "container" not in executor:
        kinds = ", ".join(executor) or "nothing"
        yield f"{task.label} is run by {kinds}, which is no container: leave it to a cluster"
        return
    image = str(executor["container"]["image"])
    if image in STUBS:
        yield (
            f"{task.label} is {STUBS[image]}, which only Kubernetes does: leave the run to a cluster, "
            "or hand files on as artifacts"
        )
    yield from pod_problems(task, executor["container"], settings)


def pod_problems(
    task: spec.Task, container: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterator[str]:
    """Yield why Kubernetes would not take the pod of a task, whatever the cluster."""
    accelerator = (container.get("resources") or {}).get("accelerator") or {}
    kind = accelerator.get("resourceType") or accelerator.get("type") or ""
    count = str(accelerator.get("resourceCount") or accelerator.get("count") or "0")
    if kind and "/" not in kind and "{{" not in kind and count != "0":
        yield f"{task.label}: {kind} is no name of a resource in Kubernetes: write one like nvidia.com/gpu"
    set_here = {item["name"] for item in container.get("env", []) if item.get("value")}
    for source in ("secretAsEnv", "configMapAsEnv"):
        for one in settings.get(source, []):
            for pair in one.get("keyToEnv", []):
                if pair["envVar"] in set_here:
                    yield f"{task.label}: the variable {pair['envVar']} is given twice: Kubernetes refuses that"
