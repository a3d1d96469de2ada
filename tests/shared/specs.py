"""Looking at compiled pipelines."""

from collections.abc import Mapping
from typing import Any


def all_tasks(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    parts = [spec["root"], *spec["components"].values()]
    return [task for part in parts if "dag" in part for task in part["dag"]["tasks"].values()]


def cached(spec: Mapping[str, Any]) -> list[bool]:
    """Return for each task whether it uses the cache; kfp leaves out what is false."""
    return [task["cachingOptions"].get("enableCache", False) for task in all_tasks(spec)]
