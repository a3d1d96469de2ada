"""A typed step's ``component.yaml`` is to kfp what ``@dsl.component`` makes of the same function."""

import linecache
import typing
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp import components, dsl

from kfp_workbench.project import component_forms, component_text, signatures
from kfp_workbench.project.signatures import Signature
from kfp_workbench.project.sources import Sources

IMAGE = "localhost:5000/demo/made"
COMMAND = ["python", "main.py"]
# Lightweight components as KFP's documentation and samples have them, and each thing by itself.
FUNCTIONS = [
    "()",
    "() -> None",
    "(name: str) -> str",
    "(a: int, b: int) -> int",
    "(a: float = 7, b: float = 0.5) -> float",
    "(flag: bool) -> bool",
    "(flag: bool = False, other: bool = True)",
    "(items: list) -> list",
    "(items: list = [])",
    "(items: list = ['a', 'b']) -> List[str]",
    "(items: List[str]) -> List[int]",
    "(items: list[int] = [1, 2]) -> list[int]",
    "(items: List[List[float]] = [[1.5], []])",
    "(items: List[Dict[str, int]] = [{'a': 1}])",
    "(settings: dict) -> dict",
    "(settings: dict = {})",
    "(settings: dict = {'a': {'b': [1, True]}}) -> Dict[str, Any]",
    "(settings: Dict[str, List[int]] = {'a': [1]})",
    "(settings: dict[str, float]) -> dict[str, dict]",
    "(text: str = 'default message')",
    "(text: str = '')",
    "(text: str = 'yes')",
    "(text: str = '3')",
    "(text: str = 'a: b # c, {d} [e] \"f\"')",
    "(text: str = 'two\\nlines')",
    "(text: str = 'größer')",
    "(number: int = 0)",
    "(number: int = -3)",
    "(number: int = 10_000)",
    "(number: float = -1e-07)",
    "(number: float = 1e300)",
    "(number: int = 60 * 60)",
    "(text: Optional[str])",
    "(text: Optional[str] = None)",
    "(text: Union[str, None] = None)",
    "(number: Optional[int] = 3)",
    "(items: Optional[List[str]] = None)",
    "(settings: Optional[dict] = None) -> str",
    "(number: int = None)",
    "(*, number: int, text: str = 'a')",
    "(data: Input[Dataset])",
    "(data: Output[Dataset])",
    "(data: Input[Artifact], made: Output[Artifact])",
    "(data: Input[Dataset], model: Output[Model], epochs: int = 1)",
    "(model: Input[Model], metrics: Output[Metrics])",
    "(metrics: Output[ClassificationMetrics])",
    "(metrics: Output[SlicedClassificationMetrics])",
    "(page: Output[HTML], text: Output[Markdown])",
    "(page: Input[HTML], text: Input[Markdown], metrics: Input[Metrics])",
    "(data: Input[Dataset] = None)",
    "(data: Optional[Input[Dataset]] = None)",
    "(data: Optional[Input[Dataset]])",
    "(models: Input[List[Model]])",
    "(models: Input[list[Artifact]], best: Output[Model]) -> float",
    "(models: Input[List[Model]] = None)",
    "(models: List[Dataset], count: int = 3)",
    "(data: Dataset) -> Model",
    "() -> Dataset",
    "(data: InputPath('Dataset'))",
    "(data: InputPath(Dataset), made: OutputPath(Model))",
    "(data: InputPath('CSV'), made: OutputPath('CSV'))",
    "(data: InputPath(), made: OutputPath())",
    "(text: str, made: OutputPath(str))",
    "(made: OutputPath('String'), number: OutputPath(int), real: OutputPath(float))",
    "(flag: OutputPath(bool), items: OutputPath(List[int]), settings: OutputPath(dict))",
    "(message: str, data: Output[Dataset], kept: OutputPath('Dataset'), text: OutputPath(str))",
    "(data: Input[Dataset], model: Output[Model], metrics: Output[Metrics]) -> float",
    "(a: int) -> NamedTuple('Outputs', [('sum', int), ('product', int)])",
    "(a: int) -> NamedTuple('Outputs', sum=float, names=List[str], all=Dict[str, int])",
    "(a: int) -> NamedTuple('Outputs', [('model', Model), ('scalar', float)])",
    "(model: Output[Model]) -> NamedTuple('Outputs', [('accuracy', float)])",
    "() -> NamedTuple('Outputs', [('Accuracy', float)])",
    "() -> NamedTuple('Outputs', [('one', str)])",
    "(X_train: Input[Dataset], y: int = 1) -> int",
    "(X: int, y: int)",
    "(output: str) -> str",
    "(long_name_2: int, number3: float = 3)",
    "(data: Input[Dataset], model: Output[Model], trees: int = 100, depth: Optional[int] = None, "
    "names: list = ['a'], tags: dict = {'a': 'b'}) -> NamedTuple('O', [('score', float)])",
]  # fmt: skip
# What kfp itself does not take, and a step may have; beside it, what it is equal to.
BEYOND = {
    "(number: int | None = None)": "(number: Optional[int] = None)",
    "(number: None | int = 3)": "(number: Optional[int] = 3)",
    "(text: Union[None, str] = None)": "(text: Optional[str] = None)",
    "(number: 'int', data: 'Input[Dataset]') -> 'float'": "(number: int, data: Input[Dataset]) -> float",
    "(models: Optional[Input[List[Model]]] = None)": "(models: Input[List[Model]] = None)",
}


def signature_of(folder: Path, function: str, body: str = "    ...") -> Signature:
    path = folder / "steps" / "made" / "main.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = "from typing import *\nfrom common.step import *\n\n@step\n"
    path.write_text(f"{head}def made{function}:\n{body}\n", encoding="utf-8")
    signature, findings = signatures.examine(path, Sources(folder))
    assert not findings
    assert signature
    return signature


def text_of(folder: Path, function: str, body: str = "    ...") -> str:
    return component_text.text(signature_of(folder, function, body), IMAGE, COMMAND, {})


def kfp_component(function: str, body: str = "    ...") -> Any:
    """Return what ``@dsl.component`` makes of a function."""
    source = f"def made{function}:\n{body}\n"
    names = {**vars(typing), **vars(dsl)}
    linecache.cache["<made>"] = (len(source), None, source.splitlines(keepends=True), "<made>")
    exec(compile(source, "<made>", "exec", dont_inherit=True), names)
    return dsl.component(base_image="python:3.12", install_kfp_package=False)(names["made"])


def interface(component: Any, *, lone: bool) -> Any:
    """Return a component's inputs and outputs, as the compiled pipeline has them."""
    spec = component.component_spec.to_pipeline_spec()
    found = json_format.MessageToDict(spec.components["comp-made"])
    outputs = found.get("outputDefinitions", {}).get("parameters", {})
    artifacts = found.get("outputDefinitions", {}).get("artifacts", {})
    for ports in (outputs, artifacts):
        if lone and "Output" in ports:
            ports["output"] = ports.pop("Output")
    return found


@pytest.mark.parametrize("function", [*FUNCTIONS, *BEYOND])
def test_interface_is_that_of_a_lightweight_component(function: str, tmp_path: Path) -> None:
    signature = signature_of(tmp_path, function)
    text = component_text.text(signature, IMAGE, COMMAND, {})
    lone = len(signature.outputs) == 1  # `task.output` is its name then, in either form
    ours = components.load_component_from_text(text)
    theirs = kfp_component(BEYOND.get(function, function))
    assert interface(ours, lone=lone) == interface(theirs, lone=lone)
    assert ours.component_spec.name == theirs.component_spec.name
    names = {component_text.name_in_pipeline(signature, port) for port in signature.outputs}
    assert names == set(ours.component_spec.outputs or {})


def test_enough_functions_are_compared() -> None:
    assert len(set(FUNCTIONS)) >= 60


@pytest.mark.parametrize("function", FUNCTIONS)
def test_both_forms_are_told_of_as_one(function: str, tmp_path: Path) -> None:
    signature = signature_of(tmp_path, function)
    text = component_text.text(signature, IMAGE, COMMAND, {"env": {"A": "b"}})
    plain = component_forms.as_plain(yaml.safe_load(text))
    container = plain["implementation"]["container"]
    assert container.pop("args") == ["--executor-input", {"executorInput": None}]
    assert container == {"image": IMAGE, "command": COMMAND, "env": {"A": "b"}}
    for kind, ports in (("inputs", signature.inputs), ("outputs", signature.outputs)):
        found = {
            item["name"]: (item["type"], component_forms.IS_LIST in item)
            for item in plain.get(kind, [])
        }
        assert found == {
            port.name: (component_forms.PLAIN_TYPES.get(port.type, port.type), port.is_list)
            for port in ports
        }
    loaded = components.load_component_from_text(text).component_spec.implementation.container
    assert (loaded.image, loaded.command, loaded.env) == (IMAGE, COMMAND, {"A": "b"})
    assert [str(word) for word in loaded.args] == ["--executor-input", "{{$}}"]


DOCUMENTED = '''\
    """Fit a random forest: carefully.

    It takes its time.

    Args:
        data: Rows to train on, all of them.
        trees: How many.

    Returns:
        Of the model.
    """'''


def test_plain_form_reads_as_people_write_it(tmp_path: Path) -> None:
    function = "(data: Input[Dataset], model: Output[Model], trees: int = 100, tags: list = [1])"
    assert (
        text_of(tmp_path, function, DOCUMENTED)
        == """\
# Written by `make component` from main.py: change the function there, not this.
name: made
description: |-
  Fit a random forest: carefully.

  It takes its time.
inputs:
- {name: data, type: Dataset, description: 'Rows to train on, all of them.'}
- {name: trees, type: Integer, default: 100, description: How many.}
- {name: tags, type: JsonArray, default: '[1]'}
outputs:
- {name: model, type: Model}
implementation:
  container:
    image: localhost:5000/demo/made
    command: [python, main.py]
    args: [--executor-input, {executorInput: null}]
"""
    )


def test_compiled_form_is_as_short_as_kfp_lets_it_be(tmp_path: Path) -> None:
    function = "(models: Input[List[Model]], trees: Optional[int] = None, k: int = 3) -> float"
    assert (
        text_of(tmp_path, function, DOCUMENTED)
        == """\
# Written by `make component` from main.py: change the function there, not this.
# Lists of artifacts and capitals need the form of compiled pipelines.
# Description: Fit a random forest: carefully. It takes its time.
pipelineInfo: {name: made}
components:
  comp-made:
    executorLabel: exec-made
    inputDefinitions:
      artifacts:
        models: {artifactType: {schemaTitle: system.Model, schemaVersion: 0.0.1}, isArtifactList: true}
      parameters:
        trees: {parameterType: NUMBER_INTEGER, isOptional: true, description: How many.}
        k: {parameterType: NUMBER_INTEGER, defaultValue: 3, isOptional: true}
    outputDefinitions:
      parameters:
        Output: {parameterType: NUMBER_DOUBLE, description: Of the model.}
deploymentSpec:
  executors:
    exec-made:
      container:
        image: localhost:5000/demo/made
        command: [python, main.py]
        args: [--executor-input, '{{$}}']
root: {}
"""
    )


@pytest.mark.parametrize("function", ["(a: int)", "(models: Input[List[Model]])"])
def test_descriptions_reach_kfp(function: str, tmp_path: Path) -> None:
    loaded = components.load_component_from_text(text_of(tmp_path, function, DOCUMENTED))
    description = "Fit a random forest: carefully.\n\nIt takes its time."
    assert loaded.component_spec.description.split() == description.split()


def test_component_of_a_step_without_a_docstring_has_no_description(tmp_path: Path) -> None:
    assert "description" not in text_of(tmp_path, "(a: int)")
    assert "Description" not in text_of(tmp_path, "(X: int)")


def test_metadata_and_variables_are_their_owners(tmp_path: Path) -> None:
    kept = {"metadata": {"labels": {"team": "a"}}, "env": {"LEVEL": "debug"}}
    signature = signature_of(tmp_path, "(a: int)")
    text = component_text.text(signature, IMAGE, ["python", "-u", "main.py"], kept)
    assert "metadata:\n  labels:\n    team: a\n" in text
    assert "    command: [python, -u, main.py]\n    env: {LEVEL: debug}\n" in text
    spec = components.load_component_from_text(text).component_spec
    assert spec.implementation.container.env == {"LEVEL": "debug"}
