"""A typed step's ``component.yaml`` is to kfp what ``@dsl.component`` makes of the same function."""

import linecache
import typing
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from kfp import components, dsl

from kfp_workbench.project import component_forms, component_text
from shared.signatures import BEYOND, FUNCTIONS, signature_of

IMAGE = "localhost:5000/demo/made"
COMMAND = ["python", "main.py"]


def text_of(folder: Path, function: str, body: str = "    ...") -> str:
    return component_text.text(signature_of(folder, function, body), IMAGE, COMMAND, {})


def kfp_component(function: str, body: str = "    ...") -> Any:
    """Return what ``@dsl.component`` makes of a function."""
    source = f"def made{function}:\n{body}\n"
    names = {**vars(typing), **vars(dsl)}
    linecache.cache["<made>"] = (len(source), None, source.splitlines(keepends=True), "<made>")
    exec(compile(source, "<made>", "exec", dont_inherit=True), names)
    return dsl.component(base_image="python:3.12", install_kfp_package=False)(names["made"])


def interface(component: Any) -> Any:
    """Return a component's inputs and outputs, as the compiled pipeline has them."""
    spec = component.component_spec.to_pipeline_spec()
    return json_format.MessageToDict(spec.components["comp-made"])


@pytest.mark.parametrize("function", [*FUNCTIONS, *BEYOND])
def test_interface_is_that_of_a_lightweight_component(function: str, tmp_path: Path) -> None:
    signature = signature_of(tmp_path, function)
    text = component_text.text(signature, IMAGE, COMMAND, {})
    ours = components.load_component_from_text(text)
    theirs = kfp_component(BEYOND.get(function, function))
    assert interface(ours) == interface(theirs)
    assert ours.component_spec.name == theirs.component_spec.name
    names = {component_text.name_in_pipeline(signature, port) for port in signature.outputs}
    assert names == set(ours.component_spec.outputs or {})


WORDS = st.one_of(
    st.from_regex(r"[A-Za-z][\w./:-]{0,8}", fullmatch=True),
    st.sampled_from(["yes", "No", "ON", "off", "true", "null", "Null", "nan", "inf", "y", "e1"]),
    st.text(),
)


@given(WORDS)
def test_a_text_is_read_back_as_it_was(text: str) -> None:
    assert yaml.safe_load(f"{{key: {component_text._scalar(text)}}}") == {"key": text}
    assert yaml.safe_load(component_text._block("key", text)) == {"key": text}


@given(WORDS)
def test_a_word_is_quoted_only_where_it_has_to_be(word: str) -> None:
    def needs_none(value: Any, is_flow: bool) -> bool:
        text = yaml.safe_dump(value, default_flow_style=is_flow, allow_unicode=True, width=1000)
        return word in text.strip("[]\n").split(": ")

    assert (component_text._scalar(word) == word) == needs_none([word], is_flow=True)
    is_plain = component_text._block("key", word) == f"key: {word}"
    assert is_plain == needs_none({"key": word}, is_flow=False)


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


def test_one_context_that_becomes_another_is_plain(tmp_path: Path) -> None:
    text = text_of(tmp_path, "(context: dict) -> dict")
    assert text.splitlines()[2:6] == [
        "inputs:",
        "- {name: context, type: JsonObject}",
        "outputs:",
        "- {name: Output, type: JsonObject}",
    ]
    outputs = components.load_component_from_text(text).component_spec.outputs
    assert [*outputs] == ["output"]  # kfp makes it lower case


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
