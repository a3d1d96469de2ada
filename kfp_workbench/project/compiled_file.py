"""Whether a compiled file is one that a KFP server takes; it need not be, wherever it comes from.

By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/apiserver/template/v2_template.go
(``NewV2SpecTemplate``). What kfp's own compiler writes is not always one: it puts defaults into a comment
at the head, and a line break in a default ends the comment.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kfp_workbench.errors import refuse
from kfp_workbench.project import steps
from kfp_workbench.project.names import shown

_FIELDS = {
    *("pipelineInfo", "deploymentSpec", "schemaVersion", "sdkVersion", "components", "root"),
    "defaultPipelineRoot",
}
_SCHEMA = "2.1.0"
_HEAD = (
    "a default with a line break gets out of the comment at its head: give it in params/ instead"
)


def check(path: Path) -> None:
    """Raise WorkbenchError (2) for a file that a server would refuse, or cannot read."""
    try:
        documents = steps.read_documents(path)
    except ValueError as error:
        line = getattr(error, "line", 0)
        where = f":{line}" if line else ""
        reason = " ".join(str(error).split())
        refuse(
            [
                f"{os.path.relpath(path)}{where}: no valid YAML ({reason}), and no server takes it: {_HEAD}"
            ]
        )
        return
    refuse([f"{os.path.relpath(path)}: {problem}" for problem in _problems(documents)])


def _problems(documents: list[Any]) -> Iterator[str]:
    specs = [each for each in documents if isinstance(each, dict) and "pipelineInfo" in each]
    if len(specs) != 1 or specs[0] is not documents[0]:
        yield "begins with no pipeline, or has several: make compile"
        return
    spec = specs[0]
    for name in spec:
        if name not in _FIELDS:
            yield f"has {shown(str(name))}, which is no part of a pipeline, and no server takes it: {_HEAD}"
    if spec.get("schemaVersion") != _SCHEMA:
        yield f"has the schema {spec.get('schemaVersion')}: servers take {_SCHEMA}: make compile"
    if not isinstance(spec.get("root"), dict):
        yield "has no root: make compile"
