"""Puts what a drawing holds into rows: nodes, the texts of edges, and lines that pass a row.

Even rows hold nodes and odd ones texts, and an edge takes a place in every row between its ends.
So nothing can overlap, and no line crosses a text, wherever in its row a thing is.
(Sugiyama, Tagawa, Toda 1981; many edges that begin or end at one node share their places.)
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise

from kfp_workbench.graph.model import Edge
from kfp_workbench.graph.text import lines, width

SMALL, SMALL_LINE = 11, 14  # pixels: the font and the lines of texts and details
SIDE = 16  # between neighbours in a row
_ROUNDS = 6
_APART = 6  # up to so many edges to a node stay apart when their texts differ
_FAR = 12  # rows between uses of an input from which on it is drawn again


class Item:
    """What has a place in a row; x is that of its middle, y that of its upper edge."""

    def __init__(self, width: int, height: int, node: int | None = None) -> None:
        self.width, self.height = width + width % 2, height
        self.node = node  # an index of the graph's nodes; None for a text or a passing line
        self.kind = ""  # of the edge
        self.texts: tuple[str, ...] = ()
        self.row = self.x = self.y = 0
        self.above: list[Item] = []  # what it is joined with
        self.below: list[Item] = []


Rows = list[list[Item]]
Link = tuple[Item, Item, str]  # an upper and a lower item, and the kind of the edge


def arrange(
    items: list[Item], edges: Sequence[Edge], is_input: Callable[[Item], bool], limit: int
) -> tuple[Rows, list[Link]]:
    """Return all rows in order, and what is joined in them.

    ``items`` are those of the graph's nodes; inputs that are drawn again are added to them. A row
    is not wider than ``limit`` where that can be.
    """
    _choose_rows(items, edges, limit)
    edges = _repeat_inputs(items, edges, is_input)
    rows: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        rows[item.row].append(item)
    links = _route(items, edges, rows)
    return _order([rows[row] for row in sorted(rows)]), links


def _choose_rows(items: Sequence[Item], edges: Sequence[Edge], limit: int) -> None:
    """Give each node the first row below its sources that has room."""
    used: dict[int, int] = defaultdict(int)
    sources: dict[int, list[int]] = defaultdict(list)
    for edge in edges:
        sources[edge.target].append(edge.source)
    for place, item in enumerate(items):
        item.row = max((items[source].row + 2 for source in sources[place]), default=0)
        while used[item.row] and used[item.row] + item.width > limit - 4 * SIDE:
            item.row += 2
        used[item.row] += item.width + SIDE


def _repeat_inputs(
    items: list[Item], edges: Sequence[Edge], is_input: Callable[[Item], bool]
) -> list[Edge]:
    """Put inputs just above what takes them, once more where that is far below."""
    moved = list(edges)
    for place, item in enumerate(list(items)):
        takers = sorted((items[e.target].row, n) for n, e in enumerate(edges) if e.source == place)
        if not takers or not is_input(item):
            continue
        item.row, copy = takers[0][0] - 2, place
        for row, number in takers:
            if row - items[copy].row > _FAR:
                copy = len(items)
                items.append(Item(item.width, item.height, item.node))
                items[copy].row = row - 2
            moved[number] = edges[number]._replace(source=copy)
    return moved


def _route(items: Sequence[Item], edges: Sequence[Edge], rows: dict[int, list[Item]]) -> list[Link]:
    """Add the items that edges need in the rows that they pass; return what is joined."""
    leaving: dict[object, int] = defaultdict(int)
    arriving: dict[object, list[tuple[str, ...]]] = defaultdict(list)
    for edge in edges:
        leaving[edge.source, edge.kind, edge.names] += 1
        arriving[edge.target, edge.kind].append(edge.names)
    shared: dict[tuple[object, int], Item] = {}
    links: dict[tuple[int, int], Link] = {}
    for number, edge in enumerate(edges):
        first, last = items[edge.source].row + 1, items[edge.target].row - 1
        out, into = leaving[edge.source, edge.kind, edge.names], arriving[edge.target, edge.kind]
        alike = len(set(into)) == 1
        fans_out = out >= len(into) or (not alike and (out > 1 or len(into) <= _APART))
        line: object = edge._replace(target=-1) if fans_out else (edge.target, edge.kind)
        text_row = last if alike and not fans_out else first
        path = [items[edge.source]]
        for row in range(first, last + 1):
            is_own = row == text_row and not alike and not fans_out
            key = (number if is_own else line, row)
            if key not in shared:
                shared[key] = _passing(edge, row, with_text=row == text_row)
                rows[row].append(shared[key])
            path.append(shared[key])
        for upper, lower in pairwise([*path, items[edge.target]]):
            links.setdefault((id(upper), id(lower)), (upper, lower, edge.kind))
    for upper, lower, _ in links.values():
        upper.below.append(lower)
        lower.above.append(upper)
    return list(links.values())


def _passing(edge: Edge, row: int, with_text: bool) -> Item:
    texts = [text for name in edge.names for text in lines(name, 34, 1)] if with_text else []
    wide = max((width(text, SMALL) + 12 for text in texts), default=4)
    item = Item(wide, len(texts) * SMALL_LINE + 4 if texts else 0)
    item.kind, item.texts, item.row = edge.kind, tuple(texts), row
    return item


def _order(rows: Rows) -> Rows:
    """Sort each row by where its neighbours are, down and up in turn; keep the best."""
    for row in rows:  # what passes begins in the middle: a shared line has nodes on both sides
        nodes = [item for item in row if item.node is not None]
        half = len(nodes) // 2
        row[:] = [*nodes[:half], *(item for item in row if item.node is None), *nodes[half:]]
    best, fewest = [list(row) for row in rows], _crossings(rows)
    for turn in range(_ROUNDS):
        if not fewest:
            break
        down = turn % 2 == 0
        for near, row in pairwise(rows if down else rows[::-1]):
            _sort(row, near, down)
        if (crossings := _crossings(rows)) < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _sort(row: list[Item], near: Sequence[Item], down: bool) -> None:
    """Sort a row by the mean place of each item's neighbours; without any, an item stays."""
    places = {id(item): place * 1000 for place, item in enumerate(near)}
    keys = {}
    for place, item in enumerate(row):
        found = [places[id(other)] for other in (item.above if down else item.below)]
        keys[id(item)] = sum(found) // len(found) if found else place * 1000
    row.sort(key=lambda item: keys[id(item)])


def _crossings(rows: Rows) -> int:
    total = 0
    for upper, lower in pairwise(rows):
        places = {id(item): place for place, item in enumerate(lower)}
        ends = [sorted(places[id(other)] for other in item.below) for item in upper]
        flat = [end for found in ends for end in found]
        total += sum(a > b for place, a in enumerate(flat) for b in flat[place + 1 :])
    return total
