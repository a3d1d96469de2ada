"""Traps of tasks as a whole: what a server, Kubernetes or an importer does not take."""

from collections.abc import Iterator

from kfp_workbench.check.flow import Given, Visit, possible
from kfp_workbench.check.trap import Trap
from kfp_workbench.local import admission, importer, own_data, spec
from kfp_workbench.local.spec import TaskOutput
from kfp_workbench.project import texts


def refused(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find tasks for which a server refuses a pipeline."""
    graph = visit.graph.dag
    if graph:
        yield from map(_said, admission.task_problems(visit.pipeline, graph, visit.task))
    inner = visit.component.dag
    if inner and (problem := admission.dag_problem(visit.component.name, inner)):
        yield Trap(problem.partition(": ")[0], "add a task beside them, which they wait for")


def pods(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find tasks whose pod Kubernetes does not take, whatever the cluster."""
    if visit.container:
        settings = visit.pipeline.kubernetes.get(visit.component.executor, {})
        yield from map(_said, admission.pod_problems(visit.task, visit.container, settings))


def importers(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find importers of addresses that no cluster takes."""
    imported = visit.executor.get("importer")
    if not imported:
        return
    address = imported.get("artifactUri") or {}
    name = address.get("runtimeParameter", "")
    if isinstance(visit.task.parameters.get(name), TaskOutput):
        what = f"{visit.task.label} takes its address from a step, which no server does"
        yield Trap(what, "hand the address itself to the steps, or take it as a parameter")
        return
    known = [address["constant"]] if "constant" in address else []
    known += possible(visit, name, given) if _is_known(visit, name) else []
    is_given = "constant" not in address and not _is_constant(visit, name)
    for uri in known:
        is_known = isinstance(uri, str) and "{{" not in uri and not _is_local(uri, is_given)
        problem = importer.address_problem(uri, imported) if is_known else None
        if problem:
            what, _, cure = problem.partition(": ")
            cure = "put it into a bucket: minio://, s3:// or gs://" if cure else _MODEL
            yield Trap(f"{visit.task.label}: {what}", cure)


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
    root = visit.pipeline.root.parameters
    known = isinstance(source, spec.ComponentInput) and visit.parent is None
    return known and source.name in root and root[source.name].default is not None  # type: ignore[union-attr]


def characters(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find what KFP's database cannot keep, and what Argo takes for its own, once compiled."""
    constants = [s.value for s in visit.task.parameters.values() if isinstance(s, spec.Constant)]
    parts = [visit.task.label, visit.component.name, constants, dict(visit.executor)]
    for part in parts:
        for _, trouble in texts.find(part):
            yield Trap(trouble.what, trouble.cure)


def _said(problem: str) -> Trap:
    what, colon, cure = problem.rpartition(": ")
    return Trap(what, cure) if colon else Trap(problem, "mend pipeline.py")
