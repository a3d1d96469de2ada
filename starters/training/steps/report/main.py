"""Writes the report: one page with the candidates, the confusion matrix and the ROC curve.

Its plots are plain SVG: the page needs no library, and nothing from elsewhere.
"""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from common.step import HTML, ClassificationMetrics, Input, Metrics, Output, step

Points = Sequence[tuple[float, float]]

PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2937; max-width: 60rem; margin: 2rem auto }
section { display: inline-block; vertical-align: top; margin-right: 2rem }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem }
svg { width: 27rem; font-size: 12px; text-anchor: middle; fill: #4b5563 }
line { stroke: #e5e7eb }
polyline { fill: none; stroke: #2563eb; stroke-width: 2 }
polyline:first-of-type { stroke: #9ca3af; stroke-width: 1; stroke-dasharray: 4 }
circle { fill: #2563eb }
td, th { padding: .6rem 1.2rem; font-weight: 400; text-align: center }
</style>
<h1>$title</h1>
<p>$summary</p>
<section><h2>Candidates</h2>$candidates</section>
<section><h2>ROC curve</h2>$curve</section>
<section><h2>Confusion matrix</h2>$matrix</section>
</html>
""")


def plot(
    points: Points, guide: Points, xs: Sequence[float], ys: Sequence[float], *axes: str
) -> str:
    """Return a line through points as SVG, and a dashed one; ``xs`` and ``ys`` are the ticks."""

    def x(value: float) -> float:
        return 60 + 320 * (value - xs[0]) / (xs[-1] - xs[0] or 1)

    def y(value: float) -> float:
        return 250 - 240 * (value - ys[0]) / (ys[-1] - ys[0])

    across, up = axes
    parts = [f'<text x="220" y="295">{across}</text>']
    parts += [f'<text transform="translate(15, 130) rotate(-90)">{up}</text>']
    for tick in xs:
        parts.append(f'<line x1="{x(tick)}" x2="{x(tick)}" y1="10" y2="250"/>')
        parts.append(f'<text x="{x(tick)}" y="270">{tick:g}</text>')
    for tick in ys:
        parts.append(f'<line x1="60" x2="380" y1="{y(tick)}" y2="{y(tick)}"/>')
        parts.append(f'<text x="40" y="{y(tick) + 4}">{tick:g}</text>')
    for line in (guide, points):
        corners = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in line)
        parts.append(f'<polyline points="{corners}"/>')
    parts += [f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="3"/>' for a, b in points]
    return f'<svg viewBox="0 0 400 300">{"".join(parts)}</svg>'


def ticks(low: float) -> list[float]:
    """Return six ticks up to 1, from ``low`` or a twentieth below."""
    first = min(int(low * 20), 19) / 20
    return [round(first + (1 - first) * number / 5, 3) for number in range(6)]


def table(matrix: Mapping[str, Any]) -> str:
    """Return a confusion matrix as KFP keeps it, a row for each true label, as a table."""
    labels = [escape(spec["displayName"]) for spec in matrix["annotationSpecs"]]
    lines = ["<th></th>" + "".join(f"<th>found {label}</th>" for label in labels)]
    for label, row in zip(labels, matrix["rows"], strict=True):
        shares = [(count, count / max(1, sum(row["row"])) / 2) for count in row["row"]]
        cells = [f'<td style="background: rgb(37 99 235 / {s:.0%})">{n:g}</td>' for n, s in shares]
        lines.append(f"<th>is {label}</th>{''.join(cells)}")
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


@step
def report(
    metrics: Input[Metrics],
    evaluation: Input[ClassificationMetrics],
    scores: list,
    best: dict,
    report: Output[HTML],
) -> None:
    """Write a page with the candidates, the confusion matrix and the ROC curve."""
    points = sorted((each["settings"]["max_depth"], each["score"]) for each in scores)
    depths, low = [depth for depth, _ in points], min(score for _, score in points)
    curve = [
        (point["falsePositiveRate"], point["recall"])
        for point in evaluation.metadata["confidenceMetrics"]
    ]
    chosen = ", ".join(f"{name} {value:g}" for name, value in sorted(best["settings"].items()))
    figures = ", ".join(f"{name} {value:.3f}" for name, value in sorted(metrics.metadata.items()))
    rates = ("false positive rate", "true positive rate")
    page = PAGE.substitute(
        title=f"{metrics.metadata['accuracy']:.1%} of the test rows are classified right",
        summary=escape(f"The best of {len(scores)} candidates: {chosen}. Tested: {figures}."),
        candidates=plot(points, [], depths, ticks(low), "depth", "accuracy in cross-validation"),
        curve=plot(curve, [(0, 0), (1, 1)], ticks(0), ticks(0), *rates),
        matrix=table(evaluation.metadata["confusionMatrix"]),
    )
    Path(report.path).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    report.main()
