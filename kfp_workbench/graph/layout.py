"""Gives the nodes of a graph their places: row below row, box within box.

Our own, as a new project has its picture before any library is installed. Whole numbers only, as a sum
of floats depends on the version of Python: the picture is the same everywhere.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kfp_workbench.graph.model import Graph, Node
from kfp_workbench.graph.rows import SIDE, SMALL, SMALL_LINE, Item, Link, Rows, arrange
from kfp_workbench.graph.text import lines, width

FONT, LINE = 13, 17  # pixels: the font and the lines of labels
PAD = 14  # within a box
LIMIT = 920  # a README's page is about as wide
_GAP = 18  # between rows
_COLUMN = 34  # between columns
_HEIGHT = 1000  # from which on a drawing gets columns
_ROUNDS = 12


class Box(NamedTuple):
    """A node's place; x and y are those of the upper left corner."""

    node: Node
    texts: tuple[str, ...]  # the label's lines
    details: tuple[str, ...]
    inside: "Drawing | None"
    x: int
    y: int
    width: int
    height: int


class Label(NamedTuple):
    """The text of an edge; x is that of its middle, y that of its upper edge."""

    kind: str
    texts: tuple[str, ...]
    x: int
    y: int


class Line(NamedTuple):
    """A part of an edge: straight to the second point and from the last but one."""

    kind: str
    points: tuple[tuple[int, int], ...]
    ends: bool  # at a node


class Drawing(NamedTuple):
    """A graph with places."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    labels: tuple[Label, ...]
    lines: tuple[Line, ...]


def layout(graph: Graph, limit: int = LIMIT) -> Drawing:
    """Return the drawing of a graph, not wider than ``limit`` where that can be."""
    boxes = [_measured(node, limit) for node in graph.nodes]
    items = [Item(box.width, box.height, place) for place, box in enumerate(boxes)]
    inputs = {place for place, node in enumerate(graph.nodes) if node.kind == "input"}
    rows, links = arrange(items, graph.edges, lambda item: item.node in inputs, limit)
    columns = _columns(rows, limit)
    left = height = channels = 0
    for number, column in enumerate(columns):
        _place_x(column, left)
        bottom = _place_y(column, channels, boxes)
        channels = _channels(column) if number < len(columns) - 1 else 0
        left = _right(column) + channels + _COLUMN
        height = max(height, bottom + channels)
    placed = [(item, boxes[item.node]) for item in items if item.node is not None]
    return Drawing(
        left - _COLUMN,
        height,
        tuple(box._replace(x=item.x - box.width // 2, y=item.y) for item, box in placed),
        tuple(
            Label(item.kind, item.texts, item.x, item.y)
            for row in rows
            for item in row
            if item.texts
        ),
        tuple(_lines(links, columns)),
    )


def _measured(node: Node, limit: int) -> Box:
    """Return a node's box, without its place."""
    inside = layout(node.inside, limit - 2 * PAD) if node.inside else None
    texts = lines(node.label, 48, 3) if inside else lines(node.label, 26, 2)
    details = [text for detail in node.details[:4] for text in lines(detail, 32, 1)]
    if len(node.details) > 4:
        details[3:] = [f"… {len(node.details) - 3} more"]
    widths = [width(text, FONT) for text in texts] + [width(text, SMALL) for text in details]
    high = len(texts) * LINE + len(details) * SMALL_LINE
    if inside:
        widths.append(inside.width)
        high += inside.height + 2 * PAD + 6
    else:
        high += 8 if node.kind in ("input", "output") else 16
    wide = max(widths) + 2 * PAD
    return Box(node, tuple(texts), tuple(details), inside, 0, 0, wide + wide % 2, high)


def _columns(rows: Rows, limit: int) -> list[Rows]:
    """Cut tall rows into columns, between a row of texts and one of nodes, where few lines pass."""
    heights = [max(item.height for item in row) + _GAP for row in rows]
    total = sum(heights)
    for count in range(-(-total // _HEIGHT), 1, -1):
        columns: list[Rows] = [[]]
        filled = 0
        for row, height in zip(rows, heights, strict=True):
            is_full = filled + height > total * len(columns) // count
            if is_full and row[0].row % 2 == 0 and columns[-1] and len(columns[-1][-1]) <= 3:
                columns.append([])
            columns[-1].append(row)
            filled += height
        wide = sum(_width(column) for column in columns)
        if wide + sum(_COLUMN + _channels(column) for column in columns[:-1]) <= limit:
            return columns
    return [rows]


def _width(rows: Rows) -> int:
    return max(sum(item.width + SIDE for item in row) - SIDE for row in rows)


def _channels(column: Rows) -> int:
    """Return the room that the lines from the last row of a column need to get to the next."""
    return 12 + 10 * len(column[-1])


def _right(rows: Rows) -> int:
    return max(item.x + item.width // 2 for row in rows for item in row)


def _place_x(rows: Rows, left: int) -> None:
    """Move items between their neighbours, down and up in turn.

    The last turn goes down, so that what only follows stands straight below.
    """
    inside = {id(item) for row in rows for item in row}
    for row in rows:
        _settle(row, {})
    for turn in range(_ROUNDS + 1):
        before = [item.x for row in rows for item in row]
        down = turn % 2 == 0
        for row in rows if down else rows[::-1]:
            wanted = {}
            for item in row:
                near = [n.x for n in (item.above if down else item.below) if id(n) in inside]
                if near:
                    wanted[id(item)] = sum(near) // len(near)
            _settle(row, wanted)
        if down and before == [item.x for row in rows for item in row]:
            break
    shift = left - min(item.x - item.width // 2 for row in rows for item in row)
    for row in rows:
        for item in row:
            item.x += shift


def _settle(row: Sequence[Item], wanted: Mapping[int, int]) -> None:
    """Move the items of a row as near as possible to where they want to be, without an overlap.

    Items that push each other make a block, which stands at the mean of what they want: least
    squares, by "pool adjacent violators".
    """
    blocks: list[tuple[int, int, int]] = []  # sum of wishes, weight, items
    offsets: list[int] = []
    for place, item in enumerate(row):
        gap = (row[place - 1].width + item.width) // 2 + SIDE
        offsets.append(offsets[-1] + gap if place else 0)
        weight = (
            1 if item.node is not None or item.texts else 4
        )  # a passing line had best be straight
        block = ((wanted.get(id(item), item.x) - offsets[-1]) * weight, weight, 1)
        while blocks and blocks[-1][0] // blocks[-1][1] > block[0] // block[1]:
            total, weight, count = blocks.pop()
            block = (total + block[0], weight + block[1], count + block[2])
        blocks.append(block)
    means = [total // weight for total, weight, count in blocks for _ in range(count)]
    for item, mean, offset in zip(row, means, offsets, strict=True):
        item.x = mean + offset


def _place_y(rows: Rows, top: int, boxes: Sequence[Box]) -> int:
    """Set y row by row and return where the last one ends; long slopes get more room."""
    bottom = top
    above: set[int] = set()
    for row in rows:
        high = max(item.height for item in row)
        reach = [abs(n.x - item.x) for item in row for n in item.above if id(n) in above]
        if above and (high or any(reach)):
            bottom += _GAP + min(max(reach, default=0) // 16, 30)
        level = any(item.node is not None and boxes[item.node].inside for item in row)
        for item in row:  # a small thing stands beside the top of a box, or else in the middle
            item.y = bottom if level else bottom + (high - item.height) // 2
        bottom += high
        above = {id(item) for item in row}
    return bottom


def _lines(links: Sequence[Link], columns: Sequence[Rows]) -> list[Line]:
    found = []
    bands: dict[int, tuple[int, int]] = {}  # where the row of an item begins and ends
    homes = {id(item): place for place, rows in enumerate(columns) for row in rows for item in row}
    for row in (row for rows in columns for row in rows):
        tall = max(row, key=lambda item: item.height)
        bands.update((id(item), (tall.y, tall.y + tall.height)) for item in row)
    for upper, lower, kind in links:
        start, end = _port(upper, lower, upper.below), _port(lower, upper, lower.above)
        column, low, high = homes[id(upper)], bands[id(upper)][1], bands[id(lower)][0]
        points = [(start, upper.y + upper.height), (start, low)]
        if homes[id(lower)] != column:  # around, each in a lane of its own
            lane = 10 * columns[column][-1].index(upper)
            right = _right(columns[column]) + 16 + lane
            points += [(start, low + 10 + lane), (right, low + 10 + lane)]
            points += [(right, high - 12 - lane), (end, high - 12 - lane)]
        points += [(end, high), (end, lower.y)]
        if points[0] != points[-1]:
            found.append(Line(kind, tuple(points), lower.node is not None))
    return found


def _port(item: Item, other: Item, others: Sequence[Item]) -> int:
    """Return the x at which the line to ``other`` touches an item: side by side on a node."""
    if item.node is None or len(others) < 2:
        return item.x
    ranked = sorted(others, key=lambda near: near.x)
    step = min(22, (item.width - 24) // (len(others) - 1))
    return item.x + (2 * ranked.index(other) - len(others) + 1) * step // 2
