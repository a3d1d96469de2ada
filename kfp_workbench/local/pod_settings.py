"""Settings of a pod that come from parameters and outputs: the driver resolves them before it asks for the pod.

By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/driver/k8s.go (``extendPodSpecPatch``). One
that is null is left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from kfp_workbench.local import inputs, spec
from kfp_workbench.local.collecting import UnresolvedError
from kfp_workbench.local.inputs import NullError, Options

_NAMES = {
    "secretAsVolume": "secretNameParameter",
    "secretAsEnv": "secretNameParameter",
    "configMapAsVolume": "configMapNameParameter",
    "configMapAsEnv": "configMapNameParameter",
    "imagePullSecret": "secretNameParameter",
}
_TEXTS = ("key", "operator", "value", "effect")  # of a toleration


def check(options: Options, settings: Mapping[str, Any]) -> None:
    """Raise UnresolvedError for a setting of a task that its driver cannot resolve, or does not take."""
    for kind, key in _NAMES.items():
        for value in _resolved(options, settings.get(kind) or (), key):
            if not isinstance(value, str) or not value:
                raise UnresolvedError(f"a name that its {kind} is given is no text, or empty")
    selector = settings.get("nodeSelector")
    for value in _resolved(options, [selector] if selector else [], "nodeSelectorJson"):
        labels = value.values() if isinstance(value, dict) else ()
        if not all(label is None or isinstance(label, str) for label in labels):
            raise UnresolvedError("a label of its node selector is no text", "setting")
    for value in _resolved(options, settings.get("tolerations") or (), "tolerationJson"):
        if not _is_toleration(value) and not _are_tolerations(value):
            raise UnresolvedError("what it is given as tolerations are none", "setting")
    list(_resolved(options, settings.get("nodeAffinity") or (), "nodeAffinityJson"))


def _resolved(options: Options, parts: Iterable[Mapping[str, Any]], key: str) -> Iterator[Any]:
    for part in parts:
        if key in part and part.get("keyToEnv") != []:
            with suppress(NullError):
                yield inputs.value_of(options, spec.source_of(part[key]))


def _are_tolerations(value: Any) -> bool:
    return isinstance(value, list) and all(one is None or _is_toleration(one) for one in value)


def _is_toleration(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    seconds = value.get("tolerationSeconds", 0.0)
    texts = (value.get(key) for key in _TEXTS)
    return all(text is None or isinstance(text, str) for text in texts) and (
        seconds is None or (isinstance(seconds, float) and seconds.is_integer())
    )
