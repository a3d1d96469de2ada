"""What KFP makes of names, addresses and figures: see ``kfp.dsl.types.artifact_types``."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.context import OutputError, plain, short

MOUNTS = {"gs": "/gcs", "minio": "/minio", "s3": "/s3"}  # of what addresses begin with


def key_of(name: str) -> str:
    """Return what a name in component.yaml becomes (``kfp.dsl.utils.sanitize_input_name``)."""
    return re.sub("[^_0-9a-z]+", "_", name.lower()).strip("_")


def path_of(uri: str) -> Path:
    """Return where a step finds the artifact of an address."""
    scheme, _, rest = uri.partition("://")
    return Path(MOUNTS[scheme], rest) if scheme in MOUNTS else Path(uri)


def numbers(name: str, values: Mapping[str, object]) -> dict[str, Any]:
    """Return the metadata of Metrics; raises OutputError for what is no number."""
    found: dict[str, Any] = plain(name, values)
    for key, value in found.items():
        if not _are_numbers([value], 1):
            raise OutputError(f"{name}: {key} is {short(value)}, which is no number")
    return found


def classification(name: str, labels: object, matrix: object, roc: object) -> dict[str, Any]:
    """Return the metadata of ClassificationMetrics; raises OutputError for what cannot be it."""
    names, rows = _items(name, "labels", labels), _items(name, "matrix", matrix)
    if len(rows) != len(names):
        raise OutputError(f"{name}: matrix is of {len(rows)} rows, for {len(names)} labels")
    for row in rows:
        if not _are_numbers(row, len(names)) or any(count < 0 or count % 1 for count in row):
            raise OutputError(f"{name}: matrix has the row {short(row)}: give {len(names)} counts")
    specs = [{"displayName": str(label)} for label in names]
    found: dict[str, Any] = {
        "confusionMatrix": {"annotationSpecs": specs, "rows": [{"row": row} for row in rows]}
    }
    if points := _items(name, "roc", roc):
        found["confidenceMetrics"] = [_reading(name, point) for point in points]
    return found


def _reading(name: str, point: Any) -> dict[str, float]:
    if not _are_numbers(point, 3) or not all(0 <= rate <= 1 for rate in point[:2]):
        cure = "give a false and a true positive rate, each from 0 to 1, and a threshold"
        raise OutputError(f"{name}: roc has the point {short(point)}: {cure}")
    return dict(zip(("falsePositiveRate", "recall", "confidenceThreshold"), point, strict=True))


def _items(name: str, what: str, value: object) -> list[Any]:
    found = plain(name, value)
    if not isinstance(found, list):
        raise OutputError(f"{name}: {what} is {short(found)}, which is no list")
    return found


def _are_numbers(row: object, count: int) -> bool:
    """Tell whether these are so many numbers; True and False are none."""
    return isinstance(row, list) and [type(x) in (int, float) for x in row] == [True] * count
