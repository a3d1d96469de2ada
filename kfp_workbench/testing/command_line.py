"""A step's command line, made of its ``component.yaml`` and of values for its inputs."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import metadata, values
from kfp_workbench.project import components


class Artifact(NamedTuple):
    """A file or folder that a step reads or wrote."""

    path: Path
    metadata: Mapping[str, Any] = {}


class CommandLine:
    """What KFP would hand to a step, with the paths of outputs in one folder.

    Inputs' paths are seen from the project's folder, ``root``; None is no value. An input that is not
    given has its default; without one its placeholder is left out, with the flag before it, so that the
    step says what it lacks. Text goes to the step as it is, also where an object is expected.
    """

    def __init__(
        self, component: Mapping[str, Any], given: Mapping[str, Any], folder: Path, root: Path
    ) -> None:
        self._inputs = {port["name"]: port for port in component.get("inputs") or []}
        self._outputs = {port["name"]: port for port in component.get("outputs") or []}
        self._given = self._values(given)
        self._folder, self._root = folder, root
        container = component["implementation"]["container"]
        self.words = [
            *self._resolved(container.get("command", [])),
            *self._resolved(container.get("args", [])),
        ]

    def outputs(self) -> dict[str, Any]:
        """Return what the step wrote: values by name, and artifacts."""
        published = self._published()
        found: dict[str, Any] = {}
        for name, port in self._outputs.items():
            key, path = key_of(name), self._path(name)
            if kind := parameter_type(port):
                if key in published["parameterValues"]:
                    found[name] = published["parameterValues"][key]
                elif path.is_file():
                    found[name] = _value(path.read_text(encoding="utf-8"), kind)
            elif key in published["artifacts"]:
                (item,) = published["artifacts"][key]["artifacts"]
                found[name] = Artifact(Path(item.get("uri") or path), item.get("metadata", {}))
            elif path.exists():
                found[name] = Artifact(path)
        return found

    def _values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs' values, by name; raises WorkbenchError (2) for an unknown one."""
        names = {form: name for name in self._inputs for form in (key_of(name), name)}
        found = {
            name: _default(port["default"], parameter_type(port))
            for name, port in self._inputs.items()
            if port.get("default") is not None
        }
        for key, value in given.items():
            if key not in names:
                known = ", ".join(map(key_of, self._inputs)) or "none"
                raise WorkbenchError(f"{key} is no input of this step: it has {known}", 2)
            found[names[key]] = value
        return {name: value for name, value in found.items() if value is not None}

    def _resolved(self, items: Any) -> list[str]:
        words: list[str] = []
        for item in items if isinstance(items, list) else [items]:
            found = self._word(item)
            if found is None and words and words[-1].startswith("-"):
                words.pop()  # the flag of an input that is not there
            words += found or []
        return words

    def _word(self, item: Any) -> list[str] | None:
        """Return the words that an item of args stands for; None if it has no value."""
        if not isinstance(item, dict):
            return [str(item)]
        ((kind, name),) = item.items()
        if kind == "concat":
            return ["".join(self._resolved(name))]
        if kind == "if":
            condition = name["cond"]
            present = condition["isPresent"] if isinstance(condition, dict) else condition
            is_met = present in self._given if isinstance(condition, dict) else bool(condition)
            return self._resolved(name.get("then" if is_met else "else", []))
        if kind == "executorInput":
            return [json.dumps(self._executor_input())]
        if kind in ("outputPath", "outputUri"):
            return [str(self._path(name))]
        if name not in self._given:
            return None
        value = self._given[name]
        if kind == "inputValue":
            return [values.driver_text(values.doubles(value))]
        return [str(self._artifact(value).path)]

    def _executor_input(self) -> dict[str, Any]:
        inputs: dict[str, Any] = {"parameterValues": {}, "artifacts": {}}
        for name, port in self._inputs.items():
            if name not in self._given:
                continue
            value = self._given[name]
            if parameter_type(port):  # whole numbers are doubles to KFP
                inputs["parameterValues"][key_of(name)] = values.doubles(value)
            else:
                several = value if isinstance(value, list) else [value]
                items = [self._item(*numbered) for numbered in enumerate(several, 1)]
                inputs["artifacts"][key_of(name)] = {"artifacts": items}
        outputs: dict[str, Any] = {"parameters": {}, "artifacts": {}}
        for name, port in self._outputs.items():
            path = str(self._path(name))
            if parameter_type(port):
                outputs["parameters"][key_of(name)] = {"outputFile": path}
            else:
                item = {
                    "name": name,
                    "uri": path,
                    "type": {"schemaTitle": components.schema_title(port.get("type"))},
                }
                outputs["artifacts"][key_of(name)] = {"artifacts": [{**item, "metadata": {}}]}
        return {"inputs": inputs, "outputs": {**outputs, "outputFile": str(self._published_in)}}

    def _item(self, number: int, value: Any) -> dict[str, Any]:
        """Return an input artifact in the form that a cluster gives it."""
        given = self._artifact(value)
        kind, said = {"instanceSchema": ""}, metadata.converted(given.metadata)
        return {"name": str(number), "uri": str(given.path), "type": kind, "metadata": said}

    def _artifact(self, value: Any) -> Artifact:
        return value if isinstance(value, Artifact) else Artifact(self._root / value)

    @property
    def _published_in(self) -> Path:
        return self._folder / "executor_output.json"

    def _published(self) -> dict[str, Any]:
        found: dict[str, Any] = {"parameterValues": {}, "artifacts": {}}
        if self._published_in.is_file():
            found |= json.loads(self._published_in.read_text(encoding="utf-8"))
        return found

    def _path(self, name: str) -> Path:
        """Return an output's path, whose folders the step makes; an artifact's ends with its name."""
        is_parameter = parameter_type(self._outputs[name]) is not None
        return self._folder / "outputs" / key_of(name) / ("data" if is_parameter else name)


def key_of(name: str) -> str:
    """Return what a name in component.yaml becomes (``kfp.dsl.utils.sanitize_input_name``)."""
    return re.sub("[^_0-9a-z]+", "_", name.lower()).strip("_")


def parameter_type(port: Mapping[str, Any]) -> str | None:
    """Return what the compiled pipeline calls the type of a parameter; None for an artifact."""
    return components.parameter_type(port.get("type"))


def _default(value: Any, kind: str | None) -> Any:
    """Return a default's value: the plain form of a component has lists and objects as text."""
    return _value(str(value), kind) if kind == "STRING" or isinstance(value, str) else value


def _value(text: str, kind: str | None) -> Any:
    """Return a parameter's value from its text; text that is no JSON stays what it is."""
    if kind in (None, "STRING"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
