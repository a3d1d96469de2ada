"""What a step's function says of its inputs and outputs, and what KFP or a person gives for them."""

import argparse
import inspect
import json
import os
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn, get_args, get_origin

from common.dsl import FIGURES, Artifact, InputPath, OutputPath, PipelineTaskFinalStatus
from common.values import InputError, fitted, without_none

REQUIRED = inspect.Parameter.empty
FROM_KFP = "--executor-input"


class Port(NamedTuple):
    """An input or an output."""

    name: str
    kind: Any  # a class of artifacts, or the type of a parameter
    way: str = "input"  # or output, or returned
    is_list: bool = False  # of artifacts
    is_path: bool = False  # is all that the function gets
    default: Any = REQUIRED

    @property
    def is_file(self) -> bool:
        """Tell whether it is an artifact, or a list of them, or a path, and not a value."""
        return isinstance(self.kind, type) and issubclass(self.kind, Artifact)

    def passed(self, value: Any) -> Any:
        """Return what the function gets for an artifact, a path to one, or what KFP tells of one."""
        if not self.is_file or value is None:
            return value
        if isinstance(value, list):  # KFP has a list of each
            found = [self.passed(item) for item in value]
            return found if self.is_list else next(iter(found), None)
        if isinstance(value, dict):
            value = self.kind.from_kfp(value)
        elif isinstance(value, (str, os.PathLike)):
            value = self.kind(self.name, os.fspath(value))
        if self.way == "output":
            Path(value.path).parent.mkdir(parents=True, exist_ok=True)
        return value.path if self.is_path else value

    def argument(self, given: Mapping[str, Any]) -> Any:
        """Return what the function gets for an input; raises InputError where it is missing or wrong."""
        found = self.passed(given.get(self.name, given.get(self.name.lower())))
        if found is None and self.default is REQUIRED:
            raise InputError(f"{self.name}: was not given")
        if found is None or self.is_file:
            return self.default if found is None else found
        if self.kind is PipelineTaskFinalStatus:
            return self.kind.from_kfp(fitted(self.name, dict, found, InputError))
        return fitted(self.name, self.kind, found, InputError)

    def artifact(self, text: str) -> dict[str, Any]:
        """Return what KFP would tell of what is at a path, which a person gives."""
        path, is_input = Path(text).absolute(), self.way == "input"
        if is_input and not path.exists():
            raise InputError(f"there is no {text}")
        if not is_input and path.is_dir():
            raise InputError(f"{text} is a folder: remove it, or give another path")
        is_read = is_input and issubclass(self.kind, FIGURES)
        metadata = json.loads(path.read_text(encoding="utf-8")) if is_read else {}
        return {"name": path.name, "uri": str(path), "metadata": metadata}


def ports_of(function: Callable[..., Any]) -> list[Port]:
    """Return a function's inputs and outputs, those last that it returns."""
    found = inspect.signature(function, eval_str=True)
    result = found.return_annotation
    is_tuple = hasattr(result, "_fields")
    kinds = typing.get_type_hints(result) if is_tuple else {"Output": result}
    return [
        *(_port(each.name, each.annotation, each.default) for each in found.parameters.values()),
        *(Port(*each, "returned") for each in kinds.items() if result not in (None, REQUIRED)),
    ]


def _port(name: str, annotation: Any, default: Any) -> Port:
    kind, is_optional = without_none(annotation)
    default = None if is_optional and default is REQUIRED else default
    if isinstance(kind, InputPath):
        way = "output" if isinstance(kind, OutputPath) else "input"
        return Port(name, Artifact, way, is_path=True, default=default)
    kind, way = get_args(kind) if get_origin(kind) is Annotated else (kind, "input")
    inner = Port(name, (*get_args(kind), None)[0])
    is_list = get_origin(kind) is list and inner.is_file
    return Port(name, inner.kind if is_list else kind, way, is_list, default=default)


def given(
    function: Callable[..., Any], ports: Sequence[Port], argv: Sequence[str]
) -> tuple[Mapping[str, Any], Mapping[str, Any], str]:
    """Return what is given of inputs and outputs, as KFP tells of them, and where to publish."""
    by_kfp = any(word.startswith(FROM_KFP) for word in argv)
    texts = [sys.modules[function.__module__].__doc__, inspect.getdoc(function)]
    parser = _Parser(
        prog=function.__name__,
        description="\n\n".join(text.strip() for text in texts if text),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        conflict_handler="resolve",  # a step may have an input called help
    )
    parser.register("type", "JSON", json.loads)
    parser.register("type", bool, lambda text: json.loads(text.lower()))
    parser.register("type", "JSON object", lambda text: {**json.loads(text)})
    parser.add_argument(FROM_KFP, type="JSON object", metavar="JSON", help="all of this, from KFP")
    for port in () if by_kfp else ports:
        _add(parser, port)
    flags = vars(parser.parse_args(argv))
    if not by_kfp:
        return flags, flags, ""
    inputs, outputs = (flags["executor_input"].get(side, {}) for side in ("inputs", "outputs"))
    items = {key: each["artifacts"] for key, each in inputs.get("artifacts", {}).items()}
    places = {key: {"uri": one["outputFile"]} for key, one in outputs.get("parameters", {}).items()}
    files = {key: each["artifacts"][0] for key, each in outputs.get("artifacts", {}).items()}
    return inputs.get("parameterValues", {}) | items, places | files, outputs["outputFile"]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(message.removeprefix("argument "))


def _add(parser: argparse.ArgumentParser, port: Port) -> None:
    is_printed = port.way == "returned" and not port.is_file
    is_path, has_default = port.is_file or is_printed, port.default is not REQUIRED
    note = f", {port.default!r} unless given" if has_default else ""
    if port.way != "input":
        note = ", printed unless given" if is_printed else ", to be written"
    kind = port.kind if port.kind in (str, int, float, bool) else "JSON"
    parser.add_argument(
        "--output" if port.name == "Output" else f"--{port.name.replace('_', '-')}",
        dest=port.name,
        type=port.artifact if is_path else kind,
        metavar="PATH" if is_path else "VALUE",
        nargs="*" if port.is_list else None,
        required=not has_default and not is_printed,
        help=f"{getattr(port.kind, '__name__', port.kind)}{note}".replace("%", "%%"),
    )
