"""Finds out why a run failed, as far as the server tells: the step, the reason, its log.

KFP's v2 API names the step, and nothing else. The reason is in the workflow that its old
API gives, as Argo Workflows has it; that a step's program failed, and with which status, is
only in the log, as Argo sees KFP's launcher fail around it. Any of them may be missing, and none
of them may keep a failed run from being told.
https://github.com/argoproj/argo-workflows/blob/main/docs/fields.md#nodestatus
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote

from kfp_workbench.cluster import logs, nodes, refusals, streams
from kfp_workbench.cluster.faults import MAX_SAID, printable, redacted
from kfp_workbench.cluster.server import Server
from kfp_workbench.cluster.tasks import Tasks
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.names import uncoloured
from kfp_workbench.project.secrecy import NO_MASK, Mask

TAIL = 20  # lines of the log that are shown
_WIDTH = 1000  # characters of a line
_MANIFEST = 32 * 2**20  # bytes that are read at most
_HOSTILE = (KeyError, TypeError, ValueError, AttributeError, RecursionError)
_ATTEMPT = re.compile(r"(.*)\(([0-9]+)\)", re.DOTALL)
_STATUS = re.compile(r"(?:main: )?Error \(exit code ([0-9]+)\)")


class Failure(NamedTuple):
    """What is known of a failure; "" for what is not."""

    step: str  # its label
    reason: str = ""
    cure: str = ""  # where Kubernetes refused its pod
    pod: str = ""  # that has the log
    namespace: str = ""
    log: Sequence[str] = ()  # its last lines


def find(server: Server, run_id: str, tasks: Tasks, mask: Mask = NO_MASK) -> Failure:
    """Return what the server tells of a run's failure, but what ``mask`` hides; raises nothing."""
    clean = partial(_clean, server, mask)
    try:
        workflow = _workflow(server, run_id)
        status, metadata = workflow["status"], workflow["metadata"]
        node = _first_failure(status["nodes"].values())
        if node is None:
            return Failure(tasks.failed, clean(status.get("message", "")))
        task = nodes.read(str(node["name"]), str(metadata["name"]))
        name = _ATTEMPT.sub(r"\1", str(node.get("displayName", "")))
        step = tasks.label(task) or tasks.failed or clean(name)
        message = str(node.get("message", ""))
        if cure := refusals.cure(message):
            return Failure(step, clean(message), cure)
        pod, namespace = _pod(workflow, node), str(metadata.get("namespace") or "")
    except (WorkbenchError, *_HOSTILE):
        return Failure(tasks.failed)
    log = logs.read(server, run_id, pod, namespace)
    lines = [] if task.is_driver else log.lines[-TAIL:]  # a driver says only what it was given
    return Failure(
        step,
        clean(_reason(message, log.reason)),
        pod=clean(pod),
        namespace=clean(namespace),
        log=[clean(line, _WIDTH) for line in lines],
    )


def _workflow(server: Server, run_id: str) -> Any:
    path = f"/apis/v1beta1/runs/{quote(run_id, safe='')}"
    answer = json.loads(b"".join(streams.read(server, path, _MANIFEST)))
    return json.loads(answer["pipeline_runtime"]["workflow_manifest"])


def _first_failure(listed: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the pod that failed first, of those that were not tried again."""
    there = {str(node.get("name")): node for node in listed}
    failed = [
        node
        for name, node in there.items()
        if node.get("phase") in ("Failed", "Error")
        and node.get("type") == "Pod"
        and not any(next_attempt in there for next_attempt in _later(name))
    ]
    return min(failed, key=lambda node: str(node.get("finishedAt") or ""), default=None)


def _later(name: str) -> Iterator[str]:
    """Yield what the next attempts of a node, and of those around it, are called."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        if match := _ATTEMPT.fullmatch(".".join(parts[:count])):
            yield f"{match[1]}({int(match[2]) + 1})"


def _pod(workflow: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    """Return the name of a node's pod, as Argo makes it (``RetrievePodName`` in KFP's backend)."""
    metadata, identifier = workflow["metadata"], str(node["id"])
    notes = metadata.get("annotations") or {}
    name = str(metadata["name"])
    if notes.get("workflows.argoproj.io/pod-name-format") == "v1":
        return identifier
    template = "" if ".inline" in str(node.get("name")) else f"-{node['templateName']}"
    return f"{name}{template}-{identifier.rpartition('-')[2]}"


def _reason(message: str, said: str) -> str:
    """Return why a pod failed, by Argo's message and what KFP's launcher said in its log.

    The status that Argo has is the launcher's own, which is 1 whatever became of the step.
    """
    status = _STATUS.fullmatch(message)
    if message and not status:
        return message
    return said or ("" if status and status[1] == "1" else message)


def _clean(server: Server, mask: Mask, text: object, width: int = MAX_SAID) -> str:
    """Return somebody else's text as one line that is safe to print, without secrets."""
    line = mask(redacted(uncoloured(str(text)), server.endpoint.credentials))
    return printable(" ".join(line.expandtabs().split("\n")).rstrip())[:width]
