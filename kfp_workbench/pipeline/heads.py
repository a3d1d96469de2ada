"""Keeps the comment at the head of a compiled file a comment.

kfp writes defaults into it as they are: a line break in one ends the comment, and what follows is
a part of the pipeline, or no YAML. The function that makes it is replaced here; a test tells when
it moves.
"""

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

from kfp.compiler import pipeline_spec_builder


@contextlib.contextmanager
def corrected() -> Iterator[None]:
    """Have line breaks, and what else is no letter, written as Python would in a text."""
    original = pipeline_spec_builder.extract_comments_from_pipeline_spec

    def comments(pipeline_spec: dict[str, Any], description: str | None) -> str:
        lines = (description or "").splitlines()
        return str(original(_escaped(pipeline_spec), "\n".join(map(_printable, lines)) or None))

    pipeline_spec_builder.extract_comments_from_pipeline_spec = comments
    try:
        yield
    finally:
        pipeline_spec_builder.extract_comments_from_pipeline_spec = original


def _escaped(pipeline_spec: dict[str, Any]) -> dict[str, Any]:
    """Return what the head is made of, with defaults that fit on a line."""
    part = {key: copy.deepcopy(pipeline_spec[key]) for key in ("pipelineInfo", "root")}
    for parameter in part["root"].get("inputDefinitions", {}).get("parameters", {}).values():
        if isinstance(default := parameter.get("defaultValue"), str):
            parameter["defaultValue"] = _printable(default)
    return part


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
