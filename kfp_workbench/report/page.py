"""The page of a run: what each section of it shows."""

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import starmap
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.graph import model, spec, svg
from kfp_workbench.local import choosing
from kfp_workbench.local.artifacts import STORE
from kfp_workbench.local.record import PACKAGE, Run, Task
from kfp_workbench.project import steps
from kfp_workbench.report import given, published, sections
from kfp_workbench.report.text import WORDS, seconds, size, tail

LOG_LINES, LOG_BYTES = 200, 64 * 1024  # of a failed step, its last ones
_WORSE = ("failed", "interrupted", "running", "unfinished", "succeeded", "reused", "skipped")


def render(run: Run, folder: Path, page_folder: Path) -> str:
    """Return the page of a run; links are relative to ``page_folder``."""
    return str(sections.whole(run, _sections(run, _View(run, folder, page_folder))))


def _sections(run: Run, view: "_View") -> Iterator[Markup]:
    """Yield what is on the page, in its order."""
    yield sections.failure(run.error, view.failures())
    yield sections.graph(view.graph())
    yield sections.steps(view.rows())
    yield sections.values("Output", run.outputs)
    yield published.metrics(view.metrics())
    yield from starmap(published.evaluation, enumerate(view.evaluations(), 1))
    yield from starmap(published.page, enumerate(view.pages(), 1))
    yield sections.values("Parameter", run.parameters)
    yield published.artifacts(view.artifacts())


class _View:
    def __init__(self, run: Run, folder: Path, page_folder: Path) -> None:
        self.run, self.folder, self.page_folder = run, folder, page_folder
        self._graph = self._read()
        self._nodes = dict(model.tasks(self._graph))
        self._executed = [task for task in run.tasks if task.kind != "dag"]

    def _read(self) -> model.Graph:
        try:
            return spec.read(steps.read_documents(self.folder / PACKAGE)[0])
        except (OSError, ValueError, IndexError, WorkbenchError):
            return model.Graph((), ())

    def graph(self) -> Markup | None:
        """Return the picture, with the states of the tasks; None where it cannot be drawn."""
        if not self._graph.nodes:
            return None
        graph = self._with_states(self._graph, ())
        return Markup(svg.embedded(graph, self.run.pipeline))  # noqa: S704  # escaped there

    def _with_states(self, graph: model.Graph, outer: tuple[str, ...]) -> model.Graph:
        nodes = []
        for node in graph.nodes:
            path = (*outer, node.task)
            if node.inside:
                node = node._replace(inside=self._with_states(node.inside, path))
            elif node.task:
                tasks = self._tasks_at(path)
                state = self._state(tasks)
                node = node._replace(
                    details=(_summary(tasks, state),), state=state, link=f"#{self._anchor(path)}"
                )
            nodes.append(node)
        return model.Graph(tuple(nodes), graph.edges)

    def _tasks_at(self, place: tuple[str, ...]) -> list[Task]:
        return [task for task in self._executed if _place(task) == place]

    def _state(self, tasks: Sequence[Task]) -> str:
        if not tasks:
            return "skipped" if self.run.state == "succeeded" else "waiting"
        return min((task.state for task in tasks), key=_WORSE.index)

    def _anchor(self, place: tuple[str, ...]) -> str:
        places = list(self._nodes)
        return f"task-{places.index(place) + 1}" if place in places else "steps"

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row per execution, in the order of the pipeline; one for a step without any."""
        for place, node in self._nodes.items():
            found = sorted(self._tasks_at(place), key=_natural)
            anchors = [self._anchor(place), *([""] * len(found))]
            yield from map(self._row, found, anchors)
            if not found:
                yield {"anchor": anchors[0], "label": node.label, "state": self._state([])}
        lost = [task for task in self._executed if _place(task) not in self._nodes]
        yield from (self._row(task, "") for task in lost)  # of a pipeline that cannot be read

    def _row(self, task: Task, anchor: str) -> dict[str, Any]:
        total = self.run.seconds or 1
        return {
            "anchor": anchor,
            "label": self._title(task),
            "state": task.state,
            "seconds": task.seconds,
            "left": f"{min(100, 100 * task.started / total):.1f}",
            "width": f"{min(100, 100 * task.seconds / total):.1f}",
            "log": self._link(self.folder / task.log) if task.log else None,
            "inputs": given.inputs(task),
        }

    def _title(self, task: Task) -> str:
        """Return a task's label, with the iterations that it is in, as `make debug` takes them."""
        numbers = choosing.iteration(task)
        return f"{task.label} ({numbers})" if numbers else task.label

    def failures(self) -> Iterator[dict[str, Any]]:
        """Yield what failed, with the last lines of its log."""
        for task in self.run.tasks:
            if task.failed_in or task.state == "interrupted":
                log = self.folder / task.log if task.log else None
                yield {
                    "title": self._title(task),
                    "status": task.status or None,
                    "reason": task.reason if task.failed_in != "command" else "",
                    "log": log and self._link(log),
                    "tail": tail(log, LOG_LINES, LOG_BYTES) if log else None,
                }

    def _artifacts(self, *kinds: str) -> Iterator[tuple[Task, Mapping[str, Any]]]:
        for task in self.run.tasks:
            for artifact in task.artifacts_out:
                artifact = {**artifact, "metadata": unwrapped(artifact["metadata"])}
                if not kinds or artifact["type"] in kinds:
                    yield task, artifact

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Return a table per name of Metrics: a row for each task that published them."""
        tables: dict[str, dict[str, Any]] = {}
        for task, artifact in self._artifacts("system.Metrics"):
            table = tables.setdefault(artifact["key"], {"columns": [], "rows": []})
            values = artifact["metadata"]
            table["columns"] = sorted({*table["columns"], *values})
            table["rows"].append((self._title(task), values))
        return tables

    def evaluations(self) -> Iterator[dict[str, Any]]:
        """Yield the plots of ClassificationMetrics, with their figures as tables."""
        for task, artifact in self._artifacts(
            "system.ClassificationMetrics", "system.SlicedClassificationMetrics"
        ):
            from kfp_workbench.report import plots  # most pipelines have none

            found = plots.evaluation(artifact["metadata"])
            if any(found.values()):
                yield {"title": f"{self._title(task)}: {artifact['key']}", **found}

    def pages(self) -> Iterator[dict[str, Any]]:
        """Yield the HTML and Markdown artifacts, as documents for frames."""
        for task, artifact in self._artifacts("system.HTML", "system.Markdown"):
            from kfp_workbench.report import frames  # the same

            path = self._own_file(artifact["file"])
            yield {
                "title": f"{self._title(task)}: {artifact['key']}",
                "link": path and self._link(path),
                **frames.document(path, artifact["type"] == "system.Markdown"),
            }

    def artifacts(self) -> Iterator[dict[str, Any]]:
        """Yield all artifacts: what, from which step, how large, where, and what is said of it."""
        for task, artifact in self._artifacts():
            path = self._own_file(artifact["file"])
            yield {
                "name": artifact["key"],
                "type": artifact["type"].removeprefix("system."),
                "step": self._title(task),
                "size": size(path),
                "link": path and self._link(path),
                "where": "" if path else _elsewhere(task, artifact),
                "metadata": {
                    key: value
                    for key, value in artifact["metadata"].items()
                    if key not in ("confusionMatrix", "confidenceMetrics")
                },
            }

    def _own_file(self, file: str) -> Path | None:
        """Return the file or folder of an artifact, if it lies where local runs write theirs.

        A step may publish any path: a page must not show, or lead to, other files.
        """
        runs = self.folder.resolve().parent
        try:
            path = (self.folder / file).resolve()
            if not file:
                return None
            return path if path.is_relative_to(runs) and path.exists() else None
        except (OSError, ValueError):
            return None

    def _link(self, path: Path) -> str:
        return quote(os.path.relpath(path, self.page_folder.resolve()), errors="surrogatepass")


def _elsewhere(task: Task, artifact: Mapping[str, Any]) -> str:
    """Return where an artifact lies that is not where local runs write theirs; "" for others."""
    file, uri = artifact["file"], artifact["uri"]
    if file.startswith("/"):
        return str(file)
    return "" if task.kind == "container" and uri.startswith(f"{STORE}/") else str(uri)


def _summary(tasks: Sequence[Task], state: str) -> str:
    """Return what became of a step, in a few words."""
    words = [WORDS[state].lower()]
    if len(tasks) > 1:
        words.append(f"{len(tasks)} times")
    if any(task.status is not None for task in tasks):
        words.append(seconds(sum(task.seconds for task in tasks)))
    return ", ".join(words)


def _place(task: Task) -> tuple[str, ...]:
    return tuple(choosing.place(task).split("/"))


def unwrapped(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return an artifact's metadata as its task published them: the service wraps lists and objects."""
    return {
        key: value[kind]
        if isinstance(value, dict)
        and len(value) == 1
        and (kind := next(iter(value))) in ("list", "struct")
        else value
        for key, value in metadata.items()
    }


def _natural(task: Task) -> list[int]:
    """Return a key that sorts iteration 2 before iteration 10, of the tasks in one place."""
    numbers = choosing.iteration(task)
    return [int(number) for number in numbers.split(",") if number]
