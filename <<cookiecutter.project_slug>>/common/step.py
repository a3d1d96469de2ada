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
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar, overload

from common.artifacts import (
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
from common.signature import (
    REQUIRED,
    Input,
    InputPath,
    Output,
    OutputPath,
    Port,
    Signature,
    executor_input,
    key_of,
)
from common.values import InputError, OutputError, fitted, parse, plain, short

__all__ = [
    "HTML", "Artifact", "ClassificationMetrics", "Dataset", "Input", "InputError", "InputPath",
    "Markdown", "Metrics", "Model", "Output", "OutputPath", "SlicedClassificationMetrics", "step",
]  # fmt: skip
P = ParamSpec("P")
R = TypeVar("R")


class Step(Generic[P, R]):
    """A function that is a program, too; whoever calls it may give paths for artifacts."""

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
        ports = {port.name: port for port in Signature(self.function).arguments}
        given = {name: ports[name].given(value) for name, value in call.arguments.items()}
        return self.function(**given)

    def main(self, argv: Sequence[str] | None = None) -> NoReturn:
        """Run the program; exits with status 2 and a line for a wrong input, with 1 for an output."""
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
        try:
            with ExitStack() as stack:
                self._run(sys.argv[1:] if argv is None else argv, stack)
        except (InputError, OutputError) as error:
            print(f"{self.function.__name__}: {' '.join(str(error).split())}", file=sys.stderr)
            sys.exit(2 if isinstance(error, InputError) else 1)
        sys.exit(0)

    def _run(self, argv: Sequence[str], drafts: ExitStack) -> None:
        signature = Signature(self.function)
        given = executor_input(self.function, signature.ports, argv)
        _check_names(signature, given)
        outputs = Outputs(signature, given["outputs"], drafts)
        arguments = {
            port.name: outputs.argument(port) if port.is_output else _input(port, given["inputs"])
            for port in signature.arguments
        }
        outputs.publish(self.function(**arguments))


step = Step


class Outputs:
    """The outputs of one run: files have drafts until all that is published is right."""

    def __init__(self, signature: Signature, given: Mapping[str, Any], drafts: ExitStack) -> None:
        self._signature, self._given, self._stack = signature, given, drafts
        files = [p for p in signature.ports if p.is_output and (p.is_artifact or p.is_path)]
        self._drafts = {port: self._draft(port) for port in files}

    def argument(self, port: Port) -> Any:
        """Return what the function gets for an output: an artifact, or a path."""
        return self._drafts[port].path if port.is_path else self._drafts[port]

    def publish(self, result: object) -> None:
        """Put all outputs in their places; raises OutputError, and puts none, where one is wrong."""
        values: dict[str, Any] = {}
        for port, value in self._returned(result):
            if port.is_artifact:
                self._take(self._drafts[port], value)
            else:
                value = fitted(port.name, port.kind, plain(port.name, value), OutputError)
                values[port.key(self._given["parameters"])] = value
        artifacts = {
            port.key(self._given["artifacts"]): {"artifacts": [self._finished(port, draft)]}
            for port, draft in self._drafts.items()
            if port.is_artifact or self._check(port, draft)
        }
        by_kfp = "outputFile" in self._given
        for draft in self._drafts.values():
            if draft.is_written:
                os.replace(draft.path, draft.local_path)
            elif not by_kfp:
                _write(Path(draft.local_path), draft.metadata)
        if by_kfp:
            told = {"parameterValues": values, "artifacts": artifacts}
            _write(Path(self._given["outputFile"]), told)
        else:
            self._tell(values)

    def _draft(self, port: Port) -> Artifact:
        kind = port.kind if port.is_artifact else Artifact
        draft: Artifact = kind(
            port.name, self._item(port)["uri" if port.is_artifact else "outputFile"]
        )
        home = Path(draft.local_path).parent
        home.mkdir(parents=True, exist_ok=True)
        folder = self._stack.enter_context(TemporaryDirectory(dir=home, prefix=".draft-"))
        draft.home, draft.draft = f"{home}/", f"{folder}/"
        return draft

    def _item(self, port: Port) -> dict[str, Any]:
        """Return what was given of an output."""
        section = self._given["artifacts" if port.is_artifact else "parameters"]
        found: dict[str, Any] = section[port.key(section)]
        return found["artifacts"][0] if port.is_artifact else found

    def _returned(self, result: Any) -> list[tuple[Port, Any]]:
        """Return the outputs that the function returns, with their values."""
        ports = self._signature.returned
        values = result if self._signature.is_tuple else [result][: len(ports)]
        if (
            not isinstance(values, (tuple, list))
            or len(values) != len(ports)
            or (not ports and result is not None)
        ):
            names = ", ".join(port.name for port in ports) or "nothing"
            raise OutputError(f"returned {short(result)}, where {names} is due")
        return list(zip(ports, values, strict=True))

    def _take(self, draft: Artifact, value: Any) -> None:
        """Make of a returned artifact the output; of another value its file, as text."""
        if isinstance(value, Artifact):
            draft.metadata, draft.name = value.metadata, value.name or draft.name
            draft.uri, draft.custom_path = value.uri or draft.uri, value.custom_path
        else:
            Path(draft.path).write_text(str(value), encoding="utf-8")

    def _finished(self, port: Port, draft: Artifact) -> dict[str, Any]:
        """Return what KFP is told of an artifact; raises OutputError if it is not right."""
        item, is_draft = self._item(port), draft.path.startswith(draft.draft)
        is_remote = "://" in draft.uri and not draft.custom_path
        if (
            not Path(draft.path).exists()
            and (is_draft or not is_remote)
            and (draft.has_file or not draft.metadata)
        ):
            there = ", ".join(path.name for path in Path(draft.draft).iterdir())
            beside = f"; what is beside its path is not kept: {there}" if there else ""
            raise OutputError(f"{port.name}: this output was never written{beside}")
        if not is_draft and not is_remote:
            source = Path(draft.path)
            draft.uri, draft.custom_path = item["uri"], ""
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, draft.path)
        return {**item, "name": draft.name, "uri": draft.uri, "metadata": to_publish(draft)}

    def _check(self, port: Port, draft: Artifact) -> bool:
        if not Path(draft.path).exists():
            raise OutputError(f"{port.name}: this output was never written")
        text = Path(draft.path).read_text(encoding="utf-8")
        value = text if port.kind is str else parse(port.name, text, OutputError)
        fitted(port.name, port.kind, plain(port.name, value), OutputError)
        return False

    def _tell(self, values: Mapping[str, Any]) -> None:
        """Give a person the values: in the files that flags name, the others on stdout."""
        files = self._given["parameters"]
        printed = {name: value for name, value in values.items() if name not in files}
        for name in values.keys() & files.keys():
            _write(Path(files[name]["outputFile"]), values[name])
        if printed:
            print(json.dumps(printed["Output"] if [*printed] == ["Output"] else printed))


def _input(port: Port, inputs: Mapping[str, Any]) -> Any:
    """Return what the function gets for an input; raises InputError where it is missing or wrong."""
    section = inputs.get("artifacts" if port.is_artifact else "parameterValues", {})
    found = section.get(port.key(section))
    if port.is_artifact and found is not None:
        items = [as_published(port.kind, item) for item in found.get("artifacts", [])]
        found = items if port.is_list else next(iter(items), None)
    if found is None and port.default is REQUIRED:
        raise InputError(f"{port.name}: was not given")
    if found is None:
        return port.default
    return (
        port.given(found) if port.is_artifact else fitted(port.name, port.kind, found, InputError)
    )


def _check_names(signature: Signature, given: Mapping[str, Any]) -> None:
    """Raise InputError where component.yaml declares other inputs and outputs than the function."""
    for way in ("inputs", "outputs"):
        sections = [section for section in given[way].values() if isinstance(section, dict)]
        told = {key_of(name) for section in sections for name in section} - {"executor_logs"}
        known = {key_of(p.name) for p in signature.ports if p.is_output == (way == "outputs")}
        others = told - known if way == "inputs" else told ^ known
        if others and "outputFile" in given["outputs"]:
            cure = "not in both main.py and component.yaml: make component"
            raise InputError(f"{', '.join(sorted(others))}: {cure}")


def _write(path: Path, value: object) -> None:
    """Write a value as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=".draft-") as folder:
        part = Path(folder, path.name)
        part.write_text(json.dumps(value), encoding="utf-8")
        os.replace(part, path)
