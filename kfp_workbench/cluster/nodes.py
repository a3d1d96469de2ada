"""Tells which task of the pipeline a node of a run's workflow belongs to.

KFP makes a workflow for Argo of a pipeline. The name of a node is the way to it, such as

    flowers-2gjcw(0).root(0).for-loop-1(0).iteration-iterations(2:2)(0).iteration-item(0).train

which ends in ``.train-driver`` for what prepares that step, and goes on with ``.executor`` for
its container. A node that may be tried again, which by KFP's own settings all may, has its
attempts below it: ``(0)``, ``(1)``. Its id is the workflow's name and 32 bits of its own.

The API gives a row for every node, with the last part of its name, which all iterations of a
loop share. It gives neither the rest nor the id, but the ids of the nodes that come next. So
names are made up, from the tasks that the pipeline has, and those whose ids are given are right:
a row with the id of ``….train(0)`` among them is ``….train``.
https://github.com/kubeflow/pipelines/blob/master/backend/src/v2/compiler/argocompiler/dag.go
https://github.com/argoproj/argo-workflows/blob/main/pkg/apis/workflow/v1alpha1/workflow_types.go
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

DRIVER = "-driver"  # at the end of the name of what prepares a task
EXECUTOR = "executor"  # the name of what runs a step's container
_ROOT, _EXIT = "root", "onExit"
_LOOP, _ITERATIONS, _ITEM = "iteration", "iteration-iterations", "iteration-item"
_PART = re.compile(r"([^()]*)(?:\(([0-9]{1,9}):[^()]*\))?(?:\([0-9]+\))?")
_NUMBER = re.compile(rf"{_ITERATIONS}\(([0-9]{{1,9}}):")

# FNV-1a, 32 bits: https://datatracker.ietf.org/doc/html/draft-eastlake-fnv
_OFFSET, _PRIME = 0x811C9DC5, 0x01000193


class Task(NamedTuple):
    """A task of the pipeline, in one iteration of the loops around it."""

    path: tuple[str, ...]  # the tasks around it, then its own name
    iterations: tuple[int, ...] = ()  # from 0 on; of the outermost loop first
    is_driver: bool = False  # what prepares the task, in place of itself


def read(name: str, workflow: str) -> Task:
    """Return the task that a node belongs to, by the node's name; the root's path is empty."""
    path: list[str] = []
    iterations: list[int] = []
    for part in name.removeprefix(workflow).split(".")[1:]:
        match = _PART.fullmatch(part)
        word, number = (match[1], match[2]) if match else (part, None)
        iterations += [int(number)] if number else []
        if word == _EXIT:
            path = path[:-1]  # what comes after a task is beside it
        elif word not in (_ITERATIONS, _ITEM):
            path.append(word)
    path = path[1:] if path[:1] == [_ROOT] else path
    if len(path) > 1 and path[-1] == EXECUTOR:
        path.pop()
    is_driver = bool(path) and path[-1].endswith(DRIVER)
    if is_driver:
        own = path.pop().removesuffix(DRIVER)
        path += [own] if own not in (_ROOT, _LOOP, _ITEM) else []  # those of what is around them
    return Task(tuple(path), tuple(iterations), is_driver)


class Nodes:
    """The nodes of a run's workflow, as far as the API's rows tell them.

    ``paths`` are those of all the pipeline's tasks, boxes included.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]], paths: Iterable[tuple[str, ...]]) -> None:
        self._below: dict[tuple[str, ...], list[str]] = {}
        for path in paths:
            self._below.setdefault(path[:-1], []).append(path[-1])
        self._ids = {each for row in rows for each in _next(row)}
        names = {str(row.get("display_name")) for row in rows}
        self._numbers = sorted({int(match[1]) for name in names if (match := _NUMBER.match(name))})
        self._before: dict[str, list[Task]] = {}  # the tasks whose rows have this id
        # Every id begins with the workflow's name.
        common = Counter(each.rpartition("-")[0] for each in self._ids).most_common(1)
        self._workflow = common[0][0] if common else ""
        for entry in self._attempts(_more(_OFFSET, self._workflow)):
            for root in self._attempts(_more(entry, f".{_ROOT}")):
                self._go_through(root, Task(()))

    def task(self, row: Mapping[str, Any]) -> Task | None:
        """Return the task whose own row, or driver's, this is; None where it cannot be told."""
        name = row.get("display_name")
        for each in _next(row):
            for task in self._before.get(each, ()):
                if name == task.path[-1] + (DRIVER if task.is_driver else ""):
                    return task
        return None

    def _go_through(self, node: int, box: Task) -> None:
        """Note what is known of the tasks in a box, by the node that has theirs below it."""
        for name in self._below.get(box.path, ()):
            task = Task((*box.path, name), box.iterations)
            driver, own = _more(node, f".{name}{DRIVER}"), _more(node, f".{name}")
            if self._is_there(driver):
                self._note(task._replace(is_driver=True), [own, *self._attempts(driver)])
            if self._is_there(own):
                self._go_into(own, task)
            if self._is_there(after := _more(own, f".{_EXIT}")):
                for each in self._attempts(after):
                    self._go_through(each, box)

    def _go_into(self, node: int, task: Task) -> None:
        """Note what is known of a task, and of those in it, in each iteration of a loop."""
        attempts = list(self._attempts(node))
        self._note(task, [*attempts, *(_more(each, f".{EXECUTOR}") for each in attempts)])
        for attempt in attempts if task.path in self._below else ():
            self._go_through(attempt, task)
            for number in self._numbers:
                iteration = _more(attempt, f".{_ITERATIONS}({number}:{number})")
                for each in self._attempts(iteration) if self._is_there(iteration) else ():
                    for item in self._attempts(_more(each, f".{_ITEM}")):
                        within = (*task.iterations, number)
                        self._go_through(item, task._replace(iterations=within))

    def _attempts(self, node: int) -> Iterator[int]:
        """Yield the attempts of a node, or the node itself where it has none of its own."""
        number = 0
        while self._is_there(attempt := _more(node, f"({number})")):
            yield attempt
            number += 1
        if number == 0:
            yield node

    def _note(self, task: Task, nodes: Iterable[int]) -> None:
        for node in nodes:
            self._before.setdefault(self._id(node), []).append(task)

    def _is_there(self, node: int) -> bool:
        return self._id(node) in self._ids

    def _id(self, node: int) -> str:
        return f"{self._workflow}-{node}"


def _next(row: Mapping[str, Any]) -> list[str]:
    """Return the ids of the nodes that come next."""
    children = row.get("child_tasks")
    listed = children if isinstance(children, list) else []
    found = [each.get("pod_name") for each in listed if isinstance(each, Mapping)]
    return [each for each in found if isinstance(each, str)]


def _more(hashed: int, text: str) -> int:
    """Return the hash of a text that goes on with another, by the hash of the first."""
    for byte in text.encode():
        hashed = ((hashed ^ byte) * _PRIME) & 0xFFFFFFFF
    return hashed
