"""What a task was given, as the page shows it."""

from typing import Any

from kfp_workbench.local.record import Task
from kfp_workbench.project.names import called
from kfp_workbench.project.secrecy import hide


def inputs(task: Task) -> dict[str, Any]:
    """Return a task's inputs by name: values, and where the files of artifacts lie or come from."""
    found: dict[str, Any] = {called(name): value for name, value in hide(task.inputs).items()}
    files: dict[str, list[str]] = {}
    for artifact in task.artifacts_in:
        files.setdefault(called(artifact["key"]), []).append(artifact["file"] or artifact["uri"])
    return found | {
        name: several[0] if len(several) == 1 else several for name, several in files.items()
    }
