"""The types that KFP has for a step's inputs and outputs, by the names that people write."""

import difflib
from typing import NamedTuple

from kfp_workbench.project.components import FINAL_STATUS, OF_STATUS, PARAMETERS

# What the compiled pipeline calls the type of a parameter that is annotated so.
TYPES = {
    "str": "STRING",
    "int": "NUMBER_INTEGER",
    "float": "NUMBER_DOUBLE",
    "bool": "BOOLEAN",
    "list": "LIST",
    "List": "LIST",
    "dict": "STRUCT",
    "Dict": "STRUCT",
}
ARTIFACTS = (
    *("Artifact", "Dataset", "Model", "Metrics", "ClassificationMetrics"),
    *("SlicedClassificationMetrics", "HTML", "Markdown"),
)
WAYS = ("Input", "Output", "InputPath", "OutputPath")
KNOWN = "str, int, float, bool, list, dict, or Input[Dataset], Output[Model] and the like"
# What people write for these, by the last part of its name.
_INSTEAD = {
    **dict.fromkeys(("tuple", "Tuple", "set", "Set", "frozenset", "Sequence"), "list"),
    **dict.fromkeys(("Iterable", "Iterator", "Generator", "Collection"), "list"),
    **dict.fromkeys(
        ("Mapping", "TypedDict", "OrderedDict", "defaultdict", "Any", "object"), "dict"
    ),
    **dict.fromkeys(
        ("DataFrame", "Series", "ndarray", "Table"), "Input[Dataset], and read its path"
    ),
    **dict.fromkeys(("Path", "PathLike", "IO", "TextIO"), 'InputPath("Dataset") or Input[Dataset]'),
    **dict.fromkeys(("Literal", "Enum", "datetime", "date", "Decimal", "UUID"), "str"),
    **dict.fromkeys(("bytes", "bytearray", "memoryview"), "Input[Artifact], and read its path"),
}


class Annotation(NamedTuple):
    """What an annotation says."""

    type: str  # as the compiled pipeline calls a parameter's, "STRING"; an artifact's: "Model"
    is_artifact: bool = False
    is_list: bool = False  # of artifacts
    is_output: bool = False
    is_path: bool = False  # InputPath, OutputPath: the function is given where a file is

    @property
    def text(self) -> str:
        """The type as people write it in Python: ``int``, ``List[Model]``."""
        if self.type == OF_STATUS:
            return FINAL_STATUS
        if not self.is_artifact:
            return next(name for name, kind in TYPES.items() if kind == self.type)
        return f"List[{self.type}]" if self.is_list else self.type


def by_text(text: str) -> Annotation:
    """Return the type that a text in InputPath("…") names; one that KFP does not know is an Artifact."""
    classes = {name.lower(): name for name in ARTIFACTS}
    if text.lower() in classes:
        return Annotation(classes[text.lower()], True)
    kind = PARAMETERS.get(text.removeprefix("typing.").partition("[")[0].lower())
    return Annotation(kind) if kind else Annotation("Artifact", True)


def instead(name: str) -> str:
    """Return what to do about a name that is no type of KFP's."""
    known = (*TYPES, *ARTIFACTS, *WAYS, FINAL_STATUS)
    if name in known:
        return f"import it: from common.step import {name}"
    if name in _INSTEAD:
        return f"use {_INSTEAD[name]}"
    near = difflib.get_close_matches(name, known, 1, 0.8)
    return f"did you mean {near[0]}?" if near else f"use {KNOWN}"
