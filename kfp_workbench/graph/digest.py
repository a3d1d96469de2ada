"""A digest of what decides how the pipeline looks: Python modules and components.

What does not show is left out, so that it makes no picture old: comments, docstrings, the way code is
laid out, and of a component how it is run (its image, its command line). The same for all versions of Python.
"""

import ast
import re
from collections.abc import Iterator, Mapping

from kfp_workbench.digests import sha256
from kfp_workbench.project.component_forms import HEAD


def sources_digest(modules: Mapping[str, ast.AST], components: Mapping[str, str]) -> str:
    """Return 16 hex digits for modules and the texts of components, both by their paths."""
    digest = sha256()
    for path, tree in sorted(modules.items(), key=lambda item: item[0]):
        digest.update(f"\0{path}\0{' '.join(_words(tree))}".encode())
    for path, text in sorted(components.items()):
        digest.update(f"\0{path}\0{_interface(text)}".encode())
    return digest.hexdigest()[:16]


def _words(node: object) -> Iterator[str]:
    """Return what is in a syntax tree, but neither places nor fields that are empty."""
    if isinstance(node, list):
        yield "["
        for item in node:
            if not _is_text(item):
                yield from _words(item)
        yield "]"
    elif isinstance(node, ast.JoinedStr):
        yield "JoinedStr"
        yield from _words(_joined(node))
    elif isinstance(node, ast.AST):
        yield type(node).__name__
        for name, value in ast.iter_fields(node):
            # Which of the empty ones there are depends on the version; the context shows elsewhere.
            if value is not None and value != [] and name not in ("ctx", "kind", "type_comment"):
                yield name
                yield from _words(value)
    else:
        yield ascii(node)


def _joined(node: ast.JoinedStr) -> list[object]:
    """Return the parts of an f-string; how many its plain text is cut into depends on the version."""
    parts: list[object] = []
    for part in node.values:
        text = part.value if isinstance(part, ast.Constant) else part
        if isinstance(text, str) and parts and isinstance(parts[-1], str):
            parts[-1] += text
        elif text != "":
            parts.append(text)
    return parts


def _is_text(node: object) -> bool:
    """Tell whether a statement is text alone, such as a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _interface(component: str) -> str:
    """Return a ``component.yaml`` without its comments and its container.

    One that is written from a step's function also goes without what its docstrings say.
    """
    hidden: tuple[str, ...] = ("implementation:", "deploymentSpec:")
    if component.startswith(HEAD):
        hidden += ("description:",)
        component = re.sub(r",? ?description: .*\}$", "}", component, flags=re.M)
    kept = []
    inside = False
    for line in component.splitlines():
        if line[:1] not in ("", " ", "\t", "#"):
            inside = line.startswith(hidden)
        if not inside and line.strip() and not line.lstrip().startswith("#"):
            kept.append(line.rstrip())
    return "\n".join(kept)
