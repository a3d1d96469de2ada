"""What a step's function says of its inputs and outputs, and how a command line gives them."""

import argparse
import inspect
import json
import os
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn, TypeVar, get_args, get_origin

from common.artifacts import FIGURES, Artifact
from common.values import InputError, without_none

T = TypeVar("T")
Input = Annotated[T, "input"]
Output = Annotated[T, "output"]
REQUIRED = inspect.Parameter.empty
FROM_KFP = "--executor-input"


class InputPath:
    """An input artifact, of which a step gets the path: ``InputPath("Dataset")``."""

    def __init__(self, type: Any = None) -> None:
        self.type = type  # for component.yaml alone


class OutputPath(InputPath):
    """An output, of which a step gets the path to write it to: ``OutputPath(str)``."""


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
        """Return what the function gets for an artifact, a path to one, or a list of them."""
        if self.is_list and isinstance(value, list):
            return [self._replace(is_list=False).passed(item) for item in value]
        if self.is_file and isinstance(value, (str, os.PathLike)):
            value = self.kind(self.name, os.fspath(value))
        if self.way == "output":
            Path(value.path).parent.mkdir(parents=True, exist_ok=True)
        return value.path if self.is_path and value is not None else value

    def artifact(self, text: str) -> dict[str, Any]:
        """Return what KFP would tell of an artifact, of which a person gives the path."""
        path, is_input = Path(text).absolute(), self.way == "input"
        if is_input and not path.exists():
            raise InputError(f"there is no {text}")
        if not is_input and path.is_dir():
            raise InputError(f"{text} is a folder: remove it, or give another path")
        is_read = is_input and issubclass(self.kind, FIGURES)
        metadata = json.loads(path.read_text(encoding="utf-8")) if is_read else {}
        return {"name": path.name, "uri": str(path), "metadata": metadata}


def ports(function: Callable[..., Any]) -> list[Port]:
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


def given(function: Callable[..., Any], argv: Sequence[str]) -> dict[str, Any]:
    """Return the executor input that KFP gives, or one like it, made of a person's flags."""
    by_kfp, found = any(word.startswith(FROM_KFP) for word in argv), ports(function)
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
    parser.add_argument(FROM_KFP, type="JSON", metavar="JSON", help="all of this, from KFP")
    for port in found:
        _add(parser, port, is_needed=not by_kfp)
    flags = vars(parser.parse_args(argv))
    if by_kfp and not isinstance(flags["executor_input"], dict):
        parser.error(f"{FROM_KFP}: not a JSON object")
    return flags["executor_input"] if by_kfp else _executor_input(found, flags)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(message.removeprefix("argument "))


def _add(parser: argparse.ArgumentParser, port: Port, is_needed: bool) -> None:
    is_value, is_given = port.way == "returned" and not port.is_file, port.default is not REQUIRED
    kind = port.kind if port.kind in (str, int, float, bool) else "JSON"
    note = f", {port.default!r} unless given" if is_given else ""
    if port.way != "input":
        note = ", printed unless given" if is_value else ", to be written"
    parser.add_argument(
        "--output" if port.name == "Output" else f"--{port.name.replace('_', '-')}",
        dest=port.name,
        type=port.artifact if port.is_file else os.path.abspath if is_value else kind,
        metavar="PATH" if port.is_file or is_value else "VALUE",
        nargs="*" if port.is_list else None,
        required=is_needed and not is_given and not is_value,
        help=f"{getattr(port.kind, '__name__', port.kind)}{note}".replace("%", "%%"),
    )


def _executor_input(found: Sequence[Port], flags: Mapping[str, Any]) -> dict[str, Any]:
    inputs: dict[str, Any] = {"parameterValues": {}, "artifacts": {}}
    outputs: dict[str, Any] = {"parameters": {}, "artifacts": {}}
    for port in found:
        value, side = flags[port.name], inputs if port.way == "input" else outputs
        if port.way == "returned" and not port.is_file:
            outputs["parameters"][port.name] = {"outputFile": value}
        elif port.is_file and value is not None:
            side["artifacts"][port.name] = {"artifacts": value if port.is_list else [value]}
        elif value is not None:
            inputs["parameterValues"][port.name] = value
    return {"inputs": inputs, "outputs": outputs}
