"""What of a task's Kubernetes settings holds on this machine, and what is left to a cluster.

Read from the compiled pipeline, so that it does not matter whether ``kubernetes.yaml`` or
``pipeline.py`` set it.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kfp_workbench.pipeline.kubernetes import units
from kfp_workbench.pipeline.kubernetes.units import UnfitError
from kfp_workbench.project.names import shown

SHOWN = 3  # tasks that are named of those that share a setting
# Settings that have their own place in an Allowance.
_HELD = ("activeDeadlineSeconds", "emptyDirMounts")
_VARIABLES = ("secretAsEnv", "configMapAsEnv", "fieldPathAsEnv")
# Here steps run as the caller, who owns their outputs then: root or not is for a cluster to say.
_USERS = {"runAsUser": "run_as_user", "runAsGroup": "run_as_group"}
_VOLUMES = ("pvcMount", "secretAsVolume", "configMapAsVolume", "genericEphemeralVolume")


class Scratch(NamedTuple):
    """An empty folder that a task finds at a path."""

    path: str
    in_memory: bool
    size: int | None  # bytes


class Allowance(NamedTuple):
    """What a task may use and is given; the rest, by its name, is for a cluster."""

    cpu: float | None = None  # cores
    memory: int | None = None  # bytes
    seconds: int | None = None  # until it is ended
    scratch: tuple[Scratch, ...] = ()
    variables: tuple[str, ...] = ()  # a cluster takes them from secrets and config maps
    elsewhere: tuple[str, ...] = ()

    def environment(self) -> dict[str, str]:
        """Return those variables of secrets and config maps that are set on this machine.

        What is for the KFP endpoint is never handed to a step.
        """
        ours = [name for name in self.variables if not name.startswith("KFP_")]
        return {name: os.environ[name] for name in ours if name in os.environ}


UNLIMITED = Allowance()


def of(documents: Sequence[Any]) -> dict[str, Allowance]:
    """Return the allowances of a compiled file's tasks, by the labels of their executors."""
    executors = documents[0].get("deploymentSpec", {}).get("executors", {})
    platforms: Any = documents[1].get("platforms", {}) if len(documents) > 1 else {}
    configs = platforms.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
    return {
        label: _allowance(executor["container"], configs.get(label, {}))
        for label, executor in executors.items()
        if "container" in executor
    }


def left_out(allowances: Mapping[str, Allowance], here: Collection[str]) -> str | None:
    """Return in one line what the tasks go without on this machine, or None.

    ``here`` are those of ``cpu``, ``memory`` and ``scratch`` that its runner can give.
    """
    without: dict[str, list[str]] = {}
    unset: dict[str, list[str]] = {}
    for label, allowance in sorted(allowances.items()):
        task = label.removeprefix("exec-")
        for setting in _missing(allowance, here):
            without.setdefault(setting, []).append(task)
        given = allowance.environment()
        for name in allowance.variables:
            if name not in given:
                unset.setdefault(name, []).append(task)
    lines = []
    if without:
        lines.append(f"left to a cluster: {_listed(without)}")
    if unset:
        lines.append(f"set these here to hand them over: {_listed(unset)}")
    return "; ".join(lines) or None


def _listed(tasks: Mapping[str, list[str]]) -> str:
    """Return settings with the tasks that have them, those of the same tasks together."""
    settings: dict[tuple[str, ...], list[str]] = {}
    for setting, names in tasks.items():
        settings.setdefault(tuple(names), []).append(_printable(setting))
    return ", ".join(f"{', '.join(found)} ({_some(names)})" for names, found in settings.items())


def _missing(allowance: Allowance, here: Collection[str]) -> Iterator[str]:
    for name in ("cpu", "memory"):
        if getattr(allowance, name) and name not in here:
            yield name
    if "scratch" not in here:
        yield from (scratch.path for scratch in allowance.scratch)
    yield from allowance.elsewhere


def _some(tasks: tuple[str, ...]) -> str:
    more = len(tasks) - SHOWN
    return ", ".join(tasks[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _printable(name: str) -> str:
    return name if name.isprintable() and len(name) < 80 else shown(name)


def _allowance(container: Mapping[str, Any], config: Mapping[str, Any]) -> Allowance:
    resources = container.get("resources", {})
    cpu, memory = resources.get("resourceCpuLimit"), resources.get("resourceMemoryLimit")
    thousandths, size = _amount(units.cpu, cpu), _amount(units.memory, memory)
    given = (("cpu", cpu, thousandths), ("memory", memory, size))
    elsewhere = [name for name, text, amount in given if text and not amount]
    if "accelerator" in resources:
        elsewhere.append("gpu")
    seconds = int(config.get("activeDeadlineSeconds", 0))
    return Allowance(
        cpu=thousandths / 1000 if thousandths else None,
        memory=size,
        seconds=seconds or None,
        scratch=tuple(map(_scratch, config.get("emptyDirMounts", []))),
        variables=tuple(dict.fromkeys(_variables(config))),
        elsewhere=(*elsewhere, *_others(config)),
    )


def _amount(parse: Callable[[object], int], value: object) -> int | None:
    """Return an amount, or None for what is none, such as a parameter of the pipeline."""
    if value is None:
        return None
    try:
        return parse(value)
    except UnfitError:
        return None


def _scratch(mount: Mapping[str, Any]) -> Scratch:
    size = _amount(units.memory, mount.get("sizeLimit"))
    return Scratch(mount["mountPath"], mount.get("medium") == "Memory", size)


def _variables(config: Mapping[str, Any]) -> Iterator[str]:
    for kind in _VARIABLES:
        for source in config.get(kind, []):
            if "name" in source:
                yield source["name"]
            yield from (pair["envVar"] for pair in source.get("keyToEnv", []))


def _others(config: Mapping[str, Any]) -> Iterable[str]:
    """Return what people call the settings that need a cluster."""
    for kind, value in config.items():
        if kind in _VOLUMES:
            yield from (volume["mountPath"] for volume in value)
        elif kind == "securityContext":
            yield from (name for key, name in _USERS.items() if key in value)
        elif kind not in (*_HELD, *_VARIABLES):
            yield re.sub("(?<=[a-z])(?=[A-Z])", "_", kind).lower()
