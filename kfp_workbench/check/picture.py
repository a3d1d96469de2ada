"""Checks that the pictures in ``docs/`` are those of the present pipeline; compiles nothing."""

import re
from collections.abc import Iterator

from kfp_workbench.graph import pictures
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.sources import Sources

_DIGEST = re.compile(r"\bfrom sources ([0-9a-f]{16})\b")


def check_pictures(sources: Sources) -> Iterator[Finding]:
    """Find pictures that are missing, or older than the pipeline and its components."""
    digest = pictures.project_digest(sources)
    for name in (pictures.SVG, pictures.MERMAID):
        path = sources.root / name
        if not path.is_file():
            yield Finding(name, 1, "the pipeline's picture is missing", "make graph")
            return  # one line is enough: make graph draws both
        found = _DIGEST.search(path.read_text(encoding="utf-8", errors="replace")[:200])
        if found is None or found.group(1) != digest:
            what = "the picture is out of date: pipeline.py or a component.yaml has changed"
            yield Finding(name, 1, what, "make graph")
            return
