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
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, NoReturn, TypeVar

from common import dsl
from common.dsl import *  # noqa: F403  # with ``step``, all that a step imports
from common.signature import Port, given, ports_of
from common.values import InputError, OutputError, plain, short

__all__ = ["step"]
__all__ += dsl.__all__
R = TypeVar("R")


class step(Generic[R]):  # noqa: N801  # a decorator
    """A function that is a program, too; whoever calls it may give paths for artifacts."""

    __name__: str

    def __init__(self, function: Callable[..., R]) -> None:
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> R:
        """Call the function."""
        call = inspect.signature(self.function).bind(*args, **kwargs)
        ports = {port.name: port for port in ports_of(self.function)}
        passed = {name: ports[name].passed(value) for name, value in call.arguments.items()}
        return self.function(**passed)

    def main(self, argv: Sequence[str] | None = None) -> NoReturn:
        """Run the program; exits with 2 and a line for a wrong input, with 1 for a wrong output."""
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
        ports = ports_of(self.function)
        try:
            words = sys.argv[1:] if argv is None else argv
            inputs, outputs, told_in = given(self.function, ports, words)
            taken = {port.name: port.argument(inputs) for port in ports if port.way == "input"}
            with Outputs(outputs, told_in) as made:
                files = {port.name: made.file(port) for port in ports if port.way == "output"}
                result = self.function(**taken, **files)
                made.publish([port for port in ports if port.way == "returned"], result)
        except (InputError, OutputError) as error:
            print(f"{self.__name__}: {' '.join(str(error).split())}", file=sys.stderr)
            sys.exit(2 if isinstance(error, InputError) else 1)
        sys.exit(0)


class Outputs(ExitStack):
    """The outputs of one run: each is a draft until all of them are right."""

    def __init__(self, given: Mapping[str, Any], told_in: str) -> None:
        super().__init__()
        self._given, self._told_in = given, told_in
        self._files: dict[str, dsl.Artifact] = {}

    def file(self, port: Port) -> Any:
        """Return what the function gets for an output: an artifact to write, or the path of one."""
        key = self._key(port)
        return port.passed(self._draft(key, port.kind(port.name, self._given[key]["uri"])))

    def publish(self, returned: Sequence[Port], result: object) -> None:
        """Put all outputs in their places; raises OutputError, and puts none, where one is wrong."""
        values, artifacts = {}, {}
        for port, value in _pairs(returned, result):
            key = self._key(port)
            if port.is_file:
                self.file(port)
                _take(self._files[key], value)
                continue
            values[key] = plain(port.name, value, port.kind)
            if self._given[key] and not self._told_in:  # where a person wants it
                self._write(key, self._given[key]["uri"], values.pop(key))
        for key, file in self._files.items():
            item = {**self._given[key], **self._settled(key, file)}
            if "type" in item:  # a parameter's has none
                artifacts[key] = {"artifacts": [item]}
        if self._told_in:
            self._write("", self._told_in, {"parameterValues": values, "artifacts": artifacts})
        elif values:
            print(json.dumps(values["Output"] if [*values] == ["Output"] else values))
        for file in self._files.values():
            draft, place = Path(file.path), Path(file.local_path)
            if draft.exists() and draft != place:
                place.parent.mkdir(parents=True, exist_ok=True)
                draft.replace(place)

    def _settled(self, key: str, file: dsl.Artifact) -> dict[str, Any]:
        """Return what is told of an output; raises OutputError where it was never written."""
        source, metadata, uri = Path(file.path), dsl.to_publish(file), self._given[key]["uri"]
        is_draft, is_figures = dsl.DRAFT in file.path, isinstance(file, dsl.FIGURES) and metadata
        # At an address that the step has given it, where nobody looks.
        is_left = "://" in file.uri != uri and (is_draft or file.path == file.local_path)
        if is_figures and not self._told_in and not source.exists():
            source.write_text(json.dumps(metadata), encoding="utf-8")
        if not (source.exists() or is_figures or is_left):
            there = ", ".join(path.name for path in source.parent.glob("*")) if is_draft else ""
            beside = f"; KFP does not keep what is beside it: {there}" if there else ""
            raise OutputError(f"{key}: this output was never written{beside}")
        if source.exists() and not (is_draft or is_left):
            file.uri = uri
            copy = shutil.copytree if source.is_dir() else shutil.copyfile
            copy(source, self._draft(key, file).path)
        return {"name": file.name, "uri": file.uri, "metadata": metadata}

    def _write(self, key: str, place: str, value: object) -> None:
        draft = self._draft(key, dsl.Artifact(key, place))
        Path(draft.path).write_text(json.dumps(value), encoding="utf-8")

    def _draft(self, key: str, file: dsl.Artifact) -> dsl.Artifact:
        """Have a file be written to a folder beside its place, for this run alone."""
        path = Path(file.local_path).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = self.enter_context(TemporaryDirectory(dir=path.parent, prefix=dsl.DRAFT))
        file.custom_path = f"{folder}/{path.name}"
        self._files[key] = file
        return file

    def _key(self, port: Port) -> str:
        """Return the name that KFP has for an output: of component.yaml's ``Output``, ``output``."""
        for key in (port.name, port.name.lower()):
            if key in self._given:
                return key
        raise OutputError(f"{port.name}: component.yaml has no such output: make component")


def _pairs(returned: Sequence[Port], result: Any) -> Iterable[tuple[Port, Any]]:
    """Return the outputs that a function returns, each with its value."""
    values = result if isinstance(result, tuple) else (result,)
    if len(values) != len(returned) and (returned or result is not None):
        names = ", ".join(port.name for port in returned) or "nothing"
        raise OutputError(f"returned {short(result)}, where {names} is due")
    return zip(returned, values, strict=False)


def _take(file: dsl.Artifact, value: Any) -> None:
    """Make of an artifact that was returned the output; of another value its file, as text."""
    if not isinstance(value, dsl.Artifact):
        Path(file.path).write_text(str(value), encoding="utf-8")
        return
    file.name, file.metadata = value.name or file.name, value.metadata
    if value.path:
        file.uri, file.custom_path = value.uri, value.custom_path
