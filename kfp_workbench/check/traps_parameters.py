"""Traps of a pipeline's own parameters: of their defaults, and of what ``params/`` gives."""

import ast
import re
from collections.abc import Iterator
from typing import Any

from kfp_workbench.local import expansion, spec
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown
from kfp_workbench.project.params_file import SETTINGS
from kfp_workbench.project.sources import Sources, UnreadableError

_OF_RUN = re.compile(r"\{\{\$\.(?:pipeline_\w+|workspace_path)\}\}")
_CURE = "pass it to the step as a constant, alone, in pipeline.py"


def check_parameters(sources: Sources, pipeline: spec.Pipeline) -> Iterator[Finding]:
    """Find placeholders of the run in parameters, where nothing fills them in, and artifacts."""
    for name, artifact in pipeline.root.artifacts.items():
        if not artifact.get("isOptional"):
            what = f"the pipeline takes the artifact {shown(name)}, which no run can be given"
            cure = "take its address, a str, and hand it to dsl.importer"
            yield Finding("pipeline.py", _line(sources, name), what, cure)
    for name, parameter in pipeline.root.parameters.items():
        for tag in _tags(parameter.default):
            what = f"the default of {shown(name)} has {shown(tag)}, which stays as it is"
            yield Finding("pipeline.py", _line(sources, name), what, _CURE)
    for path in sorted((sources.root / "params").glob("*.yaml")):
        try:
            document = sources.document(path)
        except UnreadableError:
            continue
        for name, value in document.value.items() if isinstance(document.value, dict) else ():
            for tag in _tags(value) if name != SETTINGS else ():
                what = f"{name} has {shown(tag)}, which stays as it is"
                yield Finding(sources.name(path), document.line(name), what, _CURE)


def _tags(value: Any) -> Iterator[str]:
    for text in expansion.texts(value):
        yield from dict.fromkeys(_OF_RUN.findall(text))


def _line(sources: Sources, name: str) -> int:
    """Return the line of a parameter of the pipeline; the first one where that is not known."""
    for node in sources.module(sources.root / "pipeline.py").nodes:
        if isinstance(node, ast.FunctionDef) and node.name == "pipeline":
            for argument in (*node.args.args, *node.args.kwonlyargs):
                if argument.arg == name:
                    return argument.lineno
    return 1
