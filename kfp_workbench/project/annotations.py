"""What an annotation of a step's function is to KFP, read without running it.

The rules are those of kfp's lightweight components:
https://github.com/kubeflow/pipelines/blob/2.17.0/sdk/python/kfp/dsl/component_factory.py
"""

import ast
from collections.abc import Callable
from typing import TypeVar

from kfp_workbench.project.bindings import Bindings
from kfp_workbench.project.components import FINAL_STATUS, OF_STATUS
from kfp_workbench.project.names import shown
from kfp_workbench.project.port_types import (
    ARTIFACTS,
    KNOWN,
    TYPES,
    WAYS,
    Annotation,
    by_text,
    instead,
)

T = TypeVar("T")
_TYPING = ("typing", "typing_extensions")
_TUPLE = 'NamedTuple("Outputs", [("rows", int)])'  # an example of one
_MAX_DEPTH = 20  # of aliases and texts in each other


class AnnotationError(ValueError):
    """An annotation that KFP cannot have: ``what`` is wrong, with the text, and the ``cure``."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(f"{what}: {cure}")
        self.what, self.cure = what, cure


def parameter(node: ast.expr, names: Bindings) -> Annotation:
    """Return what a parameter's annotation says; raises AnnotationError."""
    return _told(_Reader(names).parameter, node)


def returned(node: ast.expr, names: Bindings) -> Annotation:
    """Return what the annotation of a returned value says; raises AnnotationError."""
    return _told(_Reader(names).returned, node)


def fields(node: ast.expr, names: Bindings) -> list[tuple[str, ast.expr]] | None:
    """Return the fields of a NamedTuple with their annotations; None for all else.

    Raises AnnotationError for one whose fields only running would tell.
    """
    return _told(_Reader(names).fields, node)


def _told(read: Callable[[ast.expr], T], node: ast.expr) -> T:
    try:
        return read(node)
    except RecursionError:
        what = "an annotation has itself for a part, or very many"
        raise AnnotationError(what, f"use {KNOWN}") from None


class _Reader:
    def __init__(self, names: Bindings) -> None:
        self._names = names

    def parameter(self, node: ast.expr) -> Annotation:
        node = self._without_none(self._followed(node))
        if isinstance(node, ast.Subscript):
            way = self._word(node.value)
            if way in ("Input", "Output"):
                return self._marked(node, way == "Output")
        elif isinstance(node, ast.Call):
            way = self._word(node.func)
            if way in ("InputPath", "OutputPath"):
                return self._path(node, way == "OutputPath")
        elif (way := self._word(node)) in WAYS:
            example = f"{way}[Dataset]" if way in ("Input", "Output") else f"{way}(str)"
            raise AnnotationError(f"{way} does not say of what", f"write {example}")
        elif way == FINAL_STATUS:
            return Annotation(OF_STATUS)
        return self._plain(node)

    def returned(self, node: ast.expr) -> Annotation:
        node = self._followed(node)
        if self._without_none(node) is not node:
            raise AnnotationError(
                f"returns {_text(node)}",
                "KFP knows no value that may be missing, return one always",
            )
        if isinstance(node, ast.Subscript) and self._word(node.value) in ("Input", "Output"):
            inner = _text(node.slice)
            raise AnnotationError(f"returns {_text(node)}", f"write -> {inner}")
        if self._last(node) in ("tuple", "Tuple"):
            raise AnnotationError(f"returns {_text(node)}, which has no names", f"write {_TUPLE}")
        found = self._plain(node)
        if found.is_list:
            raise AnnotationError(
                f"returns {_text(node)}", "a step has no lists of artifacts for outputs, return one"
            )
        return found._replace(is_output=True)

    def fields(self, node: ast.expr) -> list[tuple[str, ast.expr]] | None:
        node = self._followed(node)
        if isinstance(node, ast.Call) and self._is_named_tuple(node.func):
            return self._functional(node)
        if not isinstance(node, ast.Name):
            return None
        made = self._names.classes.get(node.id)
        if not made or not any(map(self._is_named_tuple, made.bases)):
            return None
        return [
            (part.target.id, part.annotation)
            for part in made.body
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
        ]

    def _functional(self, node: ast.Call) -> list[tuple[str, ast.expr]]:
        if node.keywords and all(word.arg for word in node.keywords):
            return [(str(word.arg), word.value) for word in node.keywords]
        listed = self._followed(node.args[1]) if len(node.args) > 1 else None
        found = []
        for item in listed.elts if isinstance(listed, (ast.List, ast.Tuple)) else []:
            if not isinstance(item, ast.Tuple) or len(item.elts) != 2:
                break
            name = item.elts[0]
            if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
                break
            found.append((name.value, item.elts[1]))
        else:
            if found:
                return found
        raise AnnotationError(f"returns {_text(node)}", f"write its fields: {_TUPLE}")

    def _marked(self, node: ast.Subscript, is_output: bool) -> Annotation:
        """Return what ``Input[…]`` and ``Output[…]`` say."""
        inner = self._plain(self._followed(node.slice))
        if not inner.is_artifact:
            cure = f"return it, or write OutputPath({inner.text})"
            raise AnnotationError(
                f"{_text(node)} is no artifact", cure if is_output else f"write {inner.text}"
            )
        if inner.is_list and is_output:
            raise AnnotationError(
                f"{_text(node)} is a list", "KFP has no lists of artifacts for a step's outputs"
            )
        return inner._replace(is_output=is_output)

    def _path(self, node: ast.Call, is_output: bool) -> Annotation:
        """Return what ``InputPath(…)`` and ``OutputPath(…)`` say: an Artifact without more."""
        given = [*node.args, *(word.value for word in node.keywords)]
        if not given or (isinstance(given[0], ast.Constant) and given[0].value is None):
            return Annotation("Artifact", True, is_output=is_output, is_path=True)
        inner = given[0]
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            found = by_text(inner.value)
        else:
            found = self._plain(self._followed(inner))
        if found.is_list:
            raise AnnotationError(f"{_text(node)} is a list", "write Input[List[...]]")
        if not (found.is_artifact or is_output):  # which kfp compiles, and its executor fails on
            raise AnnotationError(
                f"{_text(node)} is a parameter, of which KFP gives no path", f"write {found.text}"
            )
        return found._replace(is_output=is_output, is_path=True)

    def _plain(self, node: ast.expr) -> Annotation:
        """Return what an annotation without a mark says."""
        node = self._followed(node)
        if isinstance(node, ast.Subscript):
            outer = self._word(node.value)
            if outer in ("list", "List"):
                inner = self._word(self._followed(node.slice))
                if inner in ARTIFACTS:
                    return Annotation(inner, True, is_list=True)
                return Annotation("LIST")
            if outer in ("dict", "Dict"):
                return Annotation("STRUCT")
        word = self._word(node)
        if word in TYPES:
            return Annotation(TYPES[word])
        if word in ARTIFACTS:
            return Annotation(word, True)
        raise self._unknown(node)

    def _unknown(self, node: ast.expr) -> AnnotationError:
        text = _text(node)
        if self._word(node) == FINAL_STATUS:
            cure = f"write status: {FINAL_STATUS}, and have the step be an exit task"
            return AnnotationError(f"{text} is an input, and as it stands", cure)
        if self.fields(node) is not None:
            return AnnotationError(f"{text} is a NamedTuple", "only a result is one, use dict")
        if isinstance(node, ast.Name) and node.id in self._names.classes:
            cure = "use dict for an input, a NamedTuple for a result"
            return AnnotationError(f"{text} is a class of this module", cure)
        if self._last(node) == "namedtuple":
            return AnnotationError(f"{text} has no types", f"write {_TUPLE}")
        if isinstance(node, ast.Subscript) and self._last(node) == "Annotated":
            inner = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
            return AnnotationError(f"{text} says more than KFP takes", f"write {_text(inner)}")
        cure = instead(text.partition("[")[0].rpartition(".")[2])
        if "." in self._names.full_name(node) and cure.endswith(KNOWN):
            cure += "; a result's NamedTuple has to stand in main.py"
        return AnnotationError(f"{text} is no type that KFP has", cure)

    def _last(self, node: ast.expr) -> str:
        """Return the last part of the name of what is subscribed or called, or of a name."""
        if isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        return self._names.full_name(node).rpartition(".")[2]

    def _without_none(self, node: ast.expr) -> ast.expr:
        """Return X for ``Optional[X]``, ``Union[X, None]`` and ``X | None``; all else unchanged."""
        parts = self._alternatives(node)
        if len(parts) < 2:
            return node
        kept = [part for part in parts if not _is_none(part)]
        if len(kept) == 1:
            return self._without_none(kept[0])
        raise AnnotationError(
            f"{_text(node)} is of several types", "KFP has one for each input, choose one"
        )

    def _alternatives(self, node: ast.expr) -> list[ast.expr]:
        node = self._followed(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._alternatives(node.left) + self._alternatives(node.right)
        if isinstance(node, ast.Subscript):
            outer = self._word(node.value)
            if outer == "Optional":
                return [*self._alternatives(node.slice), ast.Constant(None)]
            if outer == "Union":
                inner = node.slice
                several = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                return [part for item in several for part in self._alternatives(item)]
        return [node]

    def _followed(self, node: ast.expr) -> ast.expr:
        """Return what a text says, and what an alias of the module stands for."""
        for _ in range(_MAX_DEPTH):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                node = _parsed(node.value)
            elif (assigned := self._names.assigned(node)) is not None:
                node = assigned
            else:
                break
        return node

    def _word(self, node: ast.expr) -> str:
        """Return the name by which typing, common.step or Python itself knows a part, or nothing."""
        owner, _, last = self._names.full_name(node).rpartition(".")
        if last in ("List", "Dict", "Optional", "Union", "NamedTuple"):
            return last if owner in _TYPING else ""
        if last in TYPES:
            return last if owner in ("", "builtins") else ""
        ours = owner.split(".")[0] == "common" or owner == "kfp.dsl"
        return last if ours and last in (*ARTIFACTS, *WAYS, FINAL_STATUS) else ""

    def _is_named_tuple(self, node: ast.expr) -> bool:
        return self._word(node) == "NamedTuple"


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise AnnotationError(f"{shown(text)} is no annotation", f"use {KNOWN}") from None


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _text(node: ast.expr) -> str:
    return shown(ast.unparse(node)).strip("'\"")
