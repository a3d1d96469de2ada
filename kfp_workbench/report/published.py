"""The page's sections on what steps published, as HTML: a function each, in the page's order.

Each takes what is shown, as `kfp_workbench.report.page` finds it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from kfp_workbench.report.pieces import NOTHING, details, fill
from kfp_workbench.report.text import figure

_LOST = {"matrix": "confusion matrix", "curve": "ROC curve"}


def metrics(tables: Mapping[str, Mapping[str, Any]]) -> Markup:
    """Return a table per name of Metrics."""
    if not tables:
        return NOTHING
    return fill(
        """
        <section aria-labelledby="metrics">
        <h2 id="metrics">Metrics</h2>
        {tables}
        </section>
        """,
        tables=(_metrics(name, **table) for name, table in tables.items()),
    )


def _metrics(
    name: str, columns: Sequence[str], rows: Iterable[tuple[str, Mapping[str, Any]]]
) -> Markup:
    return fill(
        """
        <div class="scroll" tabindex="0" role="group" aria-label="{name}">
        <table>
        <caption>{name}</caption>
        <thead><tr><th scope="col">Step</th>{columns}</tr></thead>
        <tbody>
        {rows}
        </tbody>
        </table>
        </div>
        """,
        name=name,
        columns=map(_heading, columns),
        rows=(
            _row(title, [figure(values[key]) if key in values else "" for key in columns])
            for title, values in rows
        ),
    )


def _heading(text: str) -> Markup:
    return fill('<th scope="col" class="number">{text}</th>', text=text)


def _row(title: str, numbers: Iterable[str]) -> Markup:
    return fill(
        '<tr><th scope="row">{title}</th>{numbers}</tr>', title=title, numbers=map(_number, numbers)
    )


def _number(text: str) -> Markup:
    return fill('<td class="number">{text}</td>', text=text)


def evaluation(number: int, found: Mapping[str, Any]) -> Markup:
    """Return the plots of one evaluation; ``number`` counts them."""
    matrix, curve = found["matrix"], found["curve"]
    return fill(
        """
        <section aria-labelledby="evaluation-{number}">
        <h2 id="evaluation-{number}">{title}</h2>
        <div class="plots">
        {matrix}
        {curve}
        </div>
        {lost}
        </section>
        """,
        number=number,
        title=found["title"],
        matrix=_matrix(**matrix) if matrix else "",
        curve=_curve(**curve) if curve else "",
        lost=map(_not_drawn, found["lost"]),
    )


def _matrix(
    labels: Sequence[str], rows: Iterable[tuple[str, Sequence[float]]], plot: Markup | None
) -> Markup:
    return fill(
        """
        <figure>
        <figcaption>Confusion matrix</figcaption>
        {plot}
        <details {open}>
        <summary>As a table</summary>
        <div class="scroll" tabindex="0" role="group" aria-label="Confusion matrix">
        <table>
        <thead><tr><td></td>{labels}</tr></thead>
        <tbody>
        {rows}
        </tbody>
        </table>
        </div>
        </details>
        </figure>
        """,
        plot=_plot("Confusion matrix", plot),
        open="" if plot else "open",
        labels=(_heading(f"predicted {label}") for label in labels),
        rows=(_row(f"true {label}", [f"{count:g}" for count in counts]) for label, counts in rows),
    )


def _curve(points: Iterable[Sequence[float | None]], plot: Markup | None, area: float) -> Markup:
    return fill(
        """
        <figure>
        <figcaption>ROC curve, area {area}</figcaption>
        {plot}
        <details {open}>
        <summary>As a table</summary>
        <div class="scroll tall" tabindex="0" role="group" aria-label="ROC curve">
        <table>
        <thead><tr><th scope="col" class="number">False positive rate</th><th scope="col" class="number">True positive rate</th><th scope="col" class="number">Threshold</th></tr></thead>
        <tbody>
        {points}
        </tbody>
        </table>
        </div>
        </details>
        </figure>
        """,
        area=f"{area:.3f}",
        plot=_plot("ROC curve", plot),
        open="" if plot else "open",
        points=map(_point, points),
    )


def _point(point: Sequence[float | None]) -> Markup:
    texts = ["" if value is None else f"{value:.4g}" for value in point]
    return fill("<tr>{numbers}</tr>", numbers=map(_number, texts))


def _plot(name: str, plot: Markup | None) -> Markup:
    if not plot:
        return NOTHING
    return fill(
        '<div class="scroll plot" tabindex="0" role="group" aria-label="{name}, as a picture">{plot}</div>',
        name=name,
        plot=plot,
    )


def _not_drawn(plot: str) -> Markup:
    return fill(
        "<p>The {name} is not drawn: its figures are incomplete, no numbers, or too large.</p>",
        name=_LOST[plot],
    )


def page(number: int, found: Mapping[str, Any]) -> Markup:
    """Return one of the HTML and Markdown artifacts, in a frame; ``number`` counts them."""
    title, link = found["title"], found["link"]
    return fill(
        """
        <section aria-labelledby="page-{number}">
        <h2 id="page-{number}">{title}</h2>
        {frame}
        <p>{note} {scripts} {link}</p>
        </section>
        """,
        number=number,
        title=title,
        frame=_frame(title, found["document"]) if "document" in found else "",
        note=found.get("note", ""),
        scripts="Its scripts do not run here." if found.get("scripts") else "",
        link=fill('<a href="{link}">The file itself</a>', link=link) if link else "",
    )


def _frame(title: str, document: str) -> Markup:
    return fill(
        '<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" loading="lazy" title="{title}" srcdoc="{document}"></iframe>',
        title=title,
        document=escape(document),  # every character of it, as it is no text of this page
    )


def artifacts(found: Iterator[Mapping[str, Any]]) -> Markup:
    """Return a row for each artifact."""
    rows = [_artifact(artifact) for artifact in found]
    if not rows:
        return NOTHING
    return fill(
        """
        <section aria-labelledby="artifacts">
        <h2 id="artifacts">Artifacts</h2>
        <div class="scroll" tabindex="0" role="group" aria-label="Artifacts">
        <table>
        <thead><tr><th scope="col">Artifact</th><th scope="col">Type</th><th scope="col">From</th><th scope="col" class="number">Size</th><th scope="col">Metadata</th></tr></thead>
        <tbody>
        {rows}
        </tbody>
        </table>
        </div>
        </section>
        """,
        rows=iter(rows),
    )


def _artifact(found: Mapping[str, Any]) -> Markup:
    name, link, where = found["name"], found["link"], found["where"]
    return fill(
        """
        <tr>
        <th scope="row">{name}</th>
        <td>{type}</td>
        <td>{step}</td>
        <td class="number">{size}</td>
        <td>{where} {metadata}</td>
        </tr>
        """,
        name=fill('<a href="{link}">{name}</a>', link=link, name=name) if link else name,
        type=found["type"],
        step=found["step"],
        size=found["size"] or ("" if where else "no file"),
        where=fill("<code>{where}</code>", where=where) if where else "",
        metadata=details("entry", found["metadata"], "entries"),
    )
