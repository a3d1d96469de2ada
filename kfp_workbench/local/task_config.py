"""The task config: what of a task's own settings its code is given, and what of them its pod has.

By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/driver (``driver.go``:
``getTaskConfigOptions``, ``initPodSpecPatch``; ``k8s.go``: ``extendPodSpecPatch``). It has the fields of
Kubernetes' pod, in its words; those that are not passed through are empty.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kfp_workbench.local import placeholders, quantities, values
from kfp_workbench.local.artifacts import WORKSPACE
from kfp_workbench.local.problems import ProblemError
from kfp_workbench.local.spec import Component

KIND = "TASK_CONFIG"
ENV, RESOURCES, VOLUMES = "ENV", "RESOURCES", "KUBERNETES_VOLUMES"
_NODES, _TOLERATIONS, _AFFINITY = (
    "KUBERNETES_NODE_SELECTOR",
    "KUBERNETES_TOLERATIONS",
    "KUBERNETES_AFFINITY",
)
_FIELDS = {"cpu": ("resourceCpu{}", "cpu{}", ""), "memory": ("resourceMemory{}", "memory{}", "G")}
Settings = Mapping[str, Any]  # a task's, for Kubernetes


class TaskConfigError(ProblemError):
    """A setting that cannot be read."""

    code = "placeholder"


def wanted(component: Component) -> list[str]:
    """Return the inputs of a component that its task config is given as."""
    return [name for name, parameter in component.parameters.items() if parameter.kind == KIND]


def on_pod(component: Component, field: str) -> bool:
    """Tell whether what is set of a field holds for the task's own pod, and not for others alone."""
    return component.passthroughs.get(field, True)


def problems(component: Component, settings: Settings, *, has_workspace: bool) -> Iterator[str]:
    """Yield why a task cannot be given its config, or not be kept from what it passes on."""
    if has_workspace and not on_pod(component, VOLUMES):
        yield "it passes its volumes on, and has no workspace of its own then: only a cluster hides it"
    if not wanted(component):
        return
    for field, keys in _SOURCES.items():
        if field in component.passthroughs and not all(map(_is_literal, _parts(settings, keys))):
            yield (
                f"its task config has {' or '.join(keys)} from a parameter or an output, which only a "
                "cluster resolves"
            )


def made(
    component: Component,
    container: Mapping[str, Any],
    settings: Settings,
    inputs: Mapping[str, Any],
    claim: str | None,
) -> dict[str, Any]:
    """Return the config of a task; raises TaskConfigError.

    ``claim`` is the name of the workspace's volume, where the task has one.
    """
    config: dict[str, Any] = dict.fromkeys(
        ("affinity", "tolerations", "nodeSelector", "env", "volumes", "volumeMounts")
    )
    config["resources"] = {}
    makers: Mapping[str, Callable[[], dict[str, Any]]] = {
        ENV: lambda: {"env": _env(container, settings)},
        RESOURCES: lambda: {"resources": _resources(container.get("resources") or {}, inputs)},
        VOLUMES: lambda: _volumes(settings, claim),
        _NODES: lambda: {"nodeSelector": _node_selector(settings)},
        _TOLERATIONS: lambda: {"tolerations": _tolerations(settings)},
        _AFFINITY: lambda: {"affinity": _affinity(settings)},
    }
    for field in component.passthroughs:
        config |= makers[field]() if field in makers else {}
    found: dict[str, Any] = values.doubles(config)
    return found


def _env(container: Mapping[str, Any], settings: Settings) -> list[dict[str, Any]]:
    found = [
        {"name": item["name"], **({"value": item["value"]} if item.get("value") else {})}
        for item in container.get("env") or ()
    ]
    for key, (kind, source, name) in {
        "secretAsEnv": ("secretKeyRef", "secretName", "secretKey"),
        "configMapAsEnv": ("configMapKeyRef", "configMapName", "configMapKey"),
    }.items():
        for one in settings.get(key) or ():
            given = {"optional": one["optional"]} if "optional" in one else {}
            for pair in one.get("keyToEnv") or ():
                reference = {"name": _named(one, source), "key": pair[name], **given}
                found.append({"name": pair["envVar"], "valueFrom": {kind: reference}})
    for one in settings.get("fieldPathAsEnv") or ():
        path = {"fieldPath": one["fieldPath"]}
        found.append({"name": one["name"], "valueFrom": {"fieldRef": path}})
    return found


def _resources(resources: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    limits, requests = _amounts(resources, "Limit", inputs), _amounts(resources, "Request", inputs)
    accelerator = resources.get("accelerator") or {}
    kind = _filled(accelerator.get("resourceType") or accelerator.get("type") or "", inputs)
    count = _filled(accelerator.get("resourceCount") or accelerator.get("count") or "", inputs)
    if kind and count:
        limits[kind] = _amount(count)
    parts = {"limits": limits, "requests": requests}
    return {name: part for name, part in parts.items() if part}


def _amounts(resources: Mapping[str, Any], which: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, (new, old, unit) in _FIELDS.items():
        if text := resources.get(new.format(which)):
            found[name] = _amount(_filled(str(text), inputs))
        elif number := resources.get(old.format(which)):
            found[name] = _amount(f"{number}{unit}")
    return found


def _amount(text: str) -> str:
    try:
        return quantities.canonical(text)
    except ValueError as error:
        raise TaskConfigError(str(error)) from None


def _filled(text: Any, inputs: Mapping[str, Any]) -> str:
    name = placeholders.parameter_in(str(text))
    if name is None:
        return str(text)
    if name not in inputs:
        raise TaskConfigError(f"a setting needs the input {name}, which has no value")
    return inputs[name] if isinstance(inputs[name], str) else ""


def _volumes(settings: Settings, claim: str | None) -> dict[str, Any]:
    volumes: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []

    def add(name: str, source: Mapping[str, Any], path: str, below: str = "") -> None:
        volumes.append({"name": name, **source})
        mounts.append({"name": name, "mountPath": path, **({"subPath": below} if below else {})})

    if claim:
        add("kfp-workspace", {"persistentVolumeClaim": {"claimName": claim}}, WORKSPACE)
    for one in settings.get("pvcMount") or ():
        name = _constant(one.get("pvcNameParameter") or one)
        source = {"persistentVolumeClaim": {"claimName": name}}
        add(name, source, one["mountPath"], one.get("subPath", ""))
    for one in settings.get("secretAsVolume") or ():
        name = _named(one, "secretName")
        secret = {"secretName": name, "optional": bool(one.get("optional"))}
        add(name, {"secret": secret}, one["mountPath"])
    for one in settings.get("configMapAsVolume") or ():
        name = _named(one, "configMapName")
        source = {"configMap": {"name": name, "optional": bool(one.get("optional"))}}
        add(name, source, one["mountPath"])
    return {"volumes": volumes or None, "volumeMounts": mounts or None}


def _node_selector(settings: Settings) -> dict[str, Any] | None:
    selector = settings.get("nodeSelector")
    if selector is None:
        return None
    if "nodeSelectorJson" in selector:
        return dict(_constant(selector["nodeSelectorJson"]) or {})
    return dict(selector["labels"]) if selector.get("labels") else None


def _tolerations(settings: Settings) -> list[Any] | None:
    keys = ("key", "operator", "value", "effect", "tolerationSeconds")
    found: list[Any] = []
    for one in settings.get("tolerations") or ():
        given = _constant(one["tolerationJson"]) if "tolerationJson" in one else one
        for each in given if isinstance(given, list) else [given]:
            kept = {key: each[key] for key in keys if each.get(key) not in (None, "")}
            if "tolerationSeconds" in kept:  # a text in the compiled file, as all of 64 bits
                kept["tolerationSeconds"] = int(kept["tolerationSeconds"])
            found += [kept] if each else []
    return found or None


def _affinity(settings: Settings) -> dict[str, Any] | None:
    required: list[Any] = []
    preferred: list[Any] = []
    for one in settings.get("nodeAffinity") or ():
        if "nodeAffinityJson" in one:
            given = _constant(one["nodeAffinityJson"])
            needed = given.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
            required += needed.get("nodeSelectorTerms") or []
            preferred += given.get("preferredDuringSchedulingIgnoredDuringExecution") or []
            continue
        term = {key: one[key] for key in ("matchExpressions", "matchFields") if one.get(key)}
        if term and "weight" in one:
            preferred.append({"weight": one["weight"], "preference": term})
        elif term:
            required.append(term)
    node: dict[str, Any] = {}
    if required:
        node["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": required}
    if preferred:
        node["preferredDuringSchedulingIgnoredDuringExecution"] = preferred
    return {"nodeAffinity": node} if node else None


# The settings that each field is made of.
_SOURCES: Mapping[str, Sequence[str]] = {
    ENV: ("secretAsEnv", "configMapAsEnv"),
    VOLUMES: ("pvcMount", "secretAsVolume", "configMapAsVolume"),
    _NODES: ("nodeSelector",),
    _TOLERATIONS: ("tolerations",),
    _AFFINITY: ("nodeAffinity",),
}


def _parts(settings: Settings, keys: Sequence[str]) -> Iterator[Any]:
    for key in keys:
        found = settings.get(key) or []
        yield from found if isinstance(found, list) else [found]


def _is_literal(part: Mapping[str, Any]) -> bool:
    found = [part, *(value for value in part.values() if isinstance(value, dict))]
    return not any(
        {"taskOutputParameter", "componentInputParameter"} & each.keys() for each in found
    )


def _constant(source: Mapping[str, Any]) -> Any:
    return source["constant"] if "constant" in source else source["runtimeValue"]["constant"]


def _named(one: Mapping[str, Any], key: str) -> str:
    parameter = one.get(f"{key}Parameter")
    return str(_constant(parameter)) if parameter else str(one[key])
