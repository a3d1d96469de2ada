"""The state of a DAG that runs: which of its tasks may begin, and what it comes to.

By what KFP's compiler makes of a DAG for Argo Workflows (``dag.go`` in
https://github.com/kubeflow/pipelines/tree/2.17.0/backend/src/v2/compiler/argocompiler): a task waits until
all that it depends on have succeeded, and is left out when one of them has not; an exit task is the
hook of what it depends on, and what depends on that waits for the hook as well.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum

from kfp_workbench.local import spec
from kfp_workbench.local.metadata import Execution


class Phase(Enum):
    """What became of a task in its DAG."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"  # itself
    UNBEGUN = "unbegun"  # its driver has failed
    SKIPPED = "skipped"  # by its condition
    OMITTED = "omitted"  # as something that it waits for has not succeeded


def takes_hook(pipeline: spec.Pipeline, task: spec.Task) -> bool:
    """Tell whether a task can have an exit task: a loop and an importer cannot."""
    component = pipeline.components.get(task.component)
    executor = pipeline.executors.get(component.executor, {}) if component else {}
    return task.loop is None and "importer" not in executor


class DagRun:
    """A DAG's run."""

    def __init__(
        self,
        component: spec.Component,
        execution: Execution,
        path: tuple[str, ...],
        place: tuple[str, ...],
        ended: Callable[[bool], None],
    ) -> None:
        """Note who waits for whom.

        ``path`` is that in the record, ``place`` in the pipeline's picture; ``ended`` is called once, with
        whether all went well.
        """
        self.component, self.execution = component, execution
        self.path, self.place, self.ended = path, place, ended
        self.phases: dict[str, Phase] = {}
        self.hooks: dict[str, str] = {}  # the exit tasks, by what they follow
        self.waiting: dict[str, int] = {}  # how many a task still waits for
        self.dependents: dict[str, list[str]] = {}
        self.open = 0  # tasks and hooks that have not ended
        for name, task in self.tasks.items():
            if task.is_exit:
                self.hooks.update(dict.fromkeys(task.after, name))
                continue
            self.open += 1
            self.waiting[name] = len(task.after)
            for before in task.after:
                self.dependents.setdefault(before, []).append(name)

    @property
    def tasks(self) -> Mapping[str, spec.Task]:
        """The DAG's tasks by name."""
        assert self.component.dag is not None
        return self.component.dag.tasks

    def ready(self) -> Sequence[str]:
        """Return the tasks that wait for nothing."""
        return [name for name, count in self.waiting.items() if count == 0]

    def hook(self, name: str, phase: Phase) -> str | None:
        """Return the exit task that follows a task which has ended, if any."""
        if phase in (Phase.SUCCEEDED, Phase.FAILED):
            return self.hooks.get(name)
        return None

    def end(self, name: str, phase: Phase) -> Iterator[str]:
        """Note that a task and its hook have ended; yield the tasks that may begin now."""
        ended = [(name, phase)]
        while ended:
            last, phase = ended.pop()
            self.phases[last] = phase
            self.open -= 1
            for dependent in self.dependents.get(last, ()):
                self.waiting[dependent] -= 1
                if self.waiting[dependent]:
                    continue
                before = [self.phases[task] for task in self.tasks[dependent].after]
                if all(one is Phase.SUCCEEDED for one in before):
                    yield dependent
                else:
                    ended.append((dependent, Phase.OMITTED))

    @property
    def is_well(self) -> bool:
        """Tell whether nothing of it has failed; exit tasks do not count."""
        return not any(phase in (Phase.FAILED, Phase.UNBEGUN) for phase in self.phases.values())
