"""A step is a typed function: ``@step`` makes a program of it, for KFP and for people.

KFP gives a program one JSON text, the executor input, and reads what it published from one file,
the executor output; both are messages of
https://github.com/kubeflow/pipelines/blob/master/api/v2alpha1/pipeline_spec.proto
"""

import functools
import inspect
import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, NoReturn, TypeVar

from common import signature
from common.artifacts import (
    FIGURES,
    HTML,
    Artifact,
    ClassificationMetrics,
    Dataset,
    Markdown,
    Metrics,
    Model,
    SlicedClassificationMetrics,
    as_published,
    to_publish,
)
from common.signature import REQUIRED, Input, InputPath, Output, OutputPath, Port
from common.status import PipelineTaskFinalStatus, as_told
from common.values import InputError, OutputError, fitted, plain, short

__all__ = [
    "HTML", "Artifact", "ClassificationMetrics", "Dataset", "Input", "InputError", "InputPath",
    "Markdown", "Metrics", "Model", "Output", "OutputPath", "PipelineTaskFinalStatus",
    "SlicedClassificationMetrics", "step",
]  # fmt: skip
R = TypeVar("R")


class Step(Generic[R]):
    """A function that is a program, too; whoever calls it may give paths for artifacts."""

    __name__: str

    def __init__(self, function: Callable[..., R]) -> None:
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> R:
        """Call the function."""
        call = inspect.signature(self.function).bind(*args, **kwargs)
        ports = {port.name: port for port in signature.ports(self.function)}
        passed = {name: ports[name].passed(value) for name, value in call.arguments.items()}
        return self.function(**passed)

    def main(self, argv: Sequence[str] | None = None) -> NoReturn:
        """Run the program; exits with 2 and a line for a wrong input, with 1 for a wrong output."""
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
        try:
            with ExitStack() as stack:
                self._run(sys.argv[1:] if argv is None else argv, stack)
        except (InputError, OutputError) as error:
            print(f"{self.__name__}: {' '.join(str(error).split())}", file=sys.stderr)
            sys.exit(2 if isinstance(error, InputError) else 1)
        sys.exit(0)

    def _run(self, argv: Sequence[str], stack: ExitStack) -> None:
        given, ports = signature.given(self.function, argv), signature.ports(self.function)
        inputs, outputs = given.get("inputs", {}), Outputs(given["outputs"], stack)
        arguments = {port.name: _input(port, inputs) for port in ports if port.way == "input"}
        files = {port.name: outputs.file(port) for port in ports if port.way == "output"}
        result = self.function(**arguments, **files)
        outputs.publish([port for port in ports if port.way == "returned"], result)


step = Step


class Outputs:
    """The outputs of one run: each is a draft until all of them are right."""

    def __init__(self, given: Mapping[str, Any], stack: ExitStack) -> None:
        self._given, self._stack = given, stack
        self._items = {
            **{key: {"uri": one["outputFile"]} for key, one in given.get("parameters", {}).items()},
            **{key: each["artifacts"][0] for key, each in given.get("artifacts", {}).items()},
        }
        self._files: dict[str, Artifact] = {}
        self._moves: dict[Path, Path] = {}  # from drafts to their places

    def file(self, port: Port) -> Any:
        """Return what the function gets for an output: an artifact to write, or the path of one."""
        key = self._key(port)
        file = self._files[key] = port.kind(port.name, self._items[key]["uri"])
        draft = self._draft(file.local_path)
        file.custom_path, file.draft = str(draft), f"{draft.parent.name}/"
        return port.passed(file)

    def publish(self, returned: Sequence[Port], result: object) -> None:
        """Put all outputs in their places; raises OutputError, and puts none, where one is wrong."""
        told: dict[str, dict[str, Any]] = {"parameterValues": {}, "artifacts": {}}
        for port, value in _pairs(returned, result):
            if port.is_file:
                self.file(port)
                _take(self._files[self._key(port)], value)
            else:
                told["parameterValues"][self._key(port)] = plain(port.name, value, port.kind)
        for key, file in self._files.items():
            self._settle(key, file)
            if key in self._given.get("artifacts", {}):
                about = {"name": file.name, "uri": file.uri, "metadata": to_publish(file)}
                told["artifacts"][key] = {"artifacts": [{**self._items[key], **about}]}
        self._tell(told)
        for draft, place in self._moves.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            draft.replace(place)

    def _settle(self, key: str, file: Artifact) -> None:
        """Have an output's file be where KFP looks for it; raises OutputError where there is none.

        It may be left at an address that the step has given it, where nobody looks.
        """
        source, uri, is_draft = Path(file.path), self._items[key]["uri"], file.draft in file.path
        is_elsewhere = "://" in file.uri and file.uri != uri
        is_figures = isinstance(file, FIGURES) and bool(file.metadata)
        if is_figures and not source.exists() and "outputFile" not in self._given:
            source.write_text(json.dumps(to_publish(file)), encoding="utf-8")
        if is_elsewhere and not file.custom_path:
            return
        if not source.exists() and (is_figures or (is_elsewhere and is_draft)):
            return
        if not source.exists():
            there = ", ".join(path.name for path in source.parent.iterdir()) if is_draft else ""
            beside = f"; KFP does not keep what is beside it: {there}" if there else ""
            raise OutputError(f"{key}: this output was never written{beside}")
        if not is_draft:
            file.uri = uri
            draft = self._draft(file.local_path)
            source = Path((shutil.copytree if source.is_dir() else shutil.copyfile)(source, draft))
        self._moves[source] = Path(file.local_path)

    def _tell(self, told: Mapping[str, Any]) -> None:
        """Write what KFP reads of all outputs; or the values alone, for people, or print those."""
        if "outputFile" in self._given:
            return self._write(self._given["outputFile"], told)
        printed = {}
        for key, value in told["parameterValues"].items():
            if path := self._items[key]["uri"]:
                self._write(path, value)
            else:
                printed[key] = value
        if printed:
            print(json.dumps(printed["Output"] if [*printed] == ["Output"] else printed))

    def _write(self, path: str, value: object) -> None:
        draft = self._draft(path)
        draft.write_text(json.dumps(value), encoding="utf-8")
        self._moves[draft] = Path(path)

    def _draft(self, place: str) -> Path:
        """Return where to write what belongs there: in a folder beside it, for this run alone."""
        path = Path(place).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = TemporaryDirectory(dir=path.parent, prefix=".draft-")
        return Path(self._stack.enter_context(folder), path.name)

    def _key(self, port: Port) -> str:
        """Return the name that KFP has for an output: of component.yaml's ``Output``, ``output``."""
        for key in (port.name, port.name.lower()):
            if key in self._items:
                return key
        raise OutputError(f"{port.name}: component.yaml has no such output: make component")


def _input(port: Port, inputs: Mapping[str, Any]) -> Any:
    """Return what the function gets for an input; raises InputError where it is missing or wrong."""
    section = inputs.get("artifacts" if port.is_file else "parameterValues", {})
    found = section.get(port.name, section.get(port.name.lower()))
    if port.is_file and found is not None:
        items = [as_published(port.kind, item) for item in found.get("artifacts", [])]
        found = items if port.is_list else next(iter(items), None)
    if found is None and port.default is REQUIRED:
        raise InputError(f"{port.name}: was not given")
    if found is None:
        return port.default
    if port.kind is PipelineTaskFinalStatus:
        return as_told(fitted(port.name, dict[str, Any], found, InputError))
    return port.passed(found) if port.is_file else fitted(port.name, port.kind, found, InputError)


def _pairs(returned: Sequence[Port], result: Any) -> Iterator[tuple[Port, Any]]:
    """Yield the outputs that a function returns, each with its value."""
    values = result if isinstance(result, tuple) else (result,) if returned else ()
    if len(values) != len(returned) or (result is not None and not returned):
        names = ", ".join(port.name for port in returned) or "nothing"
        raise OutputError(f"returned {short(result)}, where {names} is due")
    yield from zip(returned, values, strict=True)


def _take(file: Artifact, value: Any) -> None:
    """Make of an artifact that was returned the output; of another value its file, as text."""
    if not isinstance(value, Artifact):
        Path(file.path).write_text(str(value), encoding="utf-8")
        return
    file.name, file.metadata = value.name or file.name, value.metadata
    if value.path:
        file.uri, file.custom_path = value.uri, value.custom_path
