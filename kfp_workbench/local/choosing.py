"""Which task of an earlier run is meant, in the words that people give to make."""

import re
import shlex
from collections.abc import Sequence

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local.record import Run, Task
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import hide

_ITERATION = re.compile(r"(.*)\[([0-9]+)\]")
MOST = 8  # choices that are listed


def words(run: Run, task: Task) -> str:
    """Return what tells a task of a run from all others: ``STEP=train ITERATION=1``."""
    named = [other for other in tasks(run) if other.step == task.step]
    places = {place(other) for other in named}
    step = task.step if len(places) == 1 and task.step else place(task)
    numbers = iteration(task)
    return f"STEP={shlex.quote(step)}" + (f" ITERATION={numbers}" if numbers else "")


def choose(run: Run, step: str, numbers: str) -> Task:
    """Return the task of a run that a step's name and the number of an iteration stand for.

    ``step`` may be a task's name as well, with those around it where that is needed (``loop/add``);
    ``numbers`` are those of loops in each other, ``1,0``, or "". Raises WorkbenchError (2) where
    there is none, or where there are several: then it lists them.
    """
    found = [task for task in tasks(run) if _is_meant(task, step)]
    if not found:
        names = ", ".join(dict.fromkeys(task.step or place(task) for task in tasks(run)))
        raise WorkbenchError(
            f"{shown(step)} is no step that this run came to: it has {names or 'none'}: "
            "RUN= names another one below build/local/",
            2,
        )
    chosen = [task for task in found if not numbers or iteration(task) == numbers]
    if len(chosen) == 1:
        return chosen[0]
    several = chosen or found
    listed = [f"{words(run, task)}{_told(task, several)}" for task in several[:MOST]]
    more = f" and {len(several) - MOST} more" if len(several) > MOST else ""
    what = "stands for several tasks" if chosen else f"has no ITERATION={numbers}"
    raise WorkbenchError(f"{shown(step)} {what}: {'; '.join(listed)}{more}: give one of these", 2)


def tasks(run: Run) -> Sequence[Task]:
    """Return the tasks of a run that have a container."""
    return [task for task in run.tasks if task.kind == "container"]


def place(task: Task) -> str:
    """Return the names of a task and of those around it, without iterations."""
    return "/".join(part for part in task.path.split("/") if not _ITERATION.fullmatch(part))


def iteration(task: Task) -> str:
    """Return the numbers of the iterations that a task is in, as in ``1,0``; "" for none."""
    matches = (_ITERATION.fullmatch(part) for part in task.path.split("/"))
    return ",".join(match[2] for match in matches if match)


def _is_meant(task: Task, step: str) -> bool:
    path = place(task)
    return step in (task.step, task.label, path, path.rpartition("/")[2], task.path)


def _told(task: Task, among: Sequence[Task]) -> str:
    """Return those plain inputs of a task that the others have not, in brackets."""
    others = [other.inputs for other in among if other is not task]
    told = [
        f"{name}={f'{value:g}' if isinstance(value, float) else shown(value)}"
        for name, value in hide(task.inputs).items()
        if not isinstance(value, dict | list)
        and len(str(value)) < 40
        and any(other.get(name) != value for other in others)
    ]
    return f" ({', '.join(told)})" if told else ""
