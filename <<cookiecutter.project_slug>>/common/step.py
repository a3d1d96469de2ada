"""A step is a typed function: ``@step`` makes a program of it, for KFP and for people.

KFP gives a program one JSON text, the executor input, and reads what it published from one file,
the executor output; both are messages of
https://github.com/kubeflow/pipelines/blob/master/api/v2alpha1/pipeline_spec.proto
"""

import functools
import inspect
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar, overload

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
P = ParamSpec("P")
R = TypeVar("R")


class Step(Generic[P, R]):
    """A function that is a program, too; whoever calls it may give paths for artifacts."""

    __name__: str

    def __init__(self, function: Callable[P, R]) -> None:
        functools.update_wrapper(self, function)
        self.function: Callable[..., R] = function

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def __call__(self, *args: Any, **kwargs: Any) -> R: ...
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
        self._drafts: list[Artifact] = []
        self._files: dict[Port, Artifact] = {}

    def file(self, port: Port) -> Any:
        """Return what the function gets for an output: an artifact to write, or the path of one."""
        _, _, item = self._find(port)
        self._files[port] = self._draft(port.kind(port.name, item.get("uri") or item["outputFile"]))
        return port.passed(self._files[port])

    def publish(self, returned: Sequence[Port], result: object) -> None:
        """Put all outputs in their places; raises OutputError, and puts none, where one is wrong."""
        told: dict[str, dict[str, Any]] = {"parameterValues": {}, "artifacts": {}}
        for port, value in _pairs(returned, result):
            if port.is_file:
                self.file(port)
                _take(self._files[port], value)
            else:
                value = fitted(port.name, port.kind, plain(port.name, value), OutputError)
                told["parameterValues"][self._find(port)[1]] = value
        for port, file in self._files.items():
            section, key, item = self._find(port)
            _settle(port.name, file, item.get("uri") or item["outputFile"])
            if section == "artifacts":
                about = {"name": file.name, "uri": file.uri, "metadata": to_publish(file)}
                told["artifacts"][key] = {"artifacts": [{**item, **about}]}
        self._tell(told)
        for draft in self._drafts:
            if Path(draft.path).exists() and draft.path.startswith(draft.draft):
                os.replace(draft.path, draft.local_path)

    def _tell(self, told: Mapping[str, Any]) -> None:
        """Write what KFP reads of all outputs; or what people do, who see other values printed."""
        if "outputFile" in self._given:
            _write(self._draft(Artifact(uri=self._given["outputFile"])), told)
            return
        printed = {}
        for name, value in told["parameterValues"].items():
            if path := self._given["parameters"][name]["outputFile"]:
                _write(self._draft(Artifact(uri=path)), value)
            else:
                printed[name] = value
        for file in self._files.values():
            if isinstance(file, FIGURES) and not Path(file.path).exists():
                _write(file, file.metadata)
        if printed:
            print(json.dumps(printed["Output"] if [*printed] == ["Output"] else printed))

    def _draft(self, artifact: Artifact) -> Artifact:
        """Have an artifact written to a folder in the one where it belongs."""
        home = Path(artifact.local_path).absolute().parent
        home.mkdir(parents=True, exist_ok=True)
        folder = self._stack.enter_context(TemporaryDirectory(dir=home, prefix=".draft-"))
        artifact.home, artifact.draft = f"{home}/", f"{folder}/"
        self._drafts.append(artifact)
        return artifact

    def _find(self, port: Port) -> tuple[str, str, dict[str, Any]]:
        """Return where in what was given an output is, its key there, and what is said of it."""
        for section in ("artifacts", "parameters"):
            found = self._given.get(section, {})
            for key in {port.name, port.name.lower()} & found.keys():
                items = found[key].get("artifacts", [found[key]])
                return section, key, items[0]
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
    if isinstance(value, Artifact):
        file.name, file.metadata = value.name or file.name, value.metadata
        file.uri, file.custom_path = value.uri or file.uri, value.custom_path
    else:
        Path(file.path).write_text(str(value), encoding="utf-8")


def _settle(name: str, file: Artifact, uri: str) -> None:
    """Have an output's file be where KFP looks for it; raises OutputError where it was never written.

    It may be left at an address that the step has given it, where nobody looks.
    """
    is_draft = not file.custom_path and file.path.startswith(file.draft)
    if not is_draft and "://" in file.uri and not file.custom_path:
        return
    source = Path(file.path)
    if not source.exists() and not (isinstance(file, FIGURES) and file.metadata):
        there = ", ".join(path.name for path in Path(file.draft).iterdir())
        beside = f"; KFP does not keep what is beside it: {there}" if there else ""
        raise OutputError(f"{name}: this output was never written{beside}")
    if not is_draft:
        file.uri, file.custom_path = uri, ""
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, file.path)


def _write(draft: Artifact, value: object) -> None:
    Path(draft.path).write_text(json.dumps(value), encoding="utf-8")
