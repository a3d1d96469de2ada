"""The page as HTML, and its sections on the run itself: a function each, in the page's order.

Each takes what is shown, as `kfp_workbench.report.page` finds it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from kfp_workbench.graph import svg
from kfp_workbench.local.progress import MARKS
from kfp_workbench.local.record import Run
from kfp_workbench.report.pieces import NOTHING, details, fill
from kfp_workbench.report.text import WORDS, moment, seconds, shown


def whole(run: Run, sections: Iterator[Markup]) -> Markup:
    """Return the page."""
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8") + svg.style()
    return fill(
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
        <meta name="color-scheme" content="light dark">
        <title>{result}: {title}</title>
        <style>
        {style}
        </style>
        </head>
        <body>
        <header>
        <p class="kind">Local run of <code>{pipeline}</code></p>
        <h1>{title}</h1>
        <dl class="facts">
        <div><dt>Result</dt><dd>{state}</dd></div>
        <div><dt>Started</dt><dd>{started}</dd></div>
        <div><dt>Took</dt><dd>{took}</dd></div>
        <div><dt>Steps ran as</dt><dd>{kind}</dd></div>
        </dl>
        </header>
        <main>
        {sections}
        </main>
        <footer><p>Made by <code>make report</code> from the record of the run; nothing on this page is loaded from elsewhere.</p></footer>
        </body>
        </html>
        """,
        result=WORDS.get(run.state, run.state),
        title=run.title,
        style=Markup(style),  # noqa: S704  # our own
        pipeline=run.pipeline,
        state=_state(run.state),
        started=moment(run.started),
        took=seconds(run.seconds),
        kind="containers" if run.runner == "docker" else "processes",
        sections=sections,
    )


def _state(name: str) -> Markup:
    """Return a mark and a word, so that colour is not all that tells."""
    return fill(
        '<span class="state {name}"><span aria-hidden="true">{mark}</span> {word}</span>',
        name=name,
        mark=MARKS.get(name, ("",))[0],
        word=WORDS.get(name, name),
    )


def failure(error: str, failures: Iterator[Mapping[str, Any]]) -> Markup:
    """Return why a run failed, and what the tasks that failed said."""
    if not error:
        return NOTHING
    return fill(
        """
        <section class="failure" aria-labelledby="failure">
        <h2 id="failure">What went wrong</h2>
        <p>{error}</p>
        {failures}
        </section>
        """,
        error=error,
        failures=map(_failed, failures),
    )


def _failed(task: Mapping[str, Any]) -> Markup:
    title, status = task["title"], task["status"]
    return fill(
        """
        <h3>{title}{status}</h3>
        {reason}
        {log}
        """,
        title=title,
        status="" if status is None else f": exit status {status}",
        reason=fill("<p>{text}</p>", text=task["reason"]) if task["reason"] else "",
        log="" if task["tail"] is None else _log(title, task["tail"], task["log"]),
    )


def _log(title: str, tail: str, link: str) -> Markup:
    return fill(
        """
        <div class="scroll log" tabindex="0" role="group" aria-label="The last lines of {title}"><pre>{tail}</pre></div>
        <p>All that it said is in <a href="{link}">its log</a>.</p>
        """,
        title=title,
        tail=tail,
        link=link,
    )


def graph(picture: Markup | None) -> Markup:
    """Return the pipeline as a picture."""
    if not picture:
        return NOTHING
    return fill(
        """
        <section aria-labelledby="graph">
        <h2 id="graph">Pipeline</h2>
        <div class="scroll graph" tabindex="0" role="group" aria-label="The pipeline as a picture">
        {picture}
        </div>
        </section>
        """,
        picture=picture,
    )


def steps(rows: Iterator[Mapping[str, Any]]) -> Markup:
    """Return a row for each execution of a step."""
    return fill(
        """
        <section aria-labelledby="steps">
        <h2 id="steps">Steps</h2>
        <div class="scroll" tabindex="0" role="group" aria-label="Steps">
        <table class="steps">
        <thead><tr><th scope="col">Step</th><th scope="col">State</th><th scope="col" class="number">Time</th><th scope="col" class="when">When</th><th scope="col">Inputs</th><th scope="col">Log</th></tr></thead>
        <tbody>
        {rows}
        </tbody>
        </table>
        </div>
        </section>
        """,
        rows=map(_step, rows),
    )


def _step(row: Mapping[str, Any]) -> Markup:
    label, state = row["label"], row["state"]
    has_time = "seconds" in row and state != "reused"
    return fill(
        """
        <tr {anchor}>
        <th scope="row">{label}</th>
        <td>{state}</td>
        <td class="number">{seconds}</td>
        <td class="when">{bar}</td>
        <td>{inputs}</td>
        <td>{log}</td>
        </tr>
        """,
        anchor=fill('id="{name}"', name=row["anchor"]) if row["anchor"] else "",
        label=label,
        state=_state(state),
        seconds=seconds(row["seconds"]) if has_time else "",
        bar=_bar(state, row["left"], row["width"]) if has_time else "",
        inputs=details("input", row.get("inputs", {}), "inputs"),
        log=_log_link(label, row["log"]) if row.get("log") else "",
    )


def _bar(state: str, left: str, width: str) -> Markup:
    return fill(
        '<span class="bar {state}" style="margin-left:{left}%;width:{width}%"></span>',
        state=state,
        left=left,
        width=width,
    )


def _log_link(label: str, link: str) -> Markup:
    return fill('<a href="{link}" aria-label="log of {label}">log</a>', link=link, label=label)


def values(kind: str, found: Mapping[str, Any]) -> Markup:
    """Return what went into the pipeline, or came out of it: ``kind`` is Parameter or Output."""
    if not found:
        return NOTHING
    return fill(
        """
        <section aria-labelledby="{name}">
        <h2 id="{name}">{kind}s</h2>
        {table}
        </section>
        """,
        name=f"{kind.lower()}s",
        kind=kind,
        table=_table(kind, found),
    )


def _table(kind: str, values: Mapping[str, Any]) -> Markup:
    return fill(
        """
        <div class="scroll" tabindex="0" role="group" aria-label="{kind}s">
        <table class="pairs">
        <thead><tr><th scope="col">{kind}</th><th scope="col">Value</th></tr></thead>
        <tbody>
        {rows}
        </tbody>
        </table>
        </div>
        """,
        kind=kind,
        rows=(_pair(name, value) for name, value in values.items()),
    )


def _pair(name: str, value: object) -> Markup:
    return fill(
        '<tr><th scope="row">{name}</th><td><pre>{value}</pre></td></tr>',
        name=name,
        value=shown(value),
    )
