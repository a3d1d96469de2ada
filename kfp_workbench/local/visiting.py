"""What the server's compiler makes of components as it visits them, each once.

By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/compiler (``visitor.go``,
``argocompiler/argo.go``).
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kfp_workbench.local.spec import Component, Task


def visit_all(
    root: str,
    components: "dict[str, Component]",
    executors: Mapping[str, Mapping[str, Any]],
) -> None:
    """Visit the components that a pipeline uses, from its ``root`` on, and put what comes of them there.

    The retries of a pipeline's task are handed on to the tasks within: the first task that uses a
    component decides. Components of equal containers all have the definition of the first of them,
    though their inputs and outputs may be of other types (``hashComponentContainer``).
    """
    visited = {root}
    first: dict[str, Component] = {}  # by container

    def visit(name: str, outer: "Task | None") -> None:
        component = components[name]
        if component.dag is None:
            if container := executors.get(component.executor, {}).get("container"):
                shared = first.setdefault(json.dumps(container, sort_keys=True), component)
                components[name] = shared._replace(name=name, executor=component.executor)
            return
        tasks = dict(component.dag.tasks)
        for key, task in tasks.items():
            if task.retry is None and outer is not None:
                tasks[key] = task = task._replace(retry=outer.retry)
            if task.component not in visited and task.component in components:
                visited.add(task.component)
                visit(task.component, task)
        components[name] = component._replace(dag=component.dag._replace(tasks=tasks))

    visit(root, None)
