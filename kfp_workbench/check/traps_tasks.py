"""Traps of tasks as a whole: what a server, Kubernetes or an importer does not take."""

from collections.abc import Iterator, Mapping
from typing import Any

from kfp_workbench.check.flow import NOTHING, Given, Visit, of_source, possible
from kfp_workbench.check.trap import Trap, said
from kfp_workbench.local import admission, driver, importer, own_data, placeholders, spec
from kfp_workbench.local.dags import takes_hook
from kfp_workbench.local.spec import TaskOutput
from kfp_workbench.project import texts
from kfp_workbench.project.names import called


def refused(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find tasks for which a server refuses a pipeline."""
    graph = visit.graph.dag
    if graph:
        yield from map(said, admission.task_problems(visit.pipeline, graph, visit.task))
    inner = visit.component.dag
    if inner and (problem := admission.dag_problem(visit.component.name, inner)):
        yield Trap(problem.partition(": ")[0], "add a task beside them, which they wait for")


def pods(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find tasks whose pod Kubernetes does not take, whatever the cluster."""
    if visit.container:
        settings = visit.pipeline.kubernetes.get(visit.component.executor, {})
        yield from map(said, admission.pod_problems(visit.task, visit.container, settings))
    for text in driver.amounts(visit.container):
        name = placeholders.parameter_in(text)
        source = visit.task.parameters.get(name or "")
        for value in (of_source(visit, source, given) or ()) if source else ():
            if problem := driver.amount_problem(None if value is NOTHING else value):
                what = f"a limit or request of {visit.task.label}, {called(str(name))}, {problem}"
                yield Trap(what, "give a text such as '500m' or '2Gi'")
                break


def exits(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find tasks that are to follow another however it ends, and that no server runs.

    Loops and importers have no exit tasks, and others one: the last by its name.
    """
    tasks = visit.graph.dag.tasks if visit.graph.dag else {}
    for name in visit.task.after if visit.task.is_exit else ():
        last = max(task.name for task in tasks.values() if task.is_exit and name in task.after)
        if last != visit.task.name:
            what = f"{visit.task.label} and {tasks[last].label} are to follow {tasks[name].label}"
            yield Trap(f"{what}, however it ends, and only the latter is run", "let one do both")
        if name in tasks and not takes_hook(visit.pipeline, tasks[name]):
            kind = "a loop" if tasks[name].loop else "an importer"
            what = f"{visit.task.label} is to follow {kind}, however that ends, and is never run"
            yield Trap(what, "hand it to a dsl.ExitHandler around that")
    is_in_loop = visit.parent is not None and visit.parent.task.loop is not None
    if is_in_loop and any(isinstance(s, spec.FinalStatus) for s in visit.task.parameters.values()):
        what = f"{visit.task.label} asks how a task of a loop has ended, and no server finds that"
        yield Trap(what, "put both into a pipeline of their own, and that into the loop")


def artifacts(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find artifacts that are given twice, and lists of them of which a block gets one.

    By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/metadata/client.go
    (``GetInputArtifactsByExecutionID``).
    """
    names: dict[str, str] = {}
    yield from _absent(visit)
    for name, source in visit.task.artifacts.items():
        makers = (str(source), _maker(visit, source))
        if makers[0] in names:
            what = f"{visit.called} takes one artifact as {_both(names[makers[0]], name)}"
            yield Trap(f"{what}, and fails before it starts", "hand it over once")
        elif makers[1] in names:
            what = f"{visit.called} takes as {_both(names[makers[1]], name)} what two equal"
            yield _equal(what, is_imported=_importer(visit, source) is not None)
        for maker in makers:
            names.setdefault(maker, name)
        is_list = (visit.component.artifacts.get(name) or {}).get("isArtifactList")
        is_handed_on = isinstance(source, spec.ComponentInput) and visit.parent is not None
        if visit.component.dag and is_list and not is_handed_on:
            what = "takes a list of artifacts, of which what is in it gets the last alone"
            cure = "let a step before it take the list, and hand on what that makes"
            yield Trap(f"{visit.called} {what}", cure)


def _equal(what: str, *, is_imported: bool) -> Trap:
    if is_imported:
        cure = "let one take it again, reimport=True"
        return Trap(f"{what} importers take; it is one artifact, and it fails", cure)
    cure = "turn caching off for one, set_caching_options(False)"
    return Trap(f"{what} tasks make; once both are reused, it is one artifact, and it fails", cure)


def _absent(visit: Visit) -> Iterator[Trap]:
    """Find artifacts that the pipeline around a task may be passed, and is not."""
    outer = visit.parent
    if outer is None or outer.task.over_artifacts:
        return
    for source in visit.task.artifacts.values():
        taken = source.name if isinstance(source, spec.ComponentInput) else ""
        if taken in outer.component.artifacts and taken not in outer.task.artifacts:
            what = f"{visit.called} takes {taken}, which {outer.called} is not passed, and fails"
            yield Trap(what, "pass an artifact, or leave out what takes it")


def _both(*names: str) -> str:
    return " and as ".join(sorted(names))


def _maker(visit: Visit, source: spec.Source) -> str:
    """Return what KFP's cache knows a task's artifact by, if it looks for that."""
    if not isinstance(source, TaskOutput):
        return str(source)
    task = visit.graph.dag.tasks.get(source.task) if visit.graph.dag else None
    if task is None or not task.caches or visit.pipeline.component_of(task).dag:
        return str(source)
    if (_importer(visit, source) or {}).get("reimport"):
        return str(source)
    executor = visit.pipeline.executors.get(visit.pipeline.component_of(task).executor)
    given = (sorted(task.parameters.items()), sorted(task.artifacts.items()))
    return f"{executor} {given} {source.key}"


def _importer(visit: Visit, source: spec.Source) -> Mapping[str, Any] | None:
    """Return the importer that makes an artifact, if one does."""
    dag = visit.graph.dag
    task = dag.tasks.get(source.task) if dag and isinstance(source, TaskOutput) else None
    executor = visit.pipeline.component_of(task).executor if task else ""
    return visit.pipeline.executors.get(executor, {}).get("importer")


def importers(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find importers that no server runs, or whose artifact it does not find."""
    imported = visit.executor.get("importer")
    if not imported:
        return
    if visit.task.label != visit.task.name and _is_taken(visit):
        what = f"{visit.task.label}: what an importer with a display name takes is not found"
        yield Trap(what, "give it none")
    if None in (imported.get("metadata") or {}).values():
        yield Trap(f"{visit.task.label} has metadata that are null, and fails", "leave them out")
    yield from _addresses(visit, imported, given)


def _is_taken(visit: Visit) -> bool:
    dag = visit.graph.dag
    takers = dag.tasks.values() if dag else ()
    inner = any(
        isinstance(source, TaskOutput) and source.task == visit.task.name
        for taker in takers
        for source in taker.artifacts.values()
    )
    outputs = dag.artifacts.values() if dag else ()
    return inner or any(
        selector.get("producerSubtask") == visit.task.name
        for output in outputs
        for selector in output.get("artifactSelectors", ())
    )


def _addresses(visit: Visit, imported: Mapping[str, Any], given: Given) -> Iterator[Trap]:
    address = imported.get("artifactUri") or {}
    name = address.get("runtimeParameter", "")
    if isinstance(visit.task.parameters.get(name), TaskOutput):
        what = f"{visit.task.label} takes its address from a step, which no server does"
        yield Trap(what, "hand the address itself to the steps, or take it as a parameter")
        return
    if name in visit.task.selectors:
        what = f"{visit.task.label} takes its address from a part of an item, which no server does"
        cure = "let the loop go over the addresses, or hand each to a pipeline with the importer"
        yield Trap(what, cure)
        return
    if address.get("constant", name or None) == "":
        yield Trap(f"{visit.task.label} has an empty address", _BUCKET)
        return
    known = [address["constant"]] if "constant" in address else []
    known += possible(visit, name, given) if _is_known(visit, name) else []
    is_given = "constant" not in address and not _is_constant(visit, name)
    for uri in known:
        is_known = isinstance(uri, str) and "{{" not in uri and not _is_local(uri, is_given)
        problem = importer.address_problem(uri, imported) if is_known else None
        if problem:
            what, _, cure = problem.partition(": ")
            yield Trap(f"{visit.task.label}: {what}", _BUCKET if cure else _MODEL)


_BUCKET = "put it into a bucket: minio://, s3:// or gs://"
_MODEL = "import it as a Model, or from a bucket"


def _is_constant(visit: Visit, name: str) -> bool:
    return isinstance(visit.task.parameters.get(name), spec.Constant)


def _is_local(uri: str, is_given: bool) -> bool:
    """Tell whether an address is a path for local runs: given, or a file of the project's own."""
    return own_data.is_path(uri) and (is_given or not uri.startswith("/"))


def _is_known(visit: Visit, name: str) -> bool:
    """Tell whether an address is one that the sources name: no sample of one."""
    source = visit.task.parameters.get(name)
    if isinstance(source, spec.Constant):
        return True
    if not isinstance(source, spec.ComponentInput) or visit.parent is not None:
        return False
    declared = visit.pipeline.root.parameters.get(source.name)
    return declared is not None and declared.default is not None


def characters(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find what KFP's database cannot keep, and what Argo takes for its own, once compiled."""
    constants = [s.value for s in visit.task.parameters.values() if isinstance(s, spec.Constant)]
    parts = [visit.task.label, visit.component.name, constants, dict(visit.executor)]
    for part in parts:
        for _, trouble in texts.find(part):
            yield Trap(trouble.what, trouble.cure)
