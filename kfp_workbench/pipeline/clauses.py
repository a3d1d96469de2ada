"""Each ``if`` of a command line: what it is in a compiled pipeline, and what it comes to.

A server resolves it from 2.17 on; an older one hands its JSON to the container. Before a run it is
known what it comes to where what is passed is a constant, an output, or nothing at all.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

START = '{"IfPresent":'
_ALWAYS = "ALL_UPSTREAM_TASKS_COMPLETED"  # the strategy of what runs after failures, too
_ROOT = "root"


class Clause(NamedTuple):
    """An ``if`` of a compiled pipeline."""

    name: str  # of the input parameter that it asks for
    then: Sequence[Any]  # words
    otherwise: Sequence[Any]

    @property
    def is_plain(self) -> bool:
        """Tell whether a server resolves it: it holds texts alone, and no output's path."""
        words = [*self.then, *self.otherwise]
        return all(isinstance(word, str) and "$.outputs" not in word for word in words)


def read(word: str) -> Clause | None:
    """Return the ``if`` that a word of a command line is; None for any other."""
    if not word.strip().startswith(START):
        return None
    try:
        parts = json.loads(word)["IfPresent"]
        return Clause(parts.get("InputName", ""), *(_words(parts, key) for key in ("Then", "Else")))
    except (ValueError, AttributeError, RecursionError):
        return None  # a text that looks like one


def _words(parts: Mapping[str, Any], key: str) -> Sequence[Any]:
    found = parts.get(key)
    return found if isinstance(found, list) else [] if found is None else [found]


def write_out(document: Mapping[str, Any]) -> bool:
    """Put in place of each ``if``, in a compiled pipeline, the words that it surely comes to.

    Tells whether there was any.
    """
    flow, changed = _Flow(document), False
    for label, executor in document["deploymentSpec"]["executors"].items():
        container = executor.get("container", {})
        for key in container.keys() & {"args", "command"}:
            found = [part for word in container[key] for part in flow.come_to(word, label)]
            changed |= found != container[key]
            container[key] = found
    return changed


class _Flow:
    """What the tasks of a compiled pipeline are passed: for sure a value, for sure none, or neither.

    By what local runs go by, which are held to a real backend (``backend/src/v2/driver``).
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._components = {**document.get("components", {}), _ROOT: document["root"]}

    def come_to(self, word: str, executor: str) -> Sequence[str]:
        """Return the words that a word comes to: itself where it is no ``if``, or that is not sure."""
        clause = read(word)
        if clause is None or not clause.is_plain:
            return [word]
        users = [name for name, c in self._components.items() if c.get("executorLabel") == executor]
        presence = _agreed(self._is_present(name, clause.name) for name in users)
        return {True: clause.then, False: clause.otherwise, None: [word]}[presence]

    def _is_present(self, component: str, name: str) -> bool | None:
        """Tell whether an input of a component has a value in each task that is one."""
        if component == _ROOT:  # a run is refused that passes null, or not what has no default
            declared = self._declared(component, name)
            return True if not declared.get("isOptional") or "defaultValue" in declared else None
        return _agreed(
            self._is_passed(graph, task, name)
            for graph, around in self._components.items()
            for task in around.get("dag", {}).get("tasks", {}).values()
            if task["componentRef"]["name"] == component
        )

    def _is_passed(self, graph: str, task: Mapping[str, Any], name: str) -> bool | None:
        component = task["componentRef"]["name"]
        source = task.get("inputs", {}).get("parameters", {}).get(name, {})
        loop = task.get("parameterIterator", {})
        if loop.get("itemInput") == name:
            items = json.loads(loop["items"].get("raw", "[null]"))
            return None if None in items else True
        if "parameterExpressionSelector" in source:
            return None
        if "componentInputParameter" in source:
            return self._is_present(graph, source["componentInputParameter"])
        if "taskOutputParameter" in source:  # what is waited for may have failed
            return None if task.get("triggerPolicy", {}).get("strategy") == _ALWAYS else True
        if "runtimeValue" in source:
            return None if source["runtimeValue"].get("constant") is None else True
        if "defaultValue" in self._declared(component, name):  # which only a graph is sure to get
            return True if "dag" in self._components[component] else None
        return None if source else False

    def _declared(self, component: str, name: str) -> Mapping[str, Any]:
        inputs = self._components[component].get("inputDefinitions", {})
        found: Mapping[str, Any] = inputs.get("parameters", {}).get(name, {})
        return found


def _agreed(answers: Iterator[bool | None]) -> bool | None:
    """Return the answer that all are, or else None."""
    found = {*answers}
    return found.pop() if len(found) == 1 else None
