"""What a step has published: collected as KFP's launcher does, and held to what it declares."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from kfp.local import executor_input_utils
from kfp.pipeline_spec import pipeline_spec_pb2

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import conversion, outputs

TYPES = {name: kind for kind, name in conversion.TYPES.items()}


def collect(
    folder: Path,
    declared: Mapping[str, str],
    told: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the outputs of a step that wrote an executor output, and files."""
    component = pipeline_spec_pb2.ComponentSpec(executor_label="exec-gen")
    for name, kind in declared.items():
        if kind in TYPES:
            parameter = component.output_definitions.parameters[name]
            parameter.parameter_type = pipeline_spec_pb2.ParameterType.ParameterTypeEnum.Value(
                TYPES[kind]
            )
        else:
            artifact = component.output_definitions.artifacts[name]
            artifact.artifact_type.schema_title = f"system.{kind}"
    given = executor_input_utils.construct_executor_input(component, {}, str(folder), False)
    if told is not None:
        Path(given.outputs.output_file).write_text(json.dumps(told), encoding="utf-8")
    for name, text in (files or {}).items():
        (folder / name).write_bytes(text.encode())
    return outputs.collect(given, component)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("String", " a\r\nb\n", " a\r\nb\n"),
        ("String", "7", "7"),
        ("Integer", " +007\n", 7),
        ("Integer", "-3", -3),
        ("Float", "1e3\n", 1000.0),
        ("Float", "3", 3.0),
        ("Boolean", "True\n", True),
        ("Boolean", "f", False),
        ("JsonArray", '[1, "a"]', [1.0, "a"]),
        ("JsonObject", '{"a": {"b": null}}', {"a": {"b": None}}),
    ],
)
def test_a_file_is_read_as_the_launcher_reads_it(
    tmp_path: Path, kind: str, text: str, expected: Any
) -> None:
    found = collect(tmp_path, {"x": kind}, files={"x": text})
    assert found == {"x": expected} and type(found["x"]) is type(expected)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("Integer", "three"),
        ("Integer", "3.0"),
        ("Integer", "1_0"),
        ("Integer", "9223372036854775808"),
        ("Float", "0,5"),
        ("Float", "1_0.5"),
        ("Float", "nan"),
        ("Boolean", "yes"),
        ("Boolean", "tRUE"),
        ("JsonArray", '{"a": 1}'),
        ("JsonArray", "[NaN]"),
        ("JsonObject", "[1]"),
        ("JsonObject", "{'a': 1}"),
        ("JsonObject", "null"),
        ("JsonObject", ""),
    ],
)
def test_a_file_that_is_none_of_its_type_is_refused(tmp_path: Path, kind: str, text: str) -> None:
    with pytest.raises(WorkbenchError, match=f"^step gen: output x is .*, which is no {kind}$"):
        collect(tmp_path, {"x": kind}, files={"x": text})


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("String", "text", "text"),
        ("String", 7, "7"),  # what a cluster gives each step that takes it
        ("String", 0.5, "0.5"),
        ("String", {"b": 1, "a": [True]}, '{"a":[true],"b":1}'),
        ("Integer", 3, 3),
        ("Float", 3, 3.0),
        ("Boolean", False, False),
        ("JsonArray", [1], [1.0]),
        ("JsonObject", {}, {}),
    ],
)
def test_a_value_of_the_executor_output_is_taken(
    tmp_path: Path, kind: str, value: Any, expected: Any
) -> None:
    found = collect(tmp_path, {"x": kind}, {"parameterValues": {"x": value}})
    assert found == {"x": expected} and type(found["x"]) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("Integer", 2.9, "2.9"),
        ("Integer", "10", "'10'"),
        ("Integer", True, "True"),
        ("Float", "0.95", "'0.95'"),
        ("Float", False, "False"),
        ("Boolean", "True", "'True'"),
        ("Boolean", 1, "1"),
        ("JsonArray", {"a": 1}, "{'a': 1}"),
        ("JsonObject", [1], "[1]"),
        ("JsonObject", None, "None"),
    ],
)
def test_a_value_of_another_type_is_refused(
    tmp_path: Path, kind: str, value: Any, said: str
) -> None:
    with pytest.raises(WorkbenchError) as caught:
        collect(tmp_path, {"x": kind}, {"parameterValues": {"x": value}})
    assert str(caught.value) == f"step gen: output x is {said}, which is no {kind}"


def test_a_secret_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match=r"output api_key is \*\*\*, which is no Integer"):
        collect(tmp_path, {"api_key": "Integer"}, files={"api_key": "hunter2"})


def test_the_executor_output_wins_over_a_file(tmp_path: Path) -> None:
    told = {"parameterValues": {"x": "told", "undeclared": 1}}
    assert collect(tmp_path, {"x": "String"}, told, {"x": "file"}) == {"x": "told"}


def test_an_executor_output_that_is_none_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match=r"^step gen wrote no valid executor output: .+$"):
        collect(tmp_path, {}, {"values": {}})


@pytest.mark.parametrize("kind", ["Integer", "Dataset", "Metrics"])
def test_what_was_never_written_is_missed(tmp_path: Path, kind: str) -> None:
    with pytest.raises(
        WorkbenchError, match=r"^step gen ended well, but never wrote its output 'x'$"
    ):
        collect(tmp_path, {"x": kind}, {})


def test_a_file_alone_is_an_artifact(tmp_path: Path) -> None:
    (found,) = collect(tmp_path, {"data": "Dataset"}, files={"data": "a"}).values()
    assert found.uri == str(tmp_path / "data") and found.schema_title == "system.Dataset"


def test_metrics_need_no_file(tmp_path: Path) -> None:
    told = {"artifacts": {"m": {"artifacts": [{"metadata": {"size": 1}}]}}}
    (found,) = collect(tmp_path, {"m": "Metrics"}, told).values()
    assert found.metadata == {"size": 1} and found.uri == str(tmp_path / "m")


def test_an_artifact_may_be_elsewhere(tmp_path: Path) -> None:
    told = {"artifacts": {"m": {"artifacts": [{"uri": "s3://bucket/model", "metadata": {}}]}}}
    (found,) = collect(tmp_path, {"m": "Model"}, told).values()
    assert found.uri == "s3://bucket/model"
