"""What a step says of an artifact, and what is left of it when KFP tells the next step.

KFP keeps a text as it is, a number with six decimals, true and false as 1 and 0, and wraps the
rest: a list becomes ``{"list": […]}``, an object ``{"struct": {…}}``, each unchanged within. Nothing
(``null``) fails the step there. ``display_name`` (the output's, unless the step has given one) and
``store_session_info`` are added:
https://github.com/kubeflow/pipelines/tree/master/backend/src/v2/metadata (converter.go, client.go)
"""

import math
from collections.abc import Mapping
from typing import Any

from common.context import OutputError, plain

OWN = ("store_session_info", "_kfp_workspace")  # keys by which KFP finds the artifact's file
WRAPPED: Mapping[str, type] = {"list": list, "struct": dict}
SURE = 2**53  # KFP's numbers are doubles, which hold every whole number up to it


def to_publish(name: str, metadata: Mapping[str, object]) -> dict[str, Any]:
    """Return metadata as JSON has them; raises OutputError for what would not come back.

    A number may come back rounded, but by no more than a hundredth; true as 1, which is equal.
    """
    found: dict[str, Any] = plain(name, metadata)
    for key, value in found.items():
        if problem := _problem(key, value):
            raise OutputError(f"{name}: {key} {problem}")
    return found


def as_published(metadata: Mapping[str, Any], uri: str) -> dict[str, Any]:
    """Return what was published of the artifact at ``uri``, from what KFP tells of it."""
    found = {key: _unwrapped(value) for key, value in metadata.items() if key not in OWN}
    if found.get("display_name") == uri.rpartition("/")[2]:
        del found["display_name"]  # KFP's, as the address ends with the output's name
    return found


def _problem(key: str, value: Any) -> str | None:
    if key in OWN:
        return "is a name that KFP needs for itself: choose another"
    if value is None:
        return "is None, which KFP does not take: leave it out"
    if isinstance(value, float) and not math.isclose(value, round(value, 6), rel_tol=0.01):
        return f"is {value}, of which KFP keeps six decimals: put it into a list, which keeps all"
    return None


def _unwrapped(value: Any) -> Any:
    """Undo what KFP has done, once: what was published may look the same within."""
    if isinstance(value, dict) and len(value) == 1:
        ((kind, inner),) = value.items()
        value = inner if type(inner) is WRAPPED.get(kind) else value
    return _whole(value)


def _whole(value: Any) -> Any:
    """Return a value with 3 for 3.0, which is the same to KFP."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= SURE:
        return int(value)
    return value
