"""Reads ``node_selector`` and ``tolerations``: where a step may run."""

from typing import Any

from kfp_workbench.pipeline.kubernetes import grammar, units
from kfp_workbench.pipeline.kubernetes.reader import Place, Reader, closest
from kfp_workbench.project.names import shown

_KEYS = ("key", "operator", "value", "effect", "toleration_seconds")
_CHOICES = {
    "operator": ("Exists", "Equal"),
    "effect": ("NoSchedule", "PreferNoSchedule", "NoExecute"),
}
_GRAMMARS = {"key": grammar.qualified_problem, "value": grammar.label_value_problem}


def read_selector(reader: Reader, place: Place, value: Any) -> dict[str, str]:
    """Read the labels that a node has to have."""
    found = {}
    for key, part in reader.parts(place, value, "write one `label: value` a line"):
        at = (*place, key)
        reader.unfit(at, grammar.qualified_problem(key))
        text = reader.text(at, part)
        if text is not None and not reader.unfit(at, grammar.label_value_problem(text)):
            found[key] = text
    return found


def read_tolerations(reader: Reader, place: Place, value: Any) -> list[dict[str, Any]]:
    """Read the taints of nodes that the step puts up with."""
    if not isinstance(value, list):
        example = "- {key: gpu, operator: Exists, effect: NoSchedule}"
        reader.note(place, "is no list", f"write one toleration a line, such as {example}")
        return []
    return [_toleration(reader, (*place, index), part) for index, part in enumerate(value)]


def _toleration(reader: Reader, place: Place, value: Any) -> dict[str, Any]:
    """Read a toleration; the rules are those of Kubernetes' own validation."""
    parts = reader.known(place, value, _KEYS)
    for key, choices in _CHOICES.items():
        if key in parts and parts[key] not in choices:
            cure = closest(str(parts[key]), choices)
            reader.note((*place, key), f"{shown(parts[key])} is no {key}", cure)
    for key, problem in _GRAMMARS.items():
        if key in parts and (text := reader.text((*place, key), parts[key])) is not None:
            reader.unfit((*place, key), problem(text))
    if "toleration_seconds" in parts:
        at = (*place, "toleration_seconds")
        reader.whole(at, parts["toleration_seconds"], 0, units.LONGEST)
        if parts.get("effect") != "NoExecute":
            reader.note(at, "goes with the effect NoExecute only", "leave it out")
    if parts.get("operator") == "Exists" and "value" in parts:
        reader.note((*place, "value"), "does not go with Exists", "leave it out, or write Equal")
    if isinstance(value, dict) and "key" not in value and parts.get("operator") != "Exists":
        reader.note(place, "has no key", "give it one, or operator: Exists to tolerate every taint")
    return parts
