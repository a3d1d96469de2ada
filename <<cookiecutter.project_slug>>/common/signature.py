"""What a step's signature says: its inputs and outputs, and how a command line gives them."""

import argparse
import inspect
import os
import re
import sys
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn, TypeVar, get_args, get_origin

from common.artifacts import Artifact
from common.values import InputError, parse, without_none

T = TypeVar("T")
Input = Annotated[T, "input"]
Output = Annotated[T, "output"]
REQUIRED = inspect.Parameter.empty
NAMED: Mapping[str, Any] = {  # what OutputPath("Integer") and InputPath("Dataset") may name
    "string": str, "str": str, "text": str, "integer": int, "int": int, "double": float,
    "float": float, "boolean": bool, "bool": bool, "list": list, "jsonarray": list, "dict": dict,
    "jsonobject": dict, **{kind.__name__.lower(): kind for kind in Artifact.__subclasses__()},
}  # fmt: skip


class InputPath:
    """An input artifact, of which a step gets the path: ``InputPath("Dataset")``."""

    def __init__(self, type: Any = "Artifact") -> None:
        self.kind = NAMED.get(type.lower(), Artifact) if isinstance(type, str) else type


class OutputPath(InputPath):
    """An output, of which a step gets the path to write it to: ``OutputPath(str)``."""


class Port(NamedTuple):
    """An input or an output."""

    name: str
    kind: Any  # a class of artifacts, or the type of a parameter
    is_output: bool = False
    is_list: bool = False  # of artifacts
    is_path: bool = False  # is all that the function gets of it
    default: Any = REQUIRED

    @property
    def is_artifact(self) -> bool:
        """Tell whether it is an artifact, or a list of them, and no parameter."""
        return isinstance(self.kind, type) and issubclass(self.kind, Artifact)

    def key(self, names: Container[str]) -> str:
        """Return its key among those that KFP gives: the name, or what KFP makes of it."""
        return self.name if self.name in names else key_of(self.name)

    def given(self, value: Any) -> Any:
        """Return what the function gets for an artifact, the path of one, or a list of them."""
        if self.is_list and value is not None:
            return [self._replace(is_list=False).given(item) for item in value]
        if self.is_artifact and isinstance(value, (str, os.PathLike)):
            value = self.kind(self.name, os.fspath(value))
        if self.is_output:
            Path(getattr(value, "path", value)).parent.mkdir(parents=True, exist_ok=True)
        return value.path if self.is_path and isinstance(value, Artifact) else value


def key_of(name: str) -> str:
    """Return what KFP makes of a name in component.yaml (``kfp.dsl.utils.sanitize_input_name``)."""
    return re.sub("[^_0-9a-z]+", "_", name.lower()).strip("_")


class Signature:
    """The inputs and outputs of a function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        found = inspect.signature(function, eval_str=True)
        kind = found.return_annotation
        self.is_tuple = hasattr(kind, "_fields")  # of several outputs
        kinds = inspect.get_annotations(kind, eval_str=True) if self.is_tuple else {"Output": kind}
        kinds = {} if kind in (None, REQUIRED) else kinds
        self.arguments = [_port(p.name, p.annotation, p.default) for p in found.parameters.values()]
        self.returned = [_port(name, Annotated[kind, "output"]) for name, kind in kinds.items()]
        self.ports = [*self.arguments, *self.returned]


def executor_input(
    function: Callable[..., Any], ports: Sequence[Port], argv: Sequence[str]
) -> dict[str, Any]:
    """Return KFP's executor input from a command line, or one like it, made of a person's flags."""
    by_kfp = any(word.startswith("--executor-input") for word in argv)
    texts = [sys.modules[function.__module__].__doc__, inspect.getdoc(function)]
    parser = _Parser(
        prog=function.__name__,
        description="\n\n".join(text.strip() for text in texts if text),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        conflict_handler="resolve",  # a step may have an input called help
    )
    parser.add_argument("--executor-input", metavar="JSON", help="all of these at once, from KFP")
    for port in ports:
        is_needed = port.is_artifact or port.is_path if port.is_output else port.default is REQUIRED
        parser.add_argument(
            "--output" if port.name == "Output" else f"--{port.name.replace('_', '-')}",
            dest=port.name,
            metavar="PATH" if port.is_artifact or port.is_output else "VALUE",
            nargs="*" if port.is_list else None,
            required=is_needed and not by_kfp,
            help=_help(port),
        )
    given = vars(parser.parse_args(argv))
    if not by_kfp:
        return _made([(port, given[port.name]) for port in ports if given[port.name] is not None])
    found = parse("--executor-input", given["executor_input"])
    if not isinstance(found, dict):
        raise InputError(f"--executor-input: not a JSON object: {found}")
    outputs = {"artifacts": {}, "parameters": {}, **found.get("outputs", {})}
    return {"inputs": {}, **found, "outputs": outputs}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(message.removeprefix("argument "))


def _help(port: Port) -> str:
    kind = getattr(port.kind, "__name__", str(port.kind))
    if port.is_artifact:
        return f"{kind}: where {'to write' if port.is_output else 'to read'} it"
    if port.is_output:
        return f"{kind}: a file for it, as JSON; without one it is printed"
    return kind if port.default is REQUIRED else f"{kind}: {port.default!r} unless given"


def _made(given: Sequence[tuple[Port, Any]]) -> dict[str, Any]:
    inputs: dict[str, Any] = {"parameterValues": {}, "artifacts": {}}
    outputs: dict[str, Any] = {"parameters": {}, "artifacts": {}}
    for port, text in given:
        if port.is_artifact:
            items = [_item(port, each) for each in (text if port.is_list else [text])]
            (outputs if port.is_output else inputs)["artifacts"][port.name] = {"artifacts": items}
        elif port.is_output:
            outputs["parameters"][port.name] = {"outputFile": text}
        else:
            text = text.lower() if port.kind is bool else text
            value = text if port.kind is str else parse(port.name, text)
            inputs["parameterValues"][port.name] = value
    return {"inputs": inputs, "outputs": outputs}


def _item(port: Port, text: str) -> dict[str, Any]:
    path = Path(text).absolute()
    if port.is_output:
        if path.is_dir():
            raise InputError(f"{port.name}: {text} is a folder: remove it, or give another path")
        return {"name": port.name, "uri": str(path)}
    if not path.exists():
        raise InputError(f"{port.name}: there is no {text}")
    metadata = {} if port.kind.has_file else parse(port.name, path.read_text(encoding="utf-8"))
    return {"name": path.name, "uri": str(path), "metadata": metadata}


def _port(name: str, annotation: Any, default: Any = REQUIRED) -> Port:
    kind, is_optional = without_none(annotation)
    default = None if is_optional and default is REQUIRED else default
    (mark,) = getattr(kind, "__metadata__", ("",))
    kind = kind.__origin__ if mark else kind
    if isinstance(kind, InputPath):
        return Port(name, kind.kind, isinstance(kind, OutputPath), is_path=True, default=default)
    port = Port(name, (*get_args(kind), None)[0], is_list=get_origin(kind) is list)
    kind = port.kind if port.is_list and port.is_artifact else kind
    return Port(name, kind, mark == "output", kind is port.kind, default=default)
