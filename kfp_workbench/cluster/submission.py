"""Checks what is about to be submitted: the texts of a compiled pipeline, those given with it, its imports.

A server says of them only that something failed, and may have started the steps by then.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kfp_workbench.cluster.schedule_file import FILE as SCHEDULES
from kfp_workbench.cluster.schedule_file import Entry
from kfp_workbench.errors import refuse
from kfp_workbench.local import imports, spec
from kfp_workbench.pipeline import source_texts
from kfp_workbench.project import params, texts
from kfp_workbench.project.documents import Document, Place, Problem, written
from kfp_workbench.project.settings import PACKAGE, ROOT
from kfp_workbench.project.sources import Sources
from kfp_workbench.project.steps import read_documents
from kfp_workbench.project.texts import Trouble

# These do not get into the workflow: what a pipeline is called, and its description.
_LEFT_OUT = ("pipelineInfo", "schemaVersion", "sdkVersion")
# What says only how a compiled file is built.
_STRUCTURE = (
    *("root", "dag", "tasks", "components", "inputDefinitions", "inputs", "parameters"),
    *("runtimeValue", "constant", "deploymentSpec", "executors", "container"),
    *("platforms", "kubernetes", "taskInfo"),
)


def check(package: Path, root: Path = ROOT) -> None:
    """Refuse a compiled pipeline that the server would refuse for a text in it (WorkbenchError, 2).

    What a cluster changes is told. Where the project in ``root`` has the text, by
    file and line, is said too.
    """
    found: dict[Trouble, list[str]] = {}
    for place, trouble in find(read_documents(package)):
        found.setdefault(trouble, []).append(_called(place))
    if not found:
        return
    lines = _lines(root)
    params.tell(_said(t, found[t], lines) for t in found if not t.refused)
    refuse([_said(t, found[t], lines) for t in found if t.refused])


def check_imports(package: Path, given: Mapping[str, Any] | None = None) -> None:
    """Refuse an importer of which a cluster is sure to fail, as it takes a path (WorkbenchError, 2).

    ``given`` are a run's parameters, without defaults; None where they are not known.
    """
    pipeline = spec.read(read_documents(package))
    parameters: dict[str, Any] = {}
    if given is not None:
        declared = pipeline.root.parameters.items()
        parameters = {**{name: parameter.default for name, parameter in declared}, **given}
    problems = [
        f"{found.label}: {found.address} is a path of this machine, which a cluster cannot take: "
        "put it into a bucket, and give its address there (minio://BUCKET/KEY)"
        for found in imports.known(pipeline, parameters)
        if found.is_path and found.is_certain
    ]
    refuse(list(dict.fromkeys(problems)))


def check_schedule(entry: Entry, values: Mapping[str, Any], document: Document) -> list[Problem]:
    """Return what the server refuses of a schedule's own parameters; tell what a cluster changes.

    ``values`` are these parameters with their variables replaced, ``document`` is the file.
    """
    refused, changed = texts.check_given(values, entry.parameters, ("parameters",))
    lines = [(document.line(entry.name, *place), text) for place, text in changed]
    params.tell(f"{SCHEDULES}:{line}: {entry.name}: {text}" for line, text in sorted(lines))
    return refused


def find(documents: Sequence[Any]) -> Iterator[tuple[Place, Trouble]]:
    """Find what is wrong with the texts in the documents of a compiled pipeline."""
    for document in documents:
        if isinstance(document, dict):
            yield from texts.find({k: v for k, v in document.items() if k not in _LEFT_OUT})


def _called(place: Place) -> str:
    return written(tuple(part for part in place if part not in _STRUCTURE))


def _lines(root: Path) -> dict[str, list[str]]:
    """Return where a project has the texts that are wrong, as ``file:line``, by what is wrong."""
    found: dict[str, list[str]] = {}
    for finding, trouble in source_texts.find_compiled(Sources(root)):
        found.setdefault(trouble.excerpt, []).append(f"{finding.path}:{finding.line}")
    return found


def _said(trouble: Trouble, names: list[str], lines: dict[str, list[str]]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    written_in = ", ".join(dict.fromkeys(lines.get(trouble.excerpt, [])))
    where = f" ({written_in})" if written_in else ""
    return f"{PACKAGE}{where}: {names[0]}{more}: {trouble.text()}"
