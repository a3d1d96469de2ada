"""What a typed step needs: inputs as values and files; outputs published whole, or not at all.

KFP gives a step one JSON text, the executor input, and reads what it published from one file,
the executor output; both are messages of
https://github.com/kubeflow/pipelines/blob/master/api/v2alpha1/pipeline_spec.proto
"""

import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from common.context import InputError, OutputError, Parser, json_object, plain, short, write_json
from common.formats import classification, key_of, numbers, path_of
from common.metadata import as_published, to_publish

T = TypeVar("T", str, int, float, bool, list[Any], dict[str, Any])
Default = TypeVar("Default")
REQUIRED: Any = object()  # the default of an input that has none
# By type of artifact; output() publishes all others.
METHODS = {"Metrics": "metrics", "ClassificationMetrics": "classification_metrics"}


class Step:
    """One execution of a step, made from its executor input."""

    def __init__(self, executor_input: Mapping[str, Any]) -> None:
        self._inputs: Mapping[str, Any] = executor_input.get("inputs", {})
        self._outputs: Mapping[str, Any] = _declared(executor_input.get("outputs", {}))
        self._published: dict[str, dict[str, Any]] = {"parameterValues": {}, "artifacts": {}}
        self.parts: dict[Path, Path] = {}  # where an artifact is written, and where it goes

    def parameter(self, name: str, kind: type[T], default: Default = REQUIRED) -> T | Default:
        """Return an input parameter: a str, int, float, bool, list or dict; or else the default."""
        given = self._inputs.get("parameterValues", {})
        if default is not REQUIRED and given.get(key_of(name)) is None:
            return default
        value = _find(self._inputs, "parameterValues", name, InputError)
        if kind in (int, float) and type(value) in (int, float) and kind(value) == value:
            return kind(value)  # KFP carries all numbers as doubles: 3 may come as 3.0
        if type(value) is not kind:
            raise InputError(f"{name}: {short(value)} is no {kind.__name__}")
        return value

    def artifact(self, name: str) -> tuple[Path, dict[str, Any]]:
        """Return an input artifact: the file or folder to read, and the metadata of its maker."""
        item = _find(self._inputs, "artifacts", name, InputError)["artifacts"][0]
        return path_of(item["uri"]), as_published(item.get("metadata", {}), item["uri"])

    def publish(self, name: str, value: object) -> None:
        """Publish an output parameter: text, a number, true or false, a list or an object."""
        _find(self._outputs, "parameters", name, OutputError)
        self._add("parameterValues", name, plain(name, value))

    @contextmanager
    def output(self, name: str, /, **metadata: object) -> Iterator[Path]:
        """Publish an artifact, unless writing raises; yields the path of its file or folder.

        KFP keeps numbers in ``metadata`` to six decimals, but those within a list or an object.
        """
        path = self._declare("output", name, to_publish(name, metadata))
        part = path.with_name(f".{path.name}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        self.parts[part] = path
        try:
            yield part
            if not part.exists():
                raise OutputError(f"{name}: nothing was written to the path that output() gave")
        except BaseException:
            _remove(part)
            del self.parts[part], self._published["artifacts"][key_of(name)]
            raise

    def metrics(self, name: str, /, **values: float) -> None:
        """Publish Metrics: numbers by name, of which KFP keeps six decimals."""
        self._declare("metrics", name, numbers(name, values))

    def classification_metrics(
        self, name: str, /, labels: Sequence[str], matrix: Sequence[Sequence[int]], roc: Any = ()
    ) -> None:
        """Publish a confusion matrix (a row for each true label), and perhaps a ROC curve.

        ``roc`` has its points: false positive rate, true positive rate, finite threshold.
        """
        self._declare("classification_metrics", name, classification(name, labels, matrix, roc))

    def finish(self) -> None:
        """Put all that was published in its place; raises OutputError if an output lacks."""
        for name in (*self._outputs["parameters"], *self._outputs["artifacts"]):
            if not any(name in published for published in self._published.values()):
                raise OutputError(f"{name}: this output was never published")
        for part, path in self.parts.items():
            os.replace(part, path)
        write_json(Path(self._outputs["outputFile"]), self._published)

    def _declare(self, method: str, name: str, metadata: Mapping[str, Any]) -> Path:
        item = _find(self._outputs, "artifacts", name, OutputError)["artifacts"][0]
        kind = item.get("type", {}).get("schemaTitle", "").removeprefix("system.")
        right = METHODS.get(kind, "output")
        if kind and right != method:
            raise OutputError(f"{name}: {method}() publishes no {kind}: use {right}()")
        self._add("artifacts", name, {"artifacts": [{**item, "metadata": metadata}]})
        return path_of(item["uri"])

    def _add(self, kind: str, name: str, value: object) -> None:
        if key_of(name) in self._published[kind]:
            raise OutputError(f"{name}: this output is published twice")
        self._published[kind][key_of(name)] = value


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
        print(f"{name}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    finally:
        for part in step.parts:  # of a step that failed
            _remove(part)
    return 0


def _remove(part: Path) -> None:
    shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)


def _declared(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the outputs that KFP adds of its own, such as ``executor-logs``.

    They are told by their keys, which no name in component.yaml becomes.
    """
    found = dict(outputs)
    for kind in ("parameters", "artifacts"):
        found[kind] = {k: v for k, v in outputs.get(kind, {}).items() if key_of(k) == k}
    return found


def _find(given: Mapping[str, Any], kind: str, name: str, error: type[Exception]) -> Any:
    found = {key: value for key, value in given.get(kind, {}).items() if value is not None}
    if key_of(name) not in found:
        lack = f"not among the {kind} that component.yaml declares"
        if error is InputError:
            lack = "was not given, or component.yaml does not declare it; given"
        raise error(f"{name}: {lack}: {', '.join(found) or 'none'}")
    return found[key_of(name)]
