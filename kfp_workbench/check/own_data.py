"""Finds importers in the sources that take a path of this machine: good for local runs alone."""

import ast
from collections.abc import Iterator

from kfp_workbench.local import own_data
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.literals import called
from kfp_workbench.project.names import shown
from kfp_workbench.project.sources import Sources, UnreadableError


def find(sources: Sources) -> Iterator[Finding]:
    """Find importers whose address is written out as a path; what cannot be read is left out."""
    try:
        modules = sources.pipeline_modules()
    except UnreadableError:
        return
    for module in modules:
        for call in module.calls:
            address = _address(call) if called(call) == "importer" else None
            if address and own_data.is_path(address):
                what = f"the importer takes {shown(address)} from this machine, as make local does"
                cure = "hand a cluster an address like minio://BUCKET/KEY, by a parameter"
                yield Finding(sources.name(module.path), call.lineno, what, cure)


def _address(call: ast.Call) -> str | None:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    node = given.get("artifact_uri", call.args[0] if call.args else None)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None
