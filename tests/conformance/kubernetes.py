"""Tells what of a compiled pipeline is Kubernetes' own, and what a cluster's secrets would give."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SOURCES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "secretAsEnv": {"golden-secret": {"a": "alpha", "b": "beta"}},
    "configMapAsEnv": {"golden-config": {"a": "one", "b": "two"}},
}
_NAMES = {"secretAsEnv": "secretName", "configMapAsEnv": "configMapName"}
# Settings that a container notices, and only Kubernetes has.
SETTINGS: Mapping[str, str] = {
    "fieldPathAsEnv": "fields of a pod",
    "pvcMount": "volumes",
    "genericEphemeralVolume": "volumes",
    "secretAsVolume": "volumes of secrets",
    "configMapAsVolume": "volumes of config maps",
    "securityContext": "a pod's user",
}
# A container of an engine has these, too, a process has not.
OF_CONTAINERS: Mapping[str, str] = {
    "emptyDirMounts": "folders of a container's own",
    "enabledSharedMemory": "a container's shared memory",
}
# What containers are asked for, in cases of Kubernetes (kube_): regular expressions.
WORDS: Mapping[str, str] = {
    r"/sys/|/proc/|/dev/|/var/run/|/etc/": "files of a container or its node",
    r"gethostname|uname|ARGO_|KUBERNETES_": "what a pod is called, and its variables",
    r"getuid|getgid|getgroups|getuser": "a pod's user",
    r"\{\{(workflow|pod)\.": "Argo's own tags",
}
EVERY_VARIABLE = r"in os\.environ|os\.environ\.(items|keys)|dict\(os\.environ"  # in any case
OF_IMAGES: Mapping[str, str] = {"getcwd": "an image's own settings"}  # a process has others


def variables(documents: Sequence[Any]) -> dict[str, str]:
    """Return the variables that tasks are given from the secret and the config map of the cases.

    Here they come from the environment, as `make local` says.
    """
    return {
        pair["envVar"]: held[key]
        for config in _configs(documents)
        for setting in SOURCES
        for use in config.get(setting, ())
        for held in [_source(setting, use)]
        for pair in use.get("keyToEnv", ())
        for key in [pair.get("secretKey") or pair.get("configMapKey")]
        if key in held
    }


def _source(setting: str, use: Mapping[str, Any]) -> Mapping[str, str]:
    """Return what a secret or a config map holds; one that a parameter names is that of the cases."""
    sources = SOURCES[setting]
    name = use.get(_NAMES[setting]) or next(iter(sources))
    return sources.get(name, {})


def only_there(
    kind: str, documents: Sequence[Any], record: Mapping[str, Any], *, as_process: bool
) -> str | None:
    """Return what only Kubernetes does in a case, or None when a run here can be held to it."""
    if reason := _never_started(record):
        return reason
    known = {**SETTINGS, **(OF_CONTAINERS if as_process else {})}
    settings = sorted(key for config in _configs(documents) for key in config if key in known)
    if settings:
        return known[settings[0]]
    words = {**WORDS, **(OF_IMAGES if as_process else {})} if kind == "kube" else {}
    words = {EVERY_VARIABLE: "all variables of a pod", **words}
    if as_process and kind in ("kube", "fail"):
        words[r"(resourceM|m)emoryLimit"] = "a limit that a container is held to"
    text = json.dumps(documents)
    return next((reason for word, reason in words.items() if re.search(word, text)), None)


def _never_started(record: Mapping[str, Any]) -> str | None:
    """Return a reason for a record in which Kubernetes did not start a pod that KFP asked for."""
    for run in record.get("runs", ()):
        for task in run.get("tasks", ()):
            drivers = {entry["where"] for entry in run.get("failed", ()) if entry.get("why")}
            if task["kind"] != "container" or task["state"] != "unfinished" or "said" in task:
                continue
            if not any(where.startswith("driver of ") for where in drivers):
                return "Kubernetes did not start its pod"
    return None


def _configs(documents: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    for document in documents[1:]:
        platform = document.get("platforms", {}).get("kubernetes", {})
        yield from platform.get("deploymentSpec", {}).get("executors", {}).values()
