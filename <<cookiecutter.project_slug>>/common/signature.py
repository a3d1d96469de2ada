"""What a step's function says of its inputs and outputs, and how a command line gives them."""

import argparse
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn, TypeVar, get_args, get_origin

from common.artifacts import FIGURES, Artifact
from common.values import InputError, parse, short, without_none

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
    way: str = "input"
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


def ports(function: Callable[..., Any]) -> list[Port]:
    """Return a function's inputs and outputs, those last that it returns."""
    found = inspect.signature(function, eval_str=True)
    result = found.return_annotation
    is_tuple = hasattr(result, "_fields")
    kinds = inspect.get_annotations(result, eval_str=True) if is_tuple else {"Output": result}
    kinds = {} if result in (None, REQUIRED) else kinds
    return [
        *(_port(each.name, each.annotation, each.default) for each in found.parameters.values()),
        *(Port(name, kind, "returned") for name, kind in kinds.items()),
    ]


def given(function: Callable[..., Any], argv: Sequence[str]) -> dict[str, Any]:
    """Return the executor input that KFP gives, or one like it, made of a person's flags."""
    by_kfp = any(word.startswith(FROM_KFP) for word in argv)
    texts = [sys.modules[function.__module__].__doc__, inspect.getdoc(function)]
    parser = _Parser(
        prog=function.__name__,
        description="\n\n".join(text.strip() for text in texts if text),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        conflict_handler="resolve",  # a step may have an input called help
    )
    parser.add_argument(FROM_KFP, metavar="JSON", help="all of this, from KFP")
    for port in ports(function):
        is_printed = port.way == "returned" and not port.is_file
        parser.add_argument(
            "--output" if port.name == "Output" else f"--{port.name.replace('_', '-')}",
            dest=port.name,
            metavar="PATH" if port.is_file or is_printed else "VALUE",
            nargs="*" if port.is_list else None,
            required=port.default is REQUIRED and not is_printed and not by_kfp,
            help=_help(port, is_printed),
        )
    flags = vars(parser.parse_args(argv))
    found = parse(FROM_KFP, flags["executor_input"]) if by_kfp else _made(function, flags)
    if not isinstance(found, dict):
        raise InputError(f"{FROM_KFP}: not a JSON object: {short(found)}")
    return found


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(message.removeprefix("argument "))


def _help(port: Port, is_printed: bool) -> str:
    kind = getattr(port.kind, "__name__", "") or str(port.kind)
    default = "" if port.default is REQUIRED else f", {port.default!r} unless given"
    written = ", printed unless given" if is_printed else ", to be written"
    return f"{kind}{default if port.way == 'input' else written}".replace("%", "%%")


def _made(function: Callable[..., Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    inputs: dict[str, Any] = {"parameterValues": {}, "artifacts": {}}
    outputs: dict[str, Any] = {"parameters": {}, "artifacts": {}}
    for port in ports(function):
        text = flags[port.name]
        if port.way == "returned" and not port.is_file:
            path = text and str(Path(text).absolute())
            outputs["parameters"][port.name] = {"outputFile": path}
        elif text is None:
            continue
        elif port.is_file:
            items = [_item(port, each) for each in (text if port.is_list else [text])]
            (inputs if port.way == "input" else outputs)["artifacts"][port.name] = {
                "artifacts": items
            }
        else:
            inputs["parameterValues"][port.name] = _value(port, text)
    return {"inputs": inputs, "outputs": outputs}


def _value(port: Port, text: str) -> Any:
    if port.kind in (int, float, bool):
        with suppress(InputError):  # of another type: whoever takes the value says so
            return parse(port.name, text.lower())
    return text if port.kind in (str, int, float, bool) else parse(port.name, text)


def _item(port: Port, text: str) -> dict[str, Any]:
    path = Path(text).absolute()
    if port.way != "input" and path.is_dir():
        raise InputError(f"{port.name}: {text} is a folder: remove it, or give another path")
    if port.way == "input" and not path.exists():
        raise InputError(f"{port.name}: there is no {text}")
    is_figures = port.way == "input" and issubclass(port.kind, FIGURES)
    metadata = parse(port.name, path.read_text(encoding="utf-8")) if is_figures else {}
    return {"name": path.name, "uri": str(path), "metadata": metadata}


def _port(name: str, annotation: Any, default: Any) -> Port:
    kind, is_optional = without_none(annotation)
    default = None if is_optional and default is REQUIRED else default
    if isinstance(kind, InputPath):
        way = "output" if isinstance(kind, OutputPath) else "input"
        return Port(name, Artifact, way, is_path=True, default=default)
    way = getattr(kind, "__metadata__", ("input",))[0]
    kind = getattr(kind, "__origin__", kind) if hasattr(kind, "__metadata__") else kind
    inner = Port(name, (*get_args(kind), None)[0])
    is_list = get_origin(kind) is list and inner.is_file
    return Port(name, inner.kind if is_list else kind, way, is_list, default=default)
