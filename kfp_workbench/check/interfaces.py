"""What a typed step takes and makes, as ``pipeline.py`` gets to see it."""

from collections.abc import Mapping
from typing import NamedTuple

from kfp_workbench.project.component_text import name_in_pipeline
from kfp_workbench.project.signatures import Signature

_WORDS = {
    "STRING": "text",
    "NUMBER_INTEGER": "an int",
    "NUMBER_DOUBLE": "a float",
    "BOOLEAN": "a bool",
    "LIST": "a list",
    "STRUCT": "a dict",
}


class Kind(NamedTuple):
    """The type of what goes from task to task."""

    type: str  # as the compiled pipeline calls a parameter's; an artifact's class
    is_artifact: bool = False
    is_list: bool = False  # of artifacts

    @property
    def words(self) -> str:
        """The type as messages name it: ``an int``, ``a list of Model``."""
        if not self.is_artifact:
            return _WORDS.get(self.type, self.type)
        return f"a list of {self.type}" if self.is_list else f"the artifact {self.type}"

    def takes(self, other: "Kind") -> bool:
        """Tell whether kfp lets an input of this type have a value of another one."""
        if self.is_artifact and other.is_artifact and self.is_list == other.is_list:
            return "Artifact" in (self.type, other.type) or self.type == other.type
        return self == other


class Interface(NamedTuple):
    """The inputs and outputs of a step, by the names that ``pipeline.py`` uses."""

    step: str
    inputs: Mapping[str, Kind]
    required: frozenset[str]  # the inputs that have to be given
    outputs: Mapping[str, Kind]
    of_kfp: frozenset[str] = frozenset()  # the inputs that KFP gives, and nobody else may


def of_signature(step: str, signature: Signature) -> Interface:
    """Return what a typed step's signature says."""
    given = [port for port in signature.inputs if not port.is_status]
    inputs = {
        name_in_pipeline(signature, port): Kind(port.type, port.is_artifact, port.is_list)
        for port in given
    }
    required = {name_in_pipeline(signature, port) for port in given if not port.optional}
    of_kfp = {name_in_pipeline(signature, port) for port in signature.inputs if port.is_status}
    outputs = {
        name_in_pipeline(signature, port): Kind(port.type, port.is_artifact, port.is_list)
        for port in signature.outputs
    }
    return Interface(step, inputs, frozenset(required), outputs, frozenset(of_kfp))
