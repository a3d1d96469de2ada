"""Reads a compiled pipeline into a graph.

The format is KFP's ``PipelineSpec``: a component is one container or a graph (``dag``) of tasks.
Loops, conditions and exit handlers are components with a graph, and a task hands over to tasks of
the same graph only: what goes further passes the box's own inputs and outputs.
https://github.com/kubeflow/pipelines/blob/master/api/v2alpha1/pipeline_spec.proto
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.graph import words
from kfp_workbench.graph.model import Edge, Graph, Node
from kfp_workbench.graph.words import Names

# A name of a box that KFP made up.
_BOX = re.compile(r"(for-loop|condition|condition-branches|exit-handler)-[0-9]+")


def read(spec: Mapping[str, Any]) -> Graph:
    """Return the graph of a compiled pipeline; raises WorkbenchError (1) when it has none."""
    try:
        return _Reader(spec).graph(spec["root"], {})
    except (KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise WorkbenchError(f"build/pipeline.yaml: no pipeline ({reason}): make compile") from None


class _Reader:
    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.components = spec.get("components", {})
        self.executors = spec.get("deploymentSpec", {}).get("executors", {})

    def graph(self, component: Mapping[str, Any], names: Names, is_root: bool = True) -> Graph:
        """Return the graph of a component, whose made-up inputs are called ``names``."""
        tasks = _ordered(component["dag"]["tasks"])
        edges = {key: list(self._incoming(task, tasks, names)) for key, task in tasks.items()}
        used = {source for found in edges.values() for source, _, _ in found}
        inputs: dict[str, Node] = {}
        for kind in ("parameters", "artifacts"):
            for name in component.get("inputDefinitions", {}).get(kind, {}):
                if is_root or f"<{name}" in used:
                    label = names.get(name, name)
                    inputs[f"<{name}"] = Node("input", label, artifact=kind == "artifacts")
        # KFP's compiler forgets to declare the item of which a branch takes a part.
        for source in sorted(used):
            if source.startswith("<") and source not in inputs:
                name = source[1:]
                inputs[source] = Node("input", names.get(name, name.removeprefix(words.CHANNEL)))
        outputs = dict(self._outputs(component))
        steps = {key: self._node(key, tasks, names) for key in tasks}
        ends = {f">{name}": node for name, (node, _) in outputs.items()}
        for name, (_, sources) in outputs.items():
            edges[f">{name}"] = sources
        nodes = {**inputs, **steps, **ends}
        places = {key: place for place, key in enumerate(nodes)}
        merged: dict[tuple[int, int, str], dict[str, None]] = {}
        for target, found in edges.items():
            for source, kind, text in found:
                texts = merged.setdefault((places[source], places[target], kind), {})
                texts.update({text: None} if text else {})
        return Graph(
            tuple(nodes.values()), tuple(Edge(*key, tuple(texts)) for key, texts in merged.items())
        )

    def _incoming(
        self, task: Mapping[str, Any], tasks: Mapping[str, Any], names: Names
    ) -> Iterator[tuple[str, str, str]]:
        """Return where a task's inputs come from: the node, the kind of edge, its text."""
        found = []
        uses = _uses(task)
        for channel, value in sorted(task.get("inputs", {}).get("parameters", {}).items()):
            name, picked = uses.get(channel, channel), words.picked(value)
            if "componentInputParameter" in value:
                source = value["componentInputParameter"]
                text = words.edge_text(names.get(source, source), name, picked, shown=False)
                found.append((f"<{source}", "parameter", text))
            elif "taskOutputParameter" in value:
                output = value["taskOutputParameter"]
                source, key = output["producerTask"], output["outputParameterKey"]
                text = words.edge_text(self._output(tasks, source, key), name, picked)
                found.append((source, "parameter", text))
            elif "taskFinalStatus" in value:
                found.append(
                    (value["taskFinalStatus"]["producerTask"], "parameter", "final status")
                )
        for name, value in sorted(task.get("inputs", {}).get("artifacts", {}).items()):
            if "componentInputArtifact" in value:
                source = value["componentInputArtifact"]
                text = words.edge_text(names.get(source, source), name, shown=False)
                found.append((f"<{source}", "artifact", text))
            elif "taskOutputArtifact" in value:
                output = value["taskOutputArtifact"]
                source, key = output["producerTask"], output["outputArtifactKey"]
                found.append(
                    (source, "artifact", words.edge_text(self._output(tasks, source, key), name))
                )
        givers = {source for source, _, _ in found}
        for source in sorted(set(task.get("dependentTasks", [])) - givers):
            found.append((source, "order", ""))
        yield from found

    def _outputs(
        self, component: Mapping[str, Any]
    ) -> Iterator[tuple[str, tuple[Node, list[tuple[str, str, str]]]]]:
        """Return the outputs of a graph by name: the node, and what leads to it."""
        dag = component["dag"]
        outputs = dag.get("outputs", {})
        for name, value in sorted(outputs.get("parameters", {}).items()):
            chosen = value.get("valueFromOneof", {}).get("parameterSelectors")
            selectors = chosen or [value["valueFromParameter"]]
            yield self._end(name, selectors, dag["tasks"], "parameter", "outputParameterKey")
        for name, value in sorted(outputs.get("artifacts", {}).items()):
            selectors = value["artifactSelectors"]
            yield self._end(name, selectors, dag["tasks"], "artifact", "outputArtifactKey")

    def _end(
        self, name: str, selectors: Sequence[Any], tasks: Mapping[str, Any], kind: str, key: str
    ) -> tuple[str, tuple[Node, list[tuple[str, str, str]]]]:
        label = self._channel(name, selectors, tasks, key)
        sources = []
        for selector in selectors:
            output = self._output(tasks, selector["producerSubtask"], selector[key])
            sources.append(
                (selector["producerSubtask"], kind, words.edge_text(output, label, shown=False))
            )
        return name, (Node("output", label, artifact=kind == "artifact"), sources)

    def _output(self, tasks: Mapping[str, Any], task: str, key: str) -> str:
        """Return what people call an output of a task."""
        component = self.components[tasks[task]["componentRef"]["name"]]
        if not key.startswith(words.CHANNEL) or "dag" not in component:
            return key
        outputs = component["dag"].get("outputs", {})
        for kind, name in (
            ("parameters", "outputParameterKey"),
            ("artifacts", "outputArtifactKey"),
        ):
            if value := outputs.get(kind, {}).get(key):
                chosen = value.get("valueFromOneof", {}).get("parameterSelectors")
                selectors = (
                    value.get("artifactSelectors") or chosen or [value["valueFromParameter"]]
                )
                return self._channel(key, selectors, component["dag"]["tasks"], name)
        return key

    def _channel(
        self, name: str, selectors: Sequence[Any], tasks: Mapping[str, Any], key: str
    ) -> str:
        """Return what people call an output of a box, which selects it from its tasks."""
        if not name.startswith(words.CHANNEL):
            return name
        found = [self._output(tasks, item["producerSubtask"], item[key]) for item in selectors]
        return " or ".join(dict.fromkeys(found))

    def _node(self, key: str, tasks: Mapping[str, Any], names: Names) -> Node:
        task = tasks[key]
        component = self.components[task["componentRef"]["name"]]
        label = task.get("taskInfo", {}).get("name") or key
        always = task.get("triggerPolicy", {}).get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED"
        details: tuple[str, ...] = ("also after a failure",) if always else ()
        inner = self._inner_names(task, tasks, names)
        for name, value in sorted(task.get("inputs", {}).get("parameters", {}).items()):
            if "runtimeValue" in value:
                constant = value["runtimeValue"].get("constant")
                if not _is_handed_over(constant):
                    details += (f"{name} = {words.constant(constant, inner)}",)
        if "dag" in component:
            kind, title = self._box(key, tasks, inner)
            if not _BOX.fullmatch(label):
                title = f"{label}: {title}" if title else label
            inside = self.graph(component, inner, False)
            return Node(kind, title or label, details, inside=inside, task=key)
        executor = self.executors.get(component.get("executorLabel", ""), {})
        return Node("importer" if "importer" in executor else "step", label, details, task=key)

    def _inner_names(
        self, task: Mapping[str, Any], tasks: Mapping[str, Any], names: Names
    ) -> Names:
        """Return what people call a task's inputs that KFP made up."""
        inner: dict[str, str] = {}
        inputs = task.get("inputs", {})
        for name, value in {**inputs.get("parameters", {}), **inputs.get("artifacts", {})}.items():
            outer = value.get("componentInputParameter") or value.get("componentInputArtifact")
            output = value.get("taskOutputParameter") or value.get("taskOutputArtifact")
            if not name.startswith(words.CHANNEL):
                continue
            if outer:
                inner[name] = names.get(outer, outer)
            elif output:
                source = output["producerTask"]
                key = output.get("outputParameterKey") or output.get("outputArtifactKey")
                label = tasks[source].get("taskInfo", {}).get("name") or source
                text = self._output(tasks, source, key)
                inner[name] = text if _BOX.fullmatch(label) else f"{label}.{text}"
        for iterator in ("parameterIterator", "artifactIterator"):
            if item := task.get(iterator, {}).get("itemInput"):
                source = task[iterator]["items"].get("inputParameter") or task[iterator][
                    "items"
                ].get("inputArtifact")
                inner[item] = f"item of {inner.get(source, source)}" if source else "item"
        return inner

    def _box(self, key: str, tasks: Mapping[str, Any], names: Names) -> tuple[str, str]:
        """Return the kind and the title of a box."""
        task = tasks[key]
        for iterator in ("parameterIterator", "artifactIterator"):
            if iterator in task:
                return "loop", words.loop_title(task, task[iterator]["items"], names)
        if condition := task.get("triggerPolicy", {}).get("condition"):
            return "condition", words.branch_title(condition, tasks, names)
        kinds = {"condition-branches": ("condition", "one of"), "exit-handler": ("exit", "")}
        match = _BOX.fullmatch(task["componentRef"]["name"].removeprefix("comp-"))
        kind, title = kinds.get(match.group(1) if match else "", ("pipeline", ""))
        if kind == "exit":
            title = "with an exit handler"
        return kind, title


def _ordered(tasks: Mapping[str, Any]) -> dict[str, Any]:
    """Return tasks by name, each after those that it depends on; numbers count as such."""
    waiting = {key: set(tasks[key].get("dependentTasks", [])) & set(tasks) for key in tasks}
    for key, task in tasks.items():
        for value in _values(task):
            output = value.get("taskOutputParameter") or value.get("taskOutputArtifact")
            if output and output["producerTask"] != key:
                waiting[key].add(output["producerTask"])
    ordered: dict[str, Any] = {}
    while waiting:
        ready = [key for key in waiting if waiting[key] <= set(ordered)] or list(waiting)
        for key in sorted(ready, key=words.natural):
            ordered[key] = tasks[key]
            del waiting[key]
    return ordered


def _values(task: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for kind in ("parameters", "artifacts"):
        yield from task.get("inputs", {}).get(kind, {}).values()


def _uses(task: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters by the made-up inputs of which KFP composes their values."""
    found: dict[str, str] = {}
    for name, value in sorted(task.get("inputs", {}).get("parameters", {}).items()):
        if "runtimeValue" in value:
            constant = json.dumps(value["runtimeValue"].get("constant"))
            found.update((channel, name) for channel in words.PLACEHOLDER.findall(constant))
    return found


def _is_handed_over(constant: Any) -> bool:
    """Tell whether a constant only lists what edges show."""
    text = json.dumps(constant)
    return not words.PLACEHOLDER.sub("", text).strip('[]", ') and bool(
        words.PLACEHOLDER.search(text)
    )
