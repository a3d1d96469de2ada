"""What a typed step needs: inputs as values and files; outputs published whole, or not at all.

KFP gives a step one JSON text, the executor input, and reads what it published from one file,
the executor output; both are messages of
https://github.com/kubeflow/pipelines/blob/master/api/v2alpha1/pipeline_spec.proto
Paths of addresses and metadata of metrics are as in ``kfp.dsl.types.artifact_types``.
"""

import json
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from common.context import InputError, Parser, json_object, write_json

T = TypeVar("T", str, int, float, bool, list[Any], dict[str, Any])
MOUNTS = {"gs": "/gcs", "minio": "/minio", "s3": "/s3"}  # of what addresses begin with


class OutputError(RuntimeError):
    """An output that is published wrongly; the message is one line."""


class Step:
    """One execution of a step, made from its executor input."""

    def __init__(self, executor_input: Mapping[str, Any]) -> None:
        self._inputs: Mapping[str, Any] = executor_input.get("inputs", {})
        self._outputs: Mapping[str, Any] = executor_input.get("outputs", {})
        self._published: dict[str, dict[str, Any]] = {"parameterValues": {}, "artifacts": {}}
        self.parts: dict[Path, Path] = {}  # where an artifact is written, and where it goes

    def parameter(self, name: str, kind: type[T]) -> T:
        """Return an input parameter: a str, int, float, bool, list or dict."""
        value = _find(self._inputs, "parameterValues", name, InputError)
        if kind in (int, float) and type(value) in (int, float) and kind(value) == value:
            return kind(value)  # KFP carries all numbers as doubles: 3 may come as 3.0
        if type(value) is not kind:
            raise InputError(f"{name}: {ascii(value)[:60]} is no {kind.__name__}")
        return value

    def artifact(self, name: str) -> tuple[Path, dict[str, Any]]:
        """Return an input artifact: the file or folder to read, and its metadata."""
        item = _find(self._inputs, "artifacts", name, InputError)["artifacts"][0]
        return _path(item["uri"]), item.get("metadata", {})

    def publish(self, name: str, value: object) -> None:
        """Publish an output parameter: text, a number, true or false, a list or an object."""
        _find(self._outputs, "parameters", name, OutputError)
        self._add("parameterValues", name, _plain(name, value))

    @contextmanager
    def output(self, name: str, **metadata: object) -> Iterator[Path]:
        """Publish an artifact; yields the path of the file or folder to write."""
        path = self._declare(name, metadata)
        part = path.with_name(f".{path.name}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        self.parts[part] = path
        yield part
        if not part.exists():
            raise OutputError(f"{name}: nothing was written to the path that output() gave")

    def metrics(self, name: str, **values: float) -> None:
        """Publish Metrics: numbers by name."""
        for key, value in _plain(name, values).items():
            if type(value) not in (int, float):
                raise OutputError(f"{name}: {key} is {ascii(value)[:60]}, which is no number")
        self._declare(name, values)

    def classification_metrics(
        self, name: str, labels: Sequence[str], matrix: Sequence[Sequence[int]], roc: Any = ()
    ) -> None:
        """Publish a confusion matrix (a row for each true label), and perhaps a ROC curve.

        ``roc`` has its points: false positive rate, true positive rate, threshold.
        """
        if [len(row) for row in matrix] != [len(labels)] * len(labels):
            raise OutputError(f"{name}: the matrix is not of {len(labels)} rows and columns")
        specs, rows = [{"displayName": x} for x in labels], [{"row": list(x)} for x in matrix]
        metadata: dict[str, Any] = {"confusionMatrix": {"annotationSpecs": specs, "rows": rows}}
        if keys := roc and ("falsePositiveRate", "recall", "confidenceThreshold"):
            metadata["confidenceMetrics"] = [dict(zip(keys, x, strict=True)) for x in roc]
        self._declare(name, metadata)

    def finish(self) -> None:
        """Put all that was published in its place; raises OutputError if an output lacks."""
        for name in (*self._outputs.get("parameters", {}), *self._outputs.get("artifacts", {})):
            if not any(name in published for published in self._published.values()):
                raise OutputError(f"{name}: this output was never published")
        for part, path in self.parts.items():
            os.replace(part, path)
        write_json(Path(self._outputs["outputFile"]), self._published)

    def _declare(self, name: str, metadata: Mapping[str, object]) -> Path:
        item = _find(self._outputs, "artifacts", name, OutputError)["artifacts"][0]
        self._add("artifacts", name, {"artifacts": [{**item, "metadata": _plain(name, metadata)}]})
        return _path(item["uri"])

    def _add(self, kind: str, name: str, value: object) -> None:
        if _key(name) in self._published[kind]:
            raise OutputError(f"{name}: this output is published twice")
        self._published[kind][_key(name)] = value


def run(name: str, function: Callable[[Step], None], argv: Sequence[str] | None = None) -> int:
    """Run a step and return its exit status: 2 for a wrong input, 1 for a wrong output."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    parser = Parser(prog=name, allow_abbrev=False)
    parser.add_argument("--executor-input", type=json_object, required=True, help="from KFP")
    step = Step(parser.parse_args(argv).executor_input)
    try:
        function(step)
        step.finish()
    except (InputError, OutputError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    finally:
        for part in step.parts:  # of a step that failed
            shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)
    return 0


def _find(given: Mapping[str, Any], kind: str, name: str, error: type[Exception]) -> Any:
    found = given.get(kind, {})
    if _key(name) not in found:
        known = ", ".join(found) or "none"
        raise error(f"{name}: not among the {kind} that component.yaml declares: {known}")
    return found[_key(name)]


def _key(name: str) -> str:
    """Return what KFP makes of a name in component.yaml (kfp.dsl.utils.sanitize_input_name)."""
    return re.sub("[^_0-9a-z]+", "_", name.lower()).strip("_")


def _path(uri: str) -> Path:
    scheme, _, rest = uri.partition("://")
    return Path(MOUNTS[scheme], rest) if scheme in MOUNTS else Path(uri)


def _plain(name: str, value: object) -> Any:
    """Return a value as JSON has it; numpy's numbers and arrays become Python's."""
    try:
        return json.loads(json.dumps(value, allow_nan=False, default=lambda item: item.tolist()))
    except (ValueError, TypeError, AttributeError) as error:
        raise OutputError(f"{name}: cannot be JSON ({error}): {ascii(value)[:60]}") from None
