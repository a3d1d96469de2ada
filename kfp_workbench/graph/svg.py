"""Writes a graph as SVG: for the eye in light and in dark, for screen readers, without a script."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from kfp_workbench.graph.layout import LINE, PAD, Box, Drawing, Line, layout
from kfp_workbench.graph.model import Graph, steps
from kfp_workbench.graph.rows import SMALL_LINE
from kfp_workbench.graph.text import plain

_MARGIN = 14
_LEGEND = {"parameter": "parameter", "artifact": "artifact", "order": "order only"}
_ROUND = 6  # the radius of corners
_WIDTH = 150  # of a line of style
_DARK = "@media (prefers-color-scheme: dark) {"
# No variables in it: not every viewer knows them. The colours of each pair have a contrast of 4.5
# or more for text. An own background, as a page's may be dark where the system is not.
_STYLE = """\
text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; text-anchor: middle; fill: #1f2328 }
.small { font-size: 11px; fill: #59636e } .left { text-anchor: start } .title { font-weight: 600 }
.page { fill: #ffffff; stroke: #d1d9e0 } .step { fill: #f6f8fa; stroke: #818b98 } .importer { fill: #f6f8fa; stroke: #8250df; stroke-width: 2 }
.end { fill: #ddf4ff; stroke: #0969da } .stuff { fill: #fbefff; stroke: #8250df; stroke-width: 2 }
.box { fill: #818b98; fill-opacity: .07; stroke: #818b98; stroke-width: 1.5 } .loop { fill: #1a7f37; stroke: #1a7f37 }
.condition { fill: #9a6700; stroke: #9a6700; stroke-dasharray: 7 3 } .exit { fill: #cf222e; stroke: #cf222e }
path { fill: none; stroke: #6e7781; stroke-width: 1.3 } .artifact { stroke: #8250df; stroke-width: 2.6 } .order { stroke-dasharray: 3 4 }
.head { fill: #6e7781; stroke: none } .head.artifact { fill: #8250df } text.artifact { fill: #8250df; stroke: none; font-weight: 600 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .small { fill: #9198a1 } .page { fill: #0d1117; stroke: #3d444d } .step { fill: #212830; stroke: #656c76 }
.importer { fill: #212830; stroke: #b987ff } .end { fill: #12233a; stroke: #4493f8 } .stuff { fill: #271c3c; stroke: #b987ff }
.box { fill: #9198a1; stroke: #9198a1; fill-opacity: .1 } .loop { fill: #3fb950; stroke: #3fb950 }
.condition { fill: #d29922; stroke: #d29922 } .exit { fill: #f85149; stroke: #f85149 } path { stroke: #9198a1 }
.artifact { stroke: #b987ff } .head { fill: #9198a1; stroke: none } .head.artifact { fill: #b987ff } text.artifact { fill: #b987ff; stroke: none } }
"""
# In a run.
_STATES = """\
.succeeded { fill: #dafbe1; stroke: #1a7f37 } .reused { fill: #ddf4ff; stroke: #0969da } .running { fill: #fff8c5; stroke: #9a6700 }
.failed, .interrupted { fill: #ffebe9; stroke: #cf222e; stroke-width: 2.5 } .skipped, .waiting { fill: #ffffff; stroke: #818b98; stroke-dasharray: 4 3 }
a:hover rect, a:focus rect { stroke-width: 3 }
@media (prefers-color-scheme: dark) {
.succeeded { fill: #12261e; stroke: #3fb950 } .reused { fill: #12233a; stroke: #4493f8 } .running { fill: #272215; stroke: #d29922 }
.failed, .interrupted { fill: #25171c; stroke: #f85149 } .skipped, .waiting { fill: #0d1117; stroke: #656c76 } }
"""


def picture(graph: Graph, name: str) -> str:
    """Return the text of an SVG of the pipeline called ``name``."""
    drawing = layout(graph)
    kinds = [kind for kind in _LEGEND if kind in _kinds(graph)]
    legend = list(_legend(kinds, drawing.height + 2 * _MARGIN)) if len(kinds) > 1 else []
    wide = max(drawing.width + 2 * _MARGIN, 55 * len(legend) + _MARGIN)
    high = drawing.height + 2 * _MARGIN + (24 if legend else 0)
    drawn = [*_drawn(drawing, (wide - drawing.width) // 2, _MARGIN), *legend]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" '
        f'viewBox="0 0 {wide} {high}" role="img" aria-labelledby="title desc">',
        f'<title id="title">{escaped(f"The pipeline {name}")}</title>',
        f'<desc id="desc">{escaped(_description(graph))}</desc>',
        "<style>",
        *_style_of("".join(drawn)),
        "</style>",
        f'<rect class="page" x=".5" y=".5" width="{wide - 1}" height="{high - 1}" rx="8"/>',
        *drawn,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _style_of(drawn: str) -> Iterator[str]:
    """Yield the lines of the style of what is drawn, without the rules for other things."""
    import textwrap  # a report has a style of its own

    classes = re.findall(r'class="([^"]*)"', drawn)
    used = {"text", "path", "page"}.union(*(names.split() for names in classes))
    light, dark = (
        " ".join(
            rule.strip()
            for rule in re.findall(r"[^{}]+\{[^{}]*\}", rules)
            if {*re.findall(r"[a-z]+", rule.partition("{")[0])} <= used
        )
        for rules in _STYLE.split(_DARK)
    )
    for text in (light, f"{_DARK} {dark} }}"):
        yield from textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def embedded(graph: Graph, name: str) -> str:
    """Return the pipeline as SVG within a page, which has to bring the `style`.

    Its nodes lead to their links, so that it is a group of things and no single picture.
    """
    drawing = layout(graph)
    wide, high = drawing.width + 2 * _MARGIN, drawing.height + 2 * _MARGIN
    parts = [
        f'<svg class="pipeline" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" '
        f'role="group" aria-label="{escaped(f"The pipeline {name}")}">',
        *_drawn(drawing, _MARGIN, _MARGIN),
        "</svg>",
    ]
    return "\n".join(parts)


def style() -> str:
    """Return the style of `embedded` pictures, which changes nothing else on a page."""
    rules = re.sub(r"\.page \{[^}]*\}", "", _STYLE + _STATES)
    return re.sub(
        r"([^{}]+)(\{[^{}]*\})",
        lambda rule: (
            "\n" + ", ".join(f".pipeline {part.strip()}" for part in rule[1].split(",")) + rule[2]
        ),
        rules,
    )


def escaped(text: str) -> str:
    """Return ``text`` as it stands in XML, in one line."""
    text = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;")


def _description(graph: Graph) -> str:
    def names(kind: str) -> str:
        return ", ".join(node.label for node in graph.nodes if node.kind == kind) or "none"

    labels = steps(graph)
    return f"{len(labels)} steps: {', '.join(labels)}. Inputs: {names('input')}. Outputs: {names('output')}."


def _kinds(graph: Graph) -> set[str]:
    inner = [_kinds(node.inside) for node in graph.nodes if node.inside]
    return {edge.kind for edge in graph.edges}.union(*inner)


def _drawn(drawing: Drawing, x: int, y: int) -> Iterator[str]:
    yield f'<g transform="translate({x} {y})">'
    for kind in _LEGEND:
        lines = [line for line in drawing.lines if line.kind == kind]
        if lines:
            yield f'<path class="{kind}" d="{"".join(map(_path, lines))}"/>'
        heads = ["M{} {}l-4-8h8z".format(*line.points[-1]) for line in lines if line.ends]
        if heads:
            yield f'<path class="head {kind}" d="{"".join(heads)}"/>'
    for label in drawing.labels:
        yield from _texts(label.texts, label.x, label.y + 2, SMALL_LINE, f"small {label.kind}")
    for box in drawing.boxes:
        yield from _boxed(box)
    yield "</g>"


def _boxed(box: Box) -> Iterator[str]:
    """Yield a box as a line, and what is in it."""
    yield "".join(_outlined(box))
    if box.inside:
        left = box.x + (box.width - box.inside.width) // 2
        yield from _drawn(box.inside, left, box.y + box.height - PAD - box.inside.height)


def _outlined(box: Box) -> Iterator[str]:
    kind, middle, y = box.node.kind, box.x + box.width // 2, box.y + 4
    ends = {"input": "end", "output": "end"}
    style = "stuff" if box.node.artifact else ends.get(kind, kind)
    if box.inside:
        style, y = f"box {kind}", box.y + 8
    elif kind not in ends:
        y = box.y + 8
    radius = box.height // 2 if kind in ends else _ROUND
    if box.node.state:
        style = f"{style} {box.node.state}"
    if box.node.link:
        yield f'<a href="{escaped(box.node.link)}">'
    yield (
        f'<rect class="{style}" x="{box.x}" y="{box.y}" width="{box.width}" '
        f'height="{box.height}" rx="{radius}"/>'
    )
    heading = " title" if box.inside else ""
    yield from _texts(box.texts, middle, y, LINE, heading.strip())
    y += len(box.texts) * LINE
    yield from _texts(box.details, middle, y, SMALL_LINE, "small")
    if box.node.link:
        yield "</a>"


def _texts(texts: Sequence[str], x: int, y: int, line: int, style: str) -> Iterator[str]:
    """Return lines of text below ``y``; the baseline is at four fifths of a line."""
    attribute = f' class="{style}"' if style else ""
    for number, text in enumerate(texts):
        baseline = y + number * line + line * 3 // 4
        yield f'<text{attribute} x="{x}" y="{baseline}">{escaped(text)}</text>'


def _path(line: Line) -> str:
    """Return a line as path data; it leaves and arrives straight."""
    (x, y), *points = line.points
    if line.ends:  # the head is wider than the line
        points[-1] = (points[-1][0], points[-1][1] - 4)
    data = f"M{x} {y}"
    if len(points) == 3:
        (_, y1), (x2, y2), (_, end) = points
        middle = (y1 + y2) // 2
        curve = f"V{y1}C{x} {middle} {x2} {middle} {x2} {y2}V{end}"
        return data + (f"V{end}" if x == x2 else curve)
    for (x1, y1), (x2, y2) in pairwise(points):
        if (x, y) != (x1, y1) != (x2, y2):
            data += "L{} {}".format(*_towards(x1, y1, x, y))
            data += "Q{} {} {} {}".format(x1, y1, *_towards(x1, y1, x2, y2))
        x, y = x1, y1
    return data + "L{} {}".format(*points[-1])


def _towards(x: int, y: int, to_x: int, to_y: int) -> tuple[int, int]:
    """Return a point near a corner, on the straight way to the next, at most half of it away."""
    length = abs(to_x - x) + abs(to_y - y)
    step = min(_ROUND, length // 2)
    return x + (to_x - x) * step // length, y + (to_y - y) * step // length


def _legend(kinds: Sequence[str], y: int) -> Iterator[str]:
    for number, kind in enumerate(kinds):
        x = _MARGIN + 110 * number
        yield f'<path class="{kind}" d="M{x} {y}h28"/>'
        yield f'<text class="small left" x="{x + 36}" y="{y + 4}">{_LEGEND[kind]}</text>'
