"""Reads YAML as people write it, with the line of everything in it."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from kfp_workbench.project.documents import MAX_DEPTH, Document, DocumentError, Place
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import is_secret

MAX_UNFOLDED = 10_000  # more values than are written, through aliases
MAX_BITS = 4096  # no double has more than 1024; Python refuses to print much longer ones

_KEY = re.compile(r"([\w.-]+)['\"]?\s*:")


def parse(text: str) -> Document:
    """Return what a YAML text holds, of which each key stands once; raises DocumentError."""
    try:
        loader = StrictLoader(text)
        node = loader.get_single_node()
        value = loader.construct_document(node) if node else None
    except yaml.YAMLError as error:
        raise _explained(text, error) from None
    return Document(value, lambda: _lines(node, loader, (), set()) if node else ())


def _explained(text: str, error: yaml.YAMLError) -> DocumentError:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else text[: getattr(error, "position", 0)].count("\n") + 1
    *before, here = ["", *text.splitlines()[:line]]
    reason = " ".join(str(getattr(error, "problem", None) or error).split())
    if isinstance(error, _RefusedError):
        return DocumentError(line, reason)
    if "nesting depth" in reason:  # libyaml's own limit, in its newer versions
        return DocumentError(line, "it is nested too deeply")
    keys = _KEY.findall(here) or _KEY.findall("\n".join(before))[-1:]
    if key := next(filter(is_secret, keys), None):
        # The reason may quote it.
        return DocumentError(line, f"what follows {key} is not understood: put it in quotes")
    if "${" in here and mark:
        reason += ': within [ ] and { }, put "${NAME}" in quotes'
    return DocumentError(line, reason)


class StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
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
            raise yaml.constructor.ConstructorError(
                problem=f"{shown(node.value)} is no {node.tag.rpartition(':')[2]}",
                problem_mark=node.start_mark,
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


StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), "-+0123456789"
)


class _RefusedError(yaml.constructor.ConstructorError):  # type: ignore[misc]
    """What is refused here; its words repeat no value."""


def _refusal(problem: str, node: Any = None) -> yaml.YAMLError:
    mark = node.start_mark if node else None
    return _RefusedError(problem=problem, problem_mark=mark)


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


def _lines(
    node: yaml.Node, loader: StrictLoader, place: Place, seen: set[int]
) -> Iterator[tuple[Place, int]]:
    """Return the line of each part; of what several aliases stand for, only in one place."""
    if id(node) in seen:
        return
    seen.add(id(node))
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = loader.construct_object(key) if isinstance(key, yaml.ScalarNode) else None
            yield from _lines(value, loader, (*place, name), seen)
            yield (*place, name), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, loader, (*place, index), seen)
