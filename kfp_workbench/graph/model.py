"""A pipeline as a plain graph: what both pictures are drawn from."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Edge(NamedTuple):
    """What one node hands over to another of the same graph."""

    source: int  # an index of the graph's nodes
    target: int
    kind: str  # parameter, artifact, or order where nothing is handed over
    names: tuple[str, ...] = ()


class Node(NamedTuple):
    """A step, an input or output of the pipeline, or a box with a graph inside."""

    kind: str  # step, input, output; loop, condition, exit or pipeline for a box
    label: str
    details: tuple[str, ...] = ()  # what a step gets from pipeline.py itself
    artifact: bool = False  # of an input or output
    inside: "Graph | None" = None
    task: str = ""  # its name in the compiled pipeline, unlike all others of the same graph
    state: str = ""  # in a run: see kfp_workbench.local.record
    link: str = ""  # where on the same page there is more about it


class Graph(NamedTuple):
    """Nodes, each after those that it depends on, and the edges between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def chain(steps: Sequence[str]) -> Graph:
    """Return the graph of a new project: the context goes through all ``steps``, by label."""
    nodes = [Node("input", "context"), *(Node("step", label) for label in steps)]
    edges = [Edge(0, 1, "parameter")]
    for target in range(2, len(nodes)):
        edges.append(Edge(target - 1, target, "parameter", ("output → context",)))
    edges.append(Edge(len(nodes) - 1, len(nodes), "parameter"))
    return Graph((*nodes, Node("output", "Output")), tuple(edges))


def steps(graph: Graph) -> list[str]:
    """Return the labels of all steps of a graph, also of those in boxes."""
    found: list[str] = []
    for node in graph.nodes:
        if node.inside:
            found += steps(node.inside)
        elif node.kind not in ("input", "output"):
            found.append(node.label)
    return found


def tasks(
    graph: Graph, outer: tuple[str, ...] = (), boxes: bool = False
) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Yield the steps of a graph, also of those in boxes, each with the names that lead to it.

    With ``boxes``, these come too, each before what is in it.
    """
    for node in graph.nodes:
        if node.task and (boxes or not node.inside):
            yield (*outer, node.task), node
        if node.inside:
            yield from tasks(node.inside, (*outer, node.task), boxes)
