"""Finds out why a run failed, as far as the server tells: the step, the reason, its log.

KFP's v2 API names the step, and nothing else. The reason is in the workflow that its old
API gives, as Argo Workflows has it; the log is at an address of the API server, and
at another of KFP's page, which does not pass the first on. Any of them may be missing,
and none of them may keep a failed run from being told.
https://github.com/argoproj/argo-workflows/blob/main/docs/fields.md#nodestatus
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from kfp_workbench.cluster.faults import MAX_SAID, printable, redacted
from kfp_workbench.cluster.server import Server, call
from kfp_workbench.cluster.tasks import DRIVER, Tasks
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.names import uncoloured
from kfp_workbench.project.secrecy import NO_MASK, Mask

TAIL = 20  # lines of the log that are shown
_WIDTH = 1000  # characters of a line
_MANIFEST = 32 * 2**20  # bytes that are read at most
_LOG = 64 * 2**20
_SECONDS = 20.0  # that reading may take
_CHUNK = 64 * 1024
_STEPS = 10  # upwards from a pod to its task
_HOSTILE = (KeyError, TypeError, ValueError, AttributeError, RecursionError)


class Failure(NamedTuple):
    """What is known of a failure; "" for what is not."""

    step: str  # its label
    reason: str = ""
    pod: str = ""
    namespace: str = ""
    log: Sequence[str] = ()  # its last lines


def find(server: Server, run_id: str, tasks: Tasks, mask: Mask = NO_MASK) -> Failure:
    """Return what the server tells of a run's failure, but what ``mask`` hides; raises nothing."""
    clean = partial(_clean, server, mask)
    try:
        workflow = _workflow(server, run_id)
        node = _first_failure(workflow["status"]["nodes"])
        metadata = workflow["metadata"]
        if node is None:
            return Failure(tasks.failed, clean(workflow["status"].get("message", "")))
        name = _task(workflow["status"]["nodes"], node, tasks)
        pod, namespace = _pod(workflow, node), str(metadata.get("namespace") or "")
        found = Failure(
            tasks.label(name) or tasks.failed or clean(name),
            clean(node.get("message", "")),
            clean(pod),
            clean(namespace),
        )
    except (WorkbenchError, *_HOSTILE):
        return Failure(tasks.failed)
    return found._replace(log=_log(server, run_id, pod, namespace, clean))


def _workflow(server: Server, run_id: str) -> Any:
    path = f"/apis/v1beta1/runs/{quote(run_id, safe='')}"
    answer = json.loads(b"".join(_read(server, path, _MANIFEST)))
    return json.loads(answer["pipeline_runtime"]["workflow_manifest"])


def _first_failure(nodes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the pod that failed first; of one that was tried again, the last try."""
    retries = {
        child: node
        for node in nodes.values()
        if node.get("type") == "Retry"
        for child in node.get("children") or []
    }
    failed: dict[str, Mapping[str, Any]] = {}
    for key, node in nodes.items():
        retry = retries.get(key)
        if not _has_failed(node) or node.get("type") not in ("Pod", "HTTP", "Plugin"):
            continue
        if retry is not None and not _has_failed(retry):
            continue
        group = str(retry.get("id")) if retry else key
        if group not in failed or _end(failed[group]) <= _end(node):
            failed[group] = node
    return min(failed.values(), key=_end, default=None)


def _has_failed(node: Mapping[str, Any]) -> bool:
    return node.get("phase") in ("Failed", "Error")


def _end(node: Mapping[str, Any]) -> str:
    return str(node.get("finishedAt") or "")


def _task(nodes: Mapping[str, Any], node: Mapping[str, Any], tasks: Tasks) -> str:
    """Return the name of the task that a pod is part of, or else the pod's own."""
    parents = {child: key for key, each in nodes.items() for child in each.get("children") or []}
    key = str(node["id"])
    own = name = str(node.get("displayName", ""))
    for _ in range(_STEPS):
        if tasks.label(name) or name.endswith(DRIVER) or key not in parents:
            break
        key = parents[key]
        name = str(nodes[key].get("displayName", ""))
    return name if tasks.label(name) else own


def _pod(workflow: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    """Return the name of a node's pod, as Argo makes it (``RetrievePodName`` in KFP's backend)."""
    metadata, identifier = workflow["metadata"], str(node["id"])
    notes = metadata.get("annotations") or {}
    name = str(metadata["name"])
    if notes.get("workflows.argoproj.io/pod-name-format") == "v1":
        return identifier
    template = "" if ".inline" in str(node.get("name")) else f"-{node['templateName']}"
    return f"{name}{template}-{identifier.rpartition('-')[2]}"


def _log(
    server: Server, run_id: str, pod: str, namespace: str, clean: Callable[..., str]
) -> list[str]:
    """Return the last lines of a pod's log, or nothing."""
    run, node = quote(run_id, safe=""), quote(pod, safe="")
    query = {"podname": pod, "runid": run_id, "podnamespace": namespace}
    page = urlencode({key: value for key, value in query.items() if value})
    for path in (f"/apis/v1alpha1/runs/{run}/nodes/{node}/log", f"/k8s/pod/logs?{page}"):
        tail = b""
        try:
            for chunk in _read(server, path, _LOG):
                tail = (tail + chunk)[-_CHUNK:]
        except WorkbenchError:
            continue
        lines = [clean(line, _WIDTH) for line in tail.decode(errors="replace").split("\n")]
        lines = [line for line in lines if line and not _is_excuse(line)]
        if lines:
            return lines[-TAIL:]
    return []


def _is_excuse(line: str) -> bool:
    """Tell whether a line is what the API server says, with status 200, when it has no log."""
    with contextlib.suppress(ValueError, RecursionError):
        said = json.loads(line)
        return isinstance(said, dict) and {"error_message", "error_details"} <= set(said)
    return False


def _read(server: Server, path: str, limit: int) -> Iterator[bytes]:
    """Yield what is at an address of the server; raises WorkbenchError (1) when that is a page."""
    request = server.api.rest_client.request
    url = f"{server.host}{path}"
    answer = call(
        server, "read from", lambda: request("GET", url, headers={}, _preload_content=False)
    )
    size, until = 0, time.monotonic() + _SECONDS
    try:
        if "html" in answer.headers.get("Content-Type", ""):
            raise WorkbenchError(f"{server.host} answers with a page")
        while chunk := call(server, "read from", lambda: answer.read(_CHUNK)):
            size += len(chunk)
            if size > limit or time.monotonic() > until:
                raise WorkbenchError(f"{server.host} says too much")
            yield chunk
    finally:
        answer.close()


def _clean(server: Server, mask: Mask, text: object, width: int = MAX_SAID) -> str:
    """Return somebody else's text as one line that is safe to print, without secrets."""
    line = mask(redacted(uncoloured(str(text)), server.endpoint.credentials))
    return printable(" ".join(line.expandtabs().split("\n")).rstrip())[:width]
