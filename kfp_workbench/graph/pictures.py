"""The pipeline as a picture: ``docs/pipeline.svg`` and, as Mermaid, ``docs/pipeline.mmd``.

``make graph`` draws them from the compiled pipeline; a new project has them from the start. Both
carry a digest of what they were drawn from, by which ``make check`` knows old ones.
"""

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kfp_workbench.graph import mermaid, model, svg
from kfp_workbench.graph.digest import sources_digest

if TYPE_CHECKING:
    from kfp_workbench.project.sources import Sources

SVG = "docs/pipeline.svg"
MERMAID = "docs/pipeline.mmd"
FILES = (SVG, MERMAID)


def draw(root: Path, package: Path) -> list[str]:
    """Draw a compiled pipeline and return the files, by their names below ``root``.

    Raises WorkbenchError when the pipeline or its sources cannot be read, or a picture not be written.
    """
    from kfp_workbench import files
    from kfp_workbench.errors import WorkbenchError
    from kfp_workbench.graph import spec
    from kfp_workbench.project import steps
    from kfp_workbench.project.sources import Sources, UnreadableError

    compiled = steps.read_documents(package)[0]
    graph = spec.read(compiled)
    try:
        digest = project_digest(Sources(root))
    except UnreadableError as error:
        raise WorkbenchError(error.finding.text, 2) from None
    pictures = _pictures(graph, compiled["pipelineInfo"]["name"], digest)
    for name, text in pictures.items():
        files.write(root / name, text)
    return list(pictures)


def draw_chain(root: Path, name: str, labels: Sequence[str]) -> None:
    """Draw the pipeline of a new project, which is a chain of steps, without compiling it."""
    _write_new(root, _pictures(model.chain(labels), name, _new_digest(root)))


def copy_ready(root: Path, folder: Path, name: str) -> None:
    """Copy the ready-made pictures of a new project's pipeline, and fill in its name and digest."""
    pictures = {file: (folder / Path(file).name).read_text(encoding="utf-8") for file in FILES}
    values = {"@slug@": name, "@digest@": _new_digest(root)}
    for file in pictures:
        for placeholder, value in values.items():
            pictures[file] = pictures[file].replace(placeholder, value)
    _write_new(root, pictures)


def _new_digest(root: Path) -> str:
    """Return the digest of a project whose pipeline.py imports no module of its own."""
    module = root / "pipeline.py"
    return sources_digest(
        {module.name: ast.parse(module.read_text(encoding="utf-8"))},
        {
            path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
            for path in root.glob("steps/*/component.yaml")
        },
    )


def _write_new(root: Path, pictures: Mapping[str, str]) -> None:
    (root / "docs").mkdir(exist_ok=True)
    for file, text in pictures.items():
        (root / file).write_text(text, encoding="utf-8")


def project_digest(sources: "Sources") -> str:
    """Return the digest of a project's sources; raises UnreadableError.

    These are ``pipeline.py``, the project's own modules that it imports, and all components.
    """
    modules = {sources.name(module.path): module.nodes[0] for module in sources.pipeline_modules()}
    components = sorted(sources.root.glob("steps/*/component.yaml"))
    return sources_digest(modules, {sources.name(path): sources.text(path) for path in components})


def _pictures(graph: model.Graph, name: str, digest: str) -> dict[str, str]:
    made = f"Made by make graph, from sources {digest}"
    return {
        SVG: f"<!-- {made} -->\n{svg.picture(graph, name)}",
        MERMAID: f"%% {made}\n{mermaid.flowchart(graph)}",
    }
