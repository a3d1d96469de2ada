"""Reads pipeline parameters and checks them against the compiled pipeline."""

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ops.errors import OpsError
from ops.names import shown
from ops.steps import read_yaml

# What ``componentInputParameter`` types are called, and what a value must be.
# https://github.com/kubeflow/pipelines/blob/master/api/v2alpha1/pipeline_spec.proto
TYPES: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "STRING": ("text", (str,)),
    "NUMBER_INTEGER": ("a whole number", (int,)),
    "NUMBER_DOUBLE": ("a number", (int, float)),
    "BOOLEAN": ("true or false", (bool,)),
    "LIST": ("a JSON list", (list,)),
    "STRUCT": ("a JSON object", (dict,)),
}
MAX_SUBMITTED = 100_000  # bytes; leaves room for what KFP wraps around them
MAX_DEPTH = 100  # of lists and objects in each other in a YAML file
MAX_UNFOLDED = 10_000  # more values than are written, through aliases
MAX_BITS = 4096  # no double has more than 1024; Python refuses to print much longer ones
EXACT = 2**53  # KFP carries every number in a JSON value as a double


def read_parameters(package: Path, params_file: Path, assignments: Sequence[str]) -> dict[str, Any]:
    """Return the parameters for a compiled pipeline, checked.

    ``params_file`` is a YAML mapping, ``assignments`` are ``name=value``; they win.
    Values of other types than text are JSON. Raises OpsError (2) for an unreadable
    file, an unknown or missing parameter, and a value of the wrong type.
    """
    declared = declared_parameters(package)
    values = {key: (value, params_file.name) for key, value in _read_file(params_file).items()}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name:
            raise OpsError(f"-p {shown(assignment)}: write -p name=value", 2)
        kind = declared.get(name, {}).get("parameterType", "STRING")
        values[name] = (_parse(name, text, kind), "-p")
    for name, (value, source) in values.items():
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise OpsError(
                f"{source}: the pipeline has no parameter {shown(name)}: it has {known}", 2
            )
        check_value(f"{source}: {name}", value, declared[name]["parameterType"])
    for name, spec in declared.items():
        if name not in values and "defaultValue" not in spec and not spec.get("isOptional"):
            raise OpsError(
                f"parameter {name!r} has no value: add it to params/{params_file.name} "
                f'or ARGS="-p {name}=..."',
                2,
            )
    return {
        name: float(value) if declared[name]["parameterType"] == "NUMBER_DOUBLE" else value
        for name, (value, _) in values.items()
    }


def declared_parameters(package: Path) -> dict[str, Any]:
    """Return the input parameters that a compiled pipeline declares, by name."""
    root = read_yaml(package)["root"].get("inputDefinitions", {})
    parameters: dict[str, Any] = root.get("parameters", {})
    return parameters


class ParamsLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as people write it: 1e3 is a number, and a key stands once.

    What cannot be a value is refused, as all that is no YAML (yaml.YAMLError): an alias
    of what it is in, aliases that unfold to a great many values, nesting without end.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._text = text

    def get_single_node(self) -> Any:
        """Return the document's node; raises YAMLError for one that is not as it should be."""
        try:
            if sum(map(self._text.count, "[{-?:")) > 1000:
                _check_depth(self._text)  # libyaml's own stack has an end
            node = super().get_single_node()
        except RecursionError:
            raise _refusal("it is nested too deeply") from None
        if node is not None:
            _unfolded(node, {})
            self._check_keys(node)
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Return a node's value; raises ConstructorError for a text that its type does not have."""
        try:
            value = super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            raise _refusal(
                f"{shown(node.value)} is no {node.tag.rpartition(':')[2]}", node
            ) from None
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise _refusal(f"the number has {value.bit_length()} bits", node)
        return value

    def _check_keys(self, root: Any) -> None:
        for node in _distinct(root):
            keys: dict[Any, str] = {}
            for key, _ in node.value if isinstance(node, yaml.MappingNode) else []:
                if not isinstance(key, yaml.ScalarNode):
                    continue
                # The merge key and "=" are no values: nothing constructs them.
                special = key.tag.endswith((":merge", ":value"))
                value = key.value if special else self.construct_object(key, deep=True)
                if value in keys:
                    same = keys[value] == key.value
                    what = f"the key {key.value!r} is there twice"
                    other = f"the keys {keys[value]!r} and {key.value!r} are both {value!r}"
                    raise _refusal(what if same else other, key)
                keys[value] = key.value


ParamsLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), "-+0123456789"
)


def _refusal(problem: str, node: Any = None) -> yaml.YAMLError:
    mark = node.start_mark if node else None
    return yaml.constructor.ConstructorError(problem=problem, problem_mark=mark)


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _refusal("it is nested too deeply", event)


def _children(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def _distinct(root: Any) -> Iterator[Any]:
    """Return the nodes of a document, those with aliases once."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            waiting += reversed(_children(node))
            yield node


def _unfolded(node: Any, sizes: dict[int, int], depth: int = 0) -> int:
    """Return how many values a node makes with every alias written out.

    Raises ConstructorError where that has no end, or is a great many more than are written.
    """
    if depth > MAX_DEPTH:
        raise _refusal("it is nested too deeply", node)
    if id(node) not in sizes:
        sizes[id(node)] = 0  # under way
        sizes[id(node)] = 1 + sum(_unfolded(child, sizes, depth + 1) for child in _children(node))
        if sizes[id(node)] - len(sizes) > MAX_UNFOLDED:
            raise _refusal("its aliases unfold to too many values", node)
    elif not sizes[id(node)]:
        raise _refusal("an alias stands for what it is in", node)
    return sizes[id(node)]


def _read_file(path: Path) -> dict[str, Any]:
    shown_path = f"{path.parent.name}/{path.name}"
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), ParamsLoader)  # noqa: S506
    except OSError as error:
        raise OpsError(
            f"{shown_path}: {error.strerror}: make it, or choose another ENV=", 2
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        raise OpsError(f"{shown_path}: no valid YAML: {' '.join(str(error).split())}", 2) from None
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise OpsError(f"{shown_path}: write one `name: value` per line", 2)
    return values


def _parse(name: str, text: str, kind: str) -> Any:
    if kind == "STRING":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        expected = TYPES[kind][0] if kind in TYPES else "JSON"
        raise OpsError(f"-p: {name}: {shown(text)} is not {expected}", 2) from None


def check_value(place: str, value: Any, kind: str) -> None:
    """Raise OpsError (2) for a value that a parameter of a type cannot take.

    ``kind`` is what the compiled pipeline calls the type, ``place`` what the message
    begins with.
    """
    expected, types = TYPES.get(kind, (kind, (object,)))
    is_bool = isinstance(value, bool)
    if not isinstance(value, types) or (is_bool and kind.startswith("NUMBER")):
        hint = ": put it in quotes" if kind == "STRING" else ""
        raise OpsError(f"{place}: {shown(value)} is {_kind(value)}, not {expected}{hint}", 2)
    for path, leaf in _leaves(place, value):
        _check_leaf(path, leaf)


def _check_leaf(path: str, leaf: Any) -> None:
    if leaf is None or isinstance(leaf, (bool, str)):
        return
    if not isinstance(leaf, (int, float)):
        raise OpsError(
            f"{path}: {shown(leaf)} is {_kind(leaf)}: JSON has none, put it in quotes", 2
        )
    try:
        double = float(leaf)
    except OverflowError:
        double = math.inf
    if not math.isfinite(double):
        raise OpsError(
            f"{path}: {shown(leaf)} is beyond the numbers that KFP can carry (doubles)", 2
        )
    if isinstance(leaf, int) and abs(leaf) > EXACT and int(double) != leaf:
        print(
            f"note: {path}: {shown(leaf)} becomes {double!r}: KFP carries doubles", file=sys.stderr
        )


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise OpsError(f"{path}: the key {shown(key)} is {_kind(key)}: put it in quotes", 2)
            yield from _leaves(f"{path}.{key}", item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(f"{path}[{index}]", item)
    else:
        yield path, value


def _kind(value: Any) -> str:
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    kinds |= {list: "a list", dict: "an object", type(None): "nothing"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def check_size(parameters: Mapping[str, Any]) -> None:
    """Refuse parameters that a cluster could not hand to a container (OpsError, 2).

    KFP puts them on command lines, where Linux takes at most 128 KiB an argument.
    """
    size = len(json.dumps(parameters).encode())
    if size > MAX_SUBMITTED:
        raise OpsError(
            f"the parameters take {size} bytes, and a cluster can hand on {MAX_SUBMITTED}: "
            "put the data where the steps can read it and pass its address",
            2,
        )
