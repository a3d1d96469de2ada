"""Reads ``kubernetes.yaml``: what each step asks of the cluster, checked to the last word.

A key is a step, or one of its tasks: ``train-2`` is the second time that ``pipeline.py``
calls ``train``, and its settings go before those of ``train``. All that is wrong is found at
once, each with its line.
"""

import re
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from ops.check.findings import Finding
from ops.check.sources import Sources, UnreadableError
from ops.errors import OpsError
from ops.kubernetes import FILE, grammar, placement, security, units, variables, volumes
from ops.kubernetes.model import Bounds, Gpu, Retries, Settings
from ops.kubernetes.reader import Place, Reader, closest
from ops.names import shown
from ops.steps import find_steps

GPU = "nvidia.com/gpu"  # what a bare number of GPUs is of
MAX_GPUS = 1024
MAX_RETRIES = 100
_TASK = re.compile(r"(.+)-[1-9][0-9]{0,3}")


def load(root: Path) -> Settings:
    """Return what ``kubernetes.yaml`` in ``root`` says.

    Raises OpsError (2) when anything is wrong with it, after printing all of it.
    """
    settings, findings = read(Sources(root))
    if len(findings) > 1:
        print("\n".join(finding.text for finding in findings), file=sys.stderr)
        raise OpsError(f"{FILE}: {len(findings)} findings, see above", 2)
    if findings:
        raise OpsError(findings[0].text, 2)
    return settings


def read(sources: Sources) -> tuple[Settings, list[Finding]]:
    """Return what the file says, without what is wrong with it, and that."""
    try:
        document = sources.document(sources.root / FILE)
    except UnreadableError as error:
        return Settings({}, {}), [error.finding]
    reader = Reader(FILE, document)
    steps = [step.name for step in find_steps(sources.root)]
    found: dict[str, Mapping[str, Any]] = {}
    value = {} if document.value is None else document.value  # all of it is commented out
    for name, part in reader.parts((), value, "write one `step:` with its settings below it"):
        if _is_step(name, steps):
            found[name] = {} if part is None else _settings(reader, (name,), part)
        else:
            reader.note((name,), f"there is no step {shown(name)}", closest(name, steps))
    lines = {name: document.line(name) for name in found}
    return Settings(found, lines), sorted(set(reader.findings))


def _is_step(name: str, steps: Collection[str]) -> bool:
    task = _TASK.fullmatch(name)
    return name in steps or bool(task and task[1] in steps)


def _settings(reader: Reader, place: Place, value: Any) -> Mapping[str, Any]:
    parts = reader.known(place, value, _READERS, _ELSEWHERE)
    for key, part in parts.items():
        if part is None:
            reader.note((*place, key), "is empty", "give it a value, or leave it out")
    return {
        key: _READERS[key](reader, (*place, key), part)
        for key, part in parts.items()
        if part is not None
    }


def _bounds(reader: Reader, place: Place, value: Any, parse: Callable[[object], int]) -> Bounds:
    """Read ``{request: ..., limit: ...}``, or one amount for both."""
    if not isinstance(value, dict):
        amount = reader.amount(place, value, parse)
        return Bounds(amount, amount)
    parts = reader.known(place, value, Bounds._fields)
    if not value:
        reader.note(place, "is empty", "write a request, a limit or both")
    found = {key: reader.amount((*place, key), part, parse) for key, part in parts.items()}
    bounds = Bounds(found.get("request"), found.get("limit"))
    if bounds.request and bounds.limit and bounds.request > bounds.limit:
        what = f"{value['request']} is over the limit, {value['limit']}"
        reader.note((*place, "request"), what, "raise the limit or lower the request")
    return bounds


def _cpu(reader: Reader, place: Place, value: Any) -> Bounds:
    return _bounds(reader, place, value, units.cpu)


def _memory(reader: Reader, place: Place, value: Any) -> Bounds:
    return _bounds(reader, place, value, units.memory)


def _gpu(reader: Reader, place: Place, value: Any) -> Gpu:
    """Read ``{type: ..., count: ...}``, or the count alone."""
    if not isinstance(value, dict):
        return Gpu(GPU, reader.whole(place, value, 0, MAX_GPUS))
    parts = {"type": GPU, "count": 1, **reader.known(place, value, ("type", "count"))}
    kind = reader.text((*place, "type"), parts["type"])
    if kind is not None:
        reader.unfit((*place, "type"), grammar.resource_problem(kind))
    return Gpu(kind or GPU, reader.whole((*place, "count"), parts["count"], 0, MAX_GPUS))


def _retries(reader: Reader, place: Place, value: Any) -> Retries:
    """Read ``{count: 3, wait: 60s, factor: 2, max_wait: 10m}``, or the count alone."""
    if not isinstance(value, dict):
        return Retries(reader.whole(place, value, 0, MAX_RETRIES))
    parts = reader.known(place, value, ("count", "wait", "factor", "max_wait"))
    if "count" not in value:
        reader.note(place, "has no count", "write how often a failed task is tried again")
    count = reader.whole((*place, "count"), parts.get("count", 0), 0, MAX_RETRIES)
    times = {
        key: reader.amount((*place, key), parts[key], units.duration)
        for key in ("wait", "max_wait")
        if key in parts
    }
    defaults = Retries(count)
    wait = times.get("wait") or defaults.wait
    max_wait = times.get("max_wait") or max(wait, defaults.max_wait)
    if wait > max_wait:
        reader.note((*place, "wait"), "is longer than max_wait", "raise max_wait")
    factor = parts.get("factor", defaults.factor)
    if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not 1 <= factor <= 10:
        what = f"{shown(factor)} is no factor from 1 to 10"
        reader.note((*place, "factor"), what, "write 2 to double each wait, 1 to keep it")
        factor = defaults.factor
    return Retries(count, wait, float(factor), max_wait)


def _timeout(reader: Reader, place: Place, value: Any) -> int | None:
    return reader.amount(place, value, units.duration)


def _caching(reader: Reader, place: Place, value: Any) -> bool:
    return reader.flag(place, value)


_READERS: Mapping[str, Callable[[Reader, Place, Any], Any]] = {
    "cpu": _cpu,
    "memory": _memory,
    "gpu": _gpu,
    "env": variables.read,
    "volumes": volumes.read,
    "node_selector": placement.read_selector,
    "tolerations": placement.read_tolerations,
    "retries": _retries,
    "timeout": _timeout,
    "caching": _caching,
    "security": security.read,
}
# What people look for under another name.
_ELSEWHERE = {
    "resources": "write cpu and memory, each with its request and limit",
    "secrets": "write env: {NAME: {secret: name/key}} or volumes: {/path: {secret: name}}",
    "securityContext": "write security: {run_as_non_root: true, run_as_user: 1000}",
    "config_maps": "write env: {NAME: {config_map: name/key}} or volumes: {/path: {config_map: name}}",
}
