"""A node of a run's workflow: as Argo has it, and as a row of KFP's API."""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
NEVER = "0001-01-01T00:00:00Z"  # what the API has for a node's time that is not yet
# What the API calls Argo's phases; it leaves out that of a node that is omitted.
STATES = {
    **{"Pending": "PENDING", "Running": "RUNNING", "Succeeded": "SUCCEEDED"},
    **{"Skipped": "SKIPPED", "Failed": "FAILED", "Error": "FAILED", "Omitted": ""},
}
_LAST = re.compile(r"[^.()]+(?:\([^)]*\))*$")


@dataclass
class Node:
    """A node; ``children`` are those that come next, by their names."""

    workflow: str  # its name
    name: str  # the way to it
    kind: str  # Pod, DAG, Retry, TaskGroup or Skipped
    phase: str
    start: str
    end: str
    template: str = ""
    message: str = ""
    children: list[str] = field(default_factory=list)

    @property
    def display_name(self) -> str:
        """Return the last part of its name."""
        if self.name.startswith(self.workflow) and "." not in self.name[len(self.workflow) :]:
            return self.name
        match = _LAST.search(self.name)
        assert match, self.name
        return match[0]

    @property
    def pod(self) -> str:
        """Return the name of its pod."""
        number = node_id(self.workflow, self.name).rpartition("-")[2]
        return f"{self.workflow}-{self.template}-{number}"

    def argo(self) -> Row:
        """Return it as a workflow's status has it."""
        return {
            "id": node_id(self.workflow, self.name),
            "name": self.name,
            "displayName": self.display_name,
            "type": self.kind,
            "phase": self.phase,
            "templateName": self.template,
            "startedAt": self.start,
            "finishedAt": self.end,
            "children": [node_id(self.workflow, child) for child in self.children],
            **({"message": self.message} if self.message else {}),
        }

    def row(self, run: Row) -> Row:
        """Return it as the API has it, without what it was before."""
        state = STATES[self.phase]
        children = [{"pod_name": node_id(self.workflow, child)} for child in self.children]
        return {
            "run_id": run["run_id"],
            "task_id": _task_id(run, self.name),
            "display_name": self.display_name,
            "create_time": run["created_at"],
            "start_time": self.start,
            "end_time": self.end,
            **({"state": state} if state else {}),
            **({"child_tasks": children} if children else {}),
        }


def node_id(workflow: str, name: str) -> str:
    """Return the id of a node, which Argo makes of its name."""
    if name == workflow:
        return name
    hashed = 0x811C9DC5  # FNV-1a
    for byte in name.encode():
        hashed = ((hashed ^ byte) * 0x01000193) % 2**32
    return f"{workflow}-{hashed}"


def rows(run: Row, nodes: Iterable[Node]) -> list[Row]:
    """Return the API's rows of a run's nodes; their order means nothing.

    Among them is one more for each container that has run, by KFP's launcher, without a name.
    """
    found = []
    for node in nodes:
        found.append(node.row(run))
        if (node.kind, node.phase) == ("Pod", "Succeeded") and "-impl" in node.template:
            task_id = _task_id(run, f"{node.name} has run")
            times = {"create_time": node.start, "start_time": node.start, "end_time": node.end}
            number = str(int(task_id[:6], 16))
            found.append(
                {"run_id": run["run_id"], "task_id": task_id, **times, "execution_id": number}
            )
    return sorted(found, key=lambda row: str(row["task_id"]))


def _task_id(run: Row, name: str) -> str:
    return str(uuid.uuid5(uuid.UUID(run["run_id"]), name))
