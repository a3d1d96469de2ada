"""Traps of what a task asks of Kubernetes by ``kfp.kubernetes``: what no cluster takes, or can have.

``kubernetes.yaml`` is checked by its own lines; this looks at what the compiled file has, where a
name may also come from a parameter: of that nothing is said.
https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/apis/core/validation/validation.go
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from kfp_workbench.check.flow import Given, Visit
from kfp_workbench.check.trap import Trap, said
from kfp_workbench.local import driver
from kfp_workbench.pipeline import compiled
from kfp_workbench.pipeline.kubernetes import grammar
from kfp_workbench.pipeline.kubernetes.security import LARGEST_ID


class _Rule(NamedTuple):
    """What holds of the values at a path in a task's settings; ``problem`` ends with the cure."""

    path: str
    what: str
    problem: Callable[[Any], str | None]


def _amount_problem(text: Any) -> str | None:
    problem = driver.amount_problem(text)
    return f"{problem}: write one such as 512Mi" if problem else None


def _id_problem(number: Any) -> str | None:
    return None if int(number) <= LARGEST_ID else f"is {number}: use at most {LARGEST_ID}"


def _annotation_problem(key: str) -> str | None:
    return grammar.qualified_problem(key.lower())  # the one name whose case does not matter


# KFP gives a volume the name of what it holds, which therefore has no dots.
_RULES = (
    _Rule("secretAsVolume.*.secretNameParameter", "the secret", grammar.label_problem),
    _Rule("configMapAsVolume.*.configMapNameParameter", "the config map", grammar.label_problem),
    _Rule("pvcMount.*.pvcNameParameter", "the claim", grammar.label_problem),
    _Rule("emptyDirMounts.*.volumeName", "the volume", grammar.label_problem),
    _Rule("genericEphemeralVolume.*.volumeName", "the volume", grammar.label_problem),
    _Rule("emptyDirMounts.*.sizeLimit", "the size of a volume", _amount_problem),
    _Rule("genericEphemeralVolume.*.size", "the size of a volume", _amount_problem),
    _Rule("secretAsEnv.*.keyToEnv.*.secretKey", "of a secret,", grammar.data_key_problem),
    _Rule("configMapAsEnv.*.keyToEnv.*.configMapKey", "of a map,", grammar.data_key_problem),
    _Rule("nodeSelector.labels.*", "of a node,", grammar.label_value_problem),
    _Rule("podMetadata.labels.*", "of the pod,", grammar.label_value_problem),
    _Rule("tolerations.*.key", "of a toleration,", grammar.qualified_problem),
    _Rule("tolerations.*.value", "of a toleration,", grammar.label_value_problem),
    _Rule("securityContext.runAsUser", "the user", _id_problem),
    _Rule("securityContext.runAsGroup", "the group", _id_problem),
)
_KEYS = (
    _Rule("nodeSelector.labels", "of a node,", grammar.qualified_problem),
    _Rule("podMetadata.labels", "of the pod,", grammar.qualified_problem),
    _Rule("podMetadata.annotations", "of the pod,", _annotation_problem),
)
# An object that has to be there, and cannot, as Kubernetes makes none of such a name.
_OBJECTS = (
    _Rule("secretAsEnv.*", "secretNameParameter", grammar.object_problem),
    _Rule("configMapAsEnv.*", "configMapNameParameter", grammar.object_problem),
)


def settings(visit: Visit, given: Given) -> Iterator[Trap]:
    """Find names, labels and amounts for which a task's pod is refused, or never starts."""
    asked = visit.pipeline.kubernetes.get(visit.component.executor, {})
    for problem in _problems(asked):
        yield said(f"{visit.task.label}: {problem}")


def _problems(asked: Mapping[str, Any]) -> Iterator[str]:
    for path, what, check in _RULES:
        for _, value in compiled.values(asked, path):
            yield from _told(what, check, value)
    for path, what, check in _KEYS:
        for _, labels in compiled.values(asked, path):
            for key in labels:
                yield from _told(what, check, key)
    for path, field, check in _OBJECTS:
        for _, source in compiled.values(asked, path):
            if not source.get("optional"):
                yield from _told("what a variable is from,", check, source.get(field))


def _told(what: str, check: Callable[[Any], str | None], value: Any) -> Iterator[str]:
    """Yield what is wrong with a value, or with the constant that a parameter of KFP's stands for."""
    if isinstance(value, Mapping):
        value = (value.get("runtimeValue") or {}).get("constant")
    if value is not None and "{{" not in str(value) and (problem := check(value)):
        yield f"{what} {problem}"
