"""Reads the end of a pod's log, and tells what a step said in it from what KFP did.

The log is at an address of the API server, and at another of KFP's page, which does not pass
the first on. The API server answers 200 whatever comes: what keeps it from giving a log, or the
rest of one, is a JSON object at the end of what it gives.
https://github.com/kubeflow/pipelines/blob/master/backend/src/apiserver/server/run_log_server.go
"""

import contextlib
import json
import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote, urlencode

from kfp_workbench.cluster import streams
from kfp_workbench.cluster.server import Server
from kfp_workbench.errors import WorkbenchError

_LIMIT = 64 * 2**20  # bytes
_KEPT = 64 * 1024
_EXCUSE = '{"error_message":'
# A line of a program in Go, as KFP's launcher and driver are: severity, process, file, text.
_GO_LINE = re.compile(r"([IWEF])[0-9]{4} [0-9:.]{15} +([0-9]+) (\w+\.go):[0-9]+\] (.*)")
# By these it is known as KFP's: a step may be a program in Go, too.
_OWN_FILES = ("launcher_v2.go", "importer_launcher.go", "driver.go", "container.go", "dag.go")
_FIRST = "Setting log level to:"
# Before the reason, as in "failed to execute component: exit status 2", or in
# "KFP driver: driver.Container(pipelineName=…) failed: failed to resolve inputs: …".
_PREAMBLE = re.compile(
    r"(?:failed to execute component|KFP driver): (?:driver\.\w+\(.*?\) failed: )?"
)


class Log(NamedTuple):
    """What is known of a log."""

    lines: Sequence[str] = ()  # the last that the step printed
    reason: str = ""  # why KFP's launcher or driver gave up, such as "exit status 2"


def read(server: Server, run_id: str, pod: str, namespace: str) -> Log:
    """Return the end of a pod's log, as far as the server gives it; raises nothing."""
    run, node = quote(run_id, safe=""), quote(pod, safe="")
    query = {"podname": pod, "runid": run_id, "podnamespace": namespace}
    page = urlencode({key: value for key, value in query.items() if value})
    for path in (f"/apis/v1alpha1/runs/{run}/nodes/{node}/log", f"/k8s/pod/logs?{page}"):
        tail = b""
        with contextlib.suppress(WorkbenchError):
            for chunk in streams.read(server, path, _LIMIT):
                tail = (tail + chunk)[-_KEPT:]
            log = parse(tail.decode(errors="replace"))
            if any(log):
                return log
    return Log()


def parse(text: str) -> Log:
    """Return what a log holds, without blank lines."""
    lines = _without_excuse(text).split("\n")
    found = [(line, _GO_LINE.search(line)) for line in lines]
    own = {match[2] for _, match in found if match and _is_own(match)}  # processes
    kept, reason = [], ""
    for line, match in found:
        if match and match[2] in own:
            line = line[: match.start()]  # of a step that did not end its last line
            if match[1] == "F":
                reason = _PREAMBLE.sub("", match[4], count=1)
        kept += [line] if line.strip() else []
    return Log(kept, reason)


def _is_own(match: re.Match[str]) -> bool:
    return match[3] in _OWN_FILES or match[4].startswith(_FIRST)


def _without_excuse(text: str) -> str:
    """Return a log without what the API server says where it has none, or no more of it."""
    start = text.rfind(_EXCUSE)
    with contextlib.suppress(ValueError, RecursionError):
        if start >= 0 and "error_details" in json.loads(text[start:]):
            return text[:start]
    return text
