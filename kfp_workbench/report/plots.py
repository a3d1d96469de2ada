"""The plots of KFP's ClassificationMetrics: a confusion matrix and a ROC curve, by Vega-Lite.

The metadata are KFP's (https://github.com/kubeflow/pipelines/blob/master/sdk/python/kfp/dsl/types/artifact_types.py):
``confusionMatrix`` has a row for each true label, ``confidenceMetrics`` the points of the curve. Figures
that are none are left out; a matrix or a curve without any is not drawn.
"""

import functools
import importlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from kfp_workbench.local.record import POINT, figure
from kfp_workbench.report.text import clean
from kfp_workbench.setup import tools

MOST_LABELS = 60  # that are drawn
_INK, _LINE, _ACCENT = "#1a2b3c", "#4d5e6f", "#a7b8c9"  # stand for the page's own colours
_COLOURS = {_INK: "var(--ink)", _LINE: "var(--line)", _ACCENT: "var(--accent)"}
_CONFIG = {
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": _INK, "titleColor": _INK, "gridColor": _LINE, "domainColor": _LINE,
        "tickColor": _LINE, "titlePadding": 12, "labelFontSize": 12, "titleFontSize": 13, "titleFontWeight": "normal",
    },
}  # fmt: skip


def evaluation(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``matrix`` and ``curve``, each with its ``plot`` (SVG) and its figures; or None.

    ``lost`` says which of them is there, but cannot be drawn.
    """
    found = {"matrix": _matrix(metadata), "curve": _curve(metadata)}
    kinds = {"matrix": "confusionMatrix", "curve": "confidenceMetrics"}
    lost = [name for name, key in kinds.items() if key in metadata and not found[name]]
    return {**found, "lost": lost}


def _matrix(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        matrix = metadata["confusionMatrix"]
        labels = [clean(spec["displayName"]) for spec in matrix["annotationSpecs"]]
        rows = [[figure(count) for count in row["row"]] for row in matrix["rows"]]
    except (KeyError, TypeError):
        return None
    if not labels or [len(row) for row in rows] != [len(labels)] * len(labels):
        return None
    if None in [count for row in rows for count in row]:
        return None
    plot = _heat_map(labels, rows) if len(labels) <= MOST_LABELS else None
    return {"labels": labels, "rows": list(zip(labels, rows, strict=True)), "plot": plot}


def _heat_map(labels: Sequence[str], rows: Sequence[Sequence[Any]]) -> Markup | None:
    cells = [
        {
            "true": row, "predicted": column, "count": count,
            "share": count / (sum(rows[row]) or 1), "text": f"{count:g}",
        }
        for row, counts in enumerate(rows) for column, count in enumerate(counts)
    ]  # fmt: skip
    # By number, as two labels may be the same; the texts come last, into the axes.
    step = 90 if len(labels) < 5 else 48 if len(labels) < 12 else 22
    level = len(labels) < 5 and max(map(len, labels)) < 14
    name = f"{_texts(labels)}[datum.value]"
    axis = {"labelExpr": name, "ticks": False, "domain": False}
    place = {
        "x": {"field": "predicted", "type": "ordinal", "title": "predicted class",
              "axis": {**axis, "orient": "top", "labelAngle": 0 if level else -45, "labelLimit": step if level else 160}},
        "y": {"field": "true", "type": "ordinal", "title": "true class", "axis": {**axis, "labelLimit": 160}},
    }  # fmt: skip
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "rect", "color": _ACCENT, "stroke": _LINE, "cornerRadius": 4},
            "encoding": {
                "opacity": {
                    "field": "share", "type": "quantitative", "legend": None,
                    "scale": {"domain": [0, 1], "range": [0.06, 0.75]},
                }
            },
        },
        {"mark": {"type": "text", "fontSize": 15 if step > 40 else 10, "color": _INK},
         "encoding": {"text": {"field": "text"}}},
    ]  # fmt: skip
    sizes = {"width": {"step": step}, "height": {"step": min(step, 64)}}
    return _drawn({"data": {"values": cells}, "encoding": place, "layer": layers, **sizes})


def _curve(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        given = [
            [figure(point.get(key)) for key in POINT] for point in metadata["confidenceMetrics"]
        ]
    except (KeyError, TypeError, AttributeError):
        return None
    points = [point for point in given if point[0] is not None and point[1] is not None]
    if len(points) < 2:
        return None
    values = [{"order": order, "x": x, "y": y} for order, (x, y, _) in enumerate(points)]
    axis = {
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "axis": {"values": [0, 0.2, 0.4, 0.6, 0.8, 1]},
    }
    spec = {
        "width": 300, "height": 300,
        "layer": [
            {
                "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
                "mark": {"type": "line", "color": _LINE, "strokeDash": [4, 4]},
                "encoding": {axis: {"field": axis, "type": "quantitative"} for axis in "xy"},
            },
            {
                "data": {"values": values},
                "mark": {"type": "line", "color": _ACCENT, "strokeWidth": 2.5,
                         "point": {"filled": True, "size": 30, "color": _ACCENT}},
                "encoding": {
                    "x": {**axis, "field": "x", "title": "false positive rate"},
                    "y": {**axis, "field": "y", "title": "true positive rate"},
                    "order": {"field": "order"},
                },
            },
        ],
    }  # fmt: skip
    return {"points": points, "plot": _drawn(spec), "area": _area(points)}


def _area(points: Sequence[Sequence[Any]]) -> float:
    """Return the area below a curve, by trapezoids."""
    ordered = sorted((float(x), float(y)) for x, y, _ in points)
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(ordered))


def _drawn(spec: Mapping[str, Any]) -> Markup | None:
    """Return a Vega-Lite plot as SVG, in the colours of the page; its labels are escaped there."""
    renderer = _renderer()
    if renderer is None:
        return None
    schema = "https://vega.github.io/schema/vega-lite/v5.json"
    text = renderer.vegalite_to_svg({"$schema": schema, **spec, "config": _CONFIG})
    for stand_in, colour in _COLOURS.items():
        text = text.replace(stand_in, colour)
    return Markup(text)  # noqa: S704  # labels are escaped by Vega


@functools.cache
def _renderer() -> Any:
    """Return what draws, fetched with the first plot, as most pipelines have none; or None."""
    try:
        return importlib.import_module("vl_convert")
    except ImportError:
        is_there = tools.fetch("vl-convert-python", "a plot")
        return importlib.import_module("vl_convert") if is_there else None


def _texts(labels: Sequence[str]) -> str:
    """Return labels as a list in Vega's expressions; every character is a number there."""
    quoted = ("".join(f"\\u{ord(unit):04x}" for unit in _units(label)) for label in labels)
    return "[" + ", ".join(f'"{text}"' for text in quoted) + "]"


def _units(text: str) -> str:
    """Return a text of UTF-16 units, as expressions have them."""
    units = text.encode("utf-16-be", errors="replace")
    return "".join(chr(int.from_bytes(units[at : at + 2], "big")) for at in range(0, len(units), 2))
