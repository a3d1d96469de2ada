"""Makes the workflow of a run: the nodes that Argo has for the tasks of a pipeline.

Tasks are given by the way to them, such as ``for-loop-1[2]/train``, each with one of

- ``PENDING``: its driver is about to start; ``DRIVER``: that failed;
- ``RUNNING``, ``SUCCEEDED``, ``FAILED``: its container;
- ``REUSED``: its outputs are those of an earlier run;
- ``FORBIDDEN``: Kubernetes does not let its pod be, however often Argo tries;
- ``SKIPPED``: its condition does not hold; ``OMITTED``: what it waits for has failed.

``show@add`` is the task ``show`` that comes after ``add``, whatever became of that. The others of
a graph wait for each other, in the order in which they are given. Names, and what
follows on what, are those of KFP 2.17.0, whose own settings let Argo try every node again.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from servers.kfp_server.nodes import NEVER, Node, Row

Span = tuple[str, str]  # when something began and ended
ATTEMPTS = 3  # of what Kubernetes refuses
_PART = re.compile(r"([^\[]*)(?:\[([0-9]+)\])?")
_PHASES = {
    **{"RUNNING": "Running", "SUCCEEDED": "Succeeded", "REUSED": "Succeeded"},
    **{"FAILED": "Failed", "FORBIDDEN": "Error", "DRIVER": "Omitted"},
    **{"SKIPPED": "Skipped", "OMITTED": "Omitted"},
}
_DRIVERS = {"PENDING": "Running", "DRIVER": "Failed", "OMITTED": "Omitted"}


class Workflow:
    """The nodes of a run, by their names, and the names of each task's pods.

    ``span`` tells when a task began and ended.
    """

    def __init__(
        self,
        name: str,
        tasks: Mapping[str, str],
        span: Callable[[str], Span],
        reasons: Mapping[str, str],
        *,
        retries: bool,
    ) -> None:
        self.name = name
        self.nodes: dict[str, Node] = {}
        self.pods: dict[str, list[str]] = {}
        self._of, self._reasons, self._retries = span, reasons, retries
        self._attempts = ATTEMPTS if "FORBIDDEN" in tasks.values() else 1
        # The way to the root itself is "": a run may end before its first task.
        tree = tasks.get("") or _tree(tasks)
        if tree:
            ends = {"PENDING": "RUNNING", "DRIVER": "FAILED"}
            phase = _PHASES[ends.get(_state(tree), _state(tree))]
            for entry in self._tried(name, "DAG", phase, "entrypoint", self._span(tree, "")):
                self._task(entry, "root", tree, "", [entry])

    def manifest(self, namespace: str) -> Row:
        """Return it as Argo has it."""
        notes = {"workflows.argoproj.io/pod-name-format": "v2"}
        metadata = {"name": self.name, "namespace": namespace, "annotations": notes}
        nodes = [node.argo() for node in self.nodes.values()]
        return {"metadata": metadata, "status": {"nodes": {node["id"]: node for node in nodes}}}

    def _task(self, around: str, word: str, inner: Any, way: str, before: list[str]) -> list[str]:
        """Add a task and its driver; return the nodes on which the next one follows."""
        if isinstance(inner, dict) and all(isinstance(key, int) for key in inner):
            return self._loop(f"{around}.{word}", inner, way, before)
        if "@" in word:
            return self._exit(around, word, inner, way, before)
        name, state, span = f"{around}.{word}", _state(inner), self._span(inner, way)
        phase = _DRIVERS.get(state, "Succeeded")
        drivers = self._tried(f"{name}-driver", "Pod", phase, "system-container-driver", span)
        self._follow(before, f"{name}-driver")
        if state == "DRIVER":
            self._is_pod_of(drivers[-1], way)
        if state == "PENDING":
            return drivers
        self._follow(drivers, name)
        attempts = self._tried(name, "DAG", _PHASES[state], f"comp-{word}", span)
        for attempt in attempts if _PHASES[state] not in ("Skipped", "Omitted") else ():
            if isinstance(inner, dict):
                after = [attempt]
                for key, each in inner.items():
                    after = self._task(attempt, key, each, f"{way}/{key}" if way else key, after)
            else:
                self._container(attempt, state, way, span)
        return attempts[-1:]

    def _container(self, around: str, state: str, way: str, span: Span) -> None:
        name = f"{around}.executor"
        self._follow([around], name)
        phase = "Skipped" if state == "REUSED" else _PHASES[state]
        for attempt in self._tried(name, "Pod", phase, "system-container-impl", span):
            self._is_pod_of(attempt, way)

    def _loop(
        self, name: str, iterations: Mapping[int, Any], way: str, before: list[str]
    ) -> list[str]:
        phase, span = _PHASES[_state(iterations)], self._span(iterations, way)
        self._follow(before, name)
        attempts = self._tried(name, "DAG", phase, "comp-loop", span)
        for attempt in attempts:
            driver = f"{attempt}.iteration-driver"
            self._follow([attempt], driver)
            drivers = self._tried(driver, "Pod", "Succeeded", "system-dag-driver", span)
            group = f"{attempt}.iteration-iterations"
            self._follow(drivers, group)
            self._add(group, "TaskGroup", phase, "", span)
            for number, inner in iterations.items():
                each, place = f"{group}({number}:{number})", f"{way}[{number}]"
                self._follow([group], each)
                own = _PHASES[_state(inner)]
                for entry in self._tried(each, "DAG", own, "comp-iteration", span):
                    self._task(entry, "iteration-item", inner, place, [entry])
        return attempts[-1:]

    def _exit(self, around: str, word: str, inner: Any, way: str, before: list[str]) -> list[str]:
        """Add a task that comes after another, whatever became of that: a hook of Argo's."""
        word, _, other = word.partition("@")
        hook, span = f"{around}.{other}.onExit", self._span(inner, way)
        self._follow([f"{around}.{other}"], hook)
        for attempt in self._tried(hook, "DAG", _PHASES[_state(inner)], "exit-hook", span):
            self._task(attempt, word, inner, way, [attempt])
        return before

    def _tried(self, name: str, kind: str, phase: str, template: str, span: Span) -> list[str]:
        """Add a node, and what tries it again if need be; return what does the work."""
        if not self._retries or phase in ("Skipped", "Omitted"):
            kind = "Skipped" if phase in ("Skipped", "Omitted") else kind
            self._add(name, kind, phase, template, span)
            return [name]
        count = self._attempts if phase in ("Error", "Failed") else 1
        names = [f"{name}({number})" for number in range(count)]
        self._add(name, "Retry", phase, template, span)
        for each in names:
            self._add(each, kind, phase, template, span)
        self.nodes[name].children += names
        return names

    def _add(self, name: str, kind: str, phase: str, template: str, span: Span) -> None:
        end = span[1] if phase not in ("Running", "Pending") else NEVER
        self.nodes[name] = Node(self.name, name, kind, phase, span[0], end, template)

    def _follow(self, before: list[str], name: str) -> None:
        for each in before:
            self.nodes[each].children.append(name)

    def _is_pod_of(self, name: str, way: str) -> None:
        node = self.nodes[name]
        node.message = self._reasons.get(way, "")
        if node.phase not in ("Error", "Skipped"):  # of which there is none
            self.pods.setdefault(way, []).append(node.pod)

    def _span(self, inner: Any, way: str) -> Span:
        """Return when a task, or what is in it, began and ended."""
        spans = [self._of(each) for each in _ways(inner, way)]
        ends = [end for _, end in spans]
        return min(start for start, _ in spans), NEVER if NEVER in ends else max(ends)


def _tree(tasks: Mapping[str, str]) -> dict[str, Any]:
    """Return tasks by what is around them; a loop has its iterations by number."""
    tree: dict[str, Any] = {}
    for way, state in tasks.items():
        inner: Any = tree
        *around, last = way.split("/")
        for part in around:
            match = _PART.fullmatch(part)
            assert match, part
            inner = inner.setdefault(match[1], {})
            inner = inner.setdefault(int(match[2]), {}) if match[2] else inner
        inner[last] = state
    return tree


def _ways(inner: Any, way: str) -> Iterator[str]:
    """Yield the ways to all tasks that are in a task, or to itself."""
    if not isinstance(inner, dict):
        yield way
        return
    for key, each in inner.items():
        slash = "/" if way and isinstance(key, str) else ""
        yield from _ways(each, way + (f"{slash}{key}" if isinstance(key, str) else f"[{key}]"))


def _state(inner: Any) -> str:
    """Return the state of a task, by those that are in it."""
    if not isinstance(inner, dict):
        return str(inner)
    states = {_state(each) for each in inner.values()}
    for found in ("RUNNING", "FORBIDDEN", "FAILED"):
        if found in states or (found == "RUNNING" and "PENDING" in states):
            return found
    return "FAILED" if "DRIVER" in states else "SUCCEEDED"
