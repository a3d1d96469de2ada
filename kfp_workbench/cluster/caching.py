"""Turns KFP's caching on or off for a whole run.

kfp's own ``enable_caching`` reaches only the tasks at the root of the pipeline, and none
in a loop, a condition or a pipeline within; and none at all of an uploaded version.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def applied(package: Path, caching: bool | None) -> Iterator[Path]:
    """Yield a compiled pipeline in which caching is on or off for every task.

    With None that is ``package`` itself, where each task has what ``pipeline.py`` says;
    else a copy, for as long as the block takes. ``package`` stays as it is.
    """
    if caching is None:
        yield package
        return
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # The second document, if there is one, is for Kubernetes.
    spec, *others = yaml.load_all(package.read_text(encoding="utf-8"), loader)
    set_caching(spec, caching)
    with tempfile.TemporaryDirectory(prefix="pipeline-") as folder:
        copy = Path(folder) / package.name
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        text = yaml.dump_all([spec, *others], Dumper=dumper, allow_unicode=True)
        copy.write_text(text, encoding="utf-8")
        yield copy


def set_caching(spec: dict[str, Any], caching: bool) -> None:
    """Turn caching on or off for every task in a parsed ``PipelineSpec``, in place."""
    for part in (spec["root"], *spec.get("components", {}).values()):
        for task in part.get("dag", {}).get("tasks", {}).values():
            task.setdefault("cachingOptions", {})["enableCache"] = caching
