"""Writes a graph as a Mermaid flowchart.

https://mermaid.js.org/syntax/flowchart.html
"""

import re
from collections.abc import Iterator

from kfp_workbench.graph.model import Graph, Node
from kfp_workbench.graph.text import plain

# By kind, what stands around a label.
_SHAPES = {"step": "[]", "importer": "[[]]", "input": "([])", "output": "([])"}
_ARTIFACT = "[()]"
_ARROWS = {"parameter": "-->", "artifact": "==>", "order": "-.->"}
# What Mermaid, or the Markdown and HTML in its labels, might read. All other text is what it is.
_SYNTAX = re.compile(
    r"[!-'*+:;<>?@\[-^`{-~]|(?<![A-Za-z0-9])[._/-]|[._/-](?![A-Za-z0-9])|(?<=[0-9])\.|//"
)


def flowchart(graph: Graph) -> str:
    """Return the text of a flowchart."""
    return "\n".join(["flowchart TD", *_lines(graph, "n", "    ")]) + "\n"


def _lines(graph: Graph, prefix: str, indent: str) -> Iterator[str]:
    names = [f"{prefix}{number}" for number in range(1, len(graph.nodes) + 1)]
    for name, node in zip(names, graph.nodes, strict=True):
        if node.inside is None:
            yield f"{indent}{name}{_box(node)}"
        else:
            yield f'{indent}subgraph {name}["{_text(node)}"]'
            yield f"{indent}    direction TD"
            yield from _lines(node.inside, f"{name}_", indent + "    ")
            yield f"{indent}end"
    for edge in graph.edges:
        text = "<br>".join(_escaped(name) for name in edge.names)
        label = f'|"{text}"|' if text else ""
        yield f"{indent}{names[edge.source]} {_ARROWS[edge.kind]}{label} {names[edge.target]}"


def _box(node: Node) -> str:
    shape = _ARTIFACT if node.artifact else _SHAPES[node.kind]
    half = len(shape) // 2
    return f'{shape[:half]}"{_text(node)}"{shape[half:]}'


def _text(node: Node) -> str:
    return "<br>".join(_escaped(text) for text in (node.label, *node.details))


def _escaped(text: str) -> str:
    """Return ``text`` so that Mermaid shows it as it is: a number for what it would read."""
    return _SYNTAX.sub(lambda match: "".join(f"#{ord(c)};" for c in match[0]), plain(text))
