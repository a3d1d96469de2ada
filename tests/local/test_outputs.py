"""What a step leaves: taken as KFP's launcher takes it, and held to what it declares."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.local import outputs, values
from kfp_workbench.local.artifacts import RuntimeArtifact
from kfp_workbench.local.executor_input import ExecutorInput
from kfp_workbench.local.outputs import OutputError
from kfp_workbench.local.places import Place
from kfp_workbench.local.spec import Component

ROOT = "minio://mlpipeline/v2/artifacts/p/r/"
TYPES = {name: kind for kind, name in values.TYPES.items()}


def place(folder: Path) -> Place:
    root = f"/{ROOT.replace('://', '/').rstrip('/')}"
    return Place(folder / "task", folder / "kfp-workspace", False, root)


def collect(
    folder: Path,
    declared: Mapping[str, str],
    told: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], dict[str, RuntimeArtifact]]:
    """Return the parameters and artifacts of a step that wrote an executor output, and files."""
    here = place(folder)
    kinds = {name: TYPES[kind] for name, kind in declared.items() if kind in TYPES}
    made = {
        name: [RuntimeArtifact(name, f"{ROOT}make/1/{name}", {"schemaTitle": f"system.{kind}"})]
        for name, kind in declared.items()
        if kind not in TYPES
    }
    seen = {
        name: [RuntimeArtifact(name, here.seen_address(item.uri), item.type)]
        for name, (item,) in made.items()
    }
    where = {name: here.seen(f"/tmp/kfp/outputs/{name}") for name in kinds}
    given = ExecutorInput({}, {}, where, seen, here.seen("/tmp/out.json"))
    outputs.prepare(given, here)
    if told is not None:
        Path(given.output_file).write_text(json.dumps(told), encoding="utf-8")
    for name, text in (files or {}).items():
        path = where[name] if name in where else seen[name][0].uri
        Path(path).write_bytes(text.encode())
    published = outputs.told(given, here)
    component = Component("comp-make", {}, {}, kinds, {})
    found = outputs.parameters(given, here, component, published)
    return found, outputs.artifacts(made, here, published, ROOT)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("String", " a\r\nb\n", " a\r\nb\n"),
        ("String", "7", "7"),
        ("Integer", " +007\n", 7.0),
        ("Integer", "-3", -3.0),
        ("Float", "1e3\n", 1000.0),
        ("Float", "3", 3.0),
        ("Float", "0x1p-2", 0.25),
        ("Float", "\u20031_23.5_0e1\u3000", 1235.0),
        ("Float", "-Inf", -math.inf),
        ("Boolean", "True\n", True),
        ("Boolean", "f", False),
        ("JsonArray", '[1, "a"]', [1.0, "a"]),
        ("JsonObject", '{"a": {"b": null}}', {"a": {"b": None}}),
    ],
)
def test_a_file_is_read_as_the_launcher_reads_it(
    tmp_path: Path, kind: str, text: str, expected: Any
) -> None:
    found, _ = collect(tmp_path, {"x": kind}, files={"x": text})
    assert found == {"x": expected} and type(found["x"]) is type(expected)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("Integer", "three"),
        ("Integer", "3.0"),
        ("Integer", "1_0"),
        ("Integer", ""),
        ("Integer", "9223372036854775808"),
        ("Float", "0,5"),
        ("Float", "1__0.5"),
        ("Float", "1_.5"),
        ("Float", "1e999"),
        ("Float", "0x1p99999"),
        ("Boolean", "yes"),
        ("Boolean", "tRUE"),
        ("JsonArray", '{"a": 1}'),
        ("JsonArray", "[NaN]"),
        ("JsonObject", "[1]"),
        ("JsonObject", "{'a': 1}"),
        ("JsonObject", '{"a": 1, "a": 2}'),
        ("JsonObject", "null"),
        ("JsonObject", ""),
    ],
)
def test_a_file_that_is_none_of_its_type_is_refused(tmp_path: Path, kind: str, text: str) -> None:
    with pytest.raises(OutputError, match=f"^its output x, of type {TYPES[kind]}: ") as caught:
        collect(tmp_path, {"x": kind}, files={"x": text})
    assert caught.value.code == "output-type"


def test_a_secret_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"^its output api_key, of type NUMBER_INTEGER: is none$"):
        collect(tmp_path, {"api_key": "Integer"}, files={"api_key": "hunter2"})


def test_what_is_published_is_taken_whatever_it_is(tmp_path: Path) -> None:
    """The launcher does not look at types there: the driver of the next step does."""
    told = {"parameterValues": {"x": "told", "n": 1.5, "undeclared": [1]}}
    found, _ = collect(tmp_path, {"x": "String", "n": "Integer"}, told, {"x": "file"})
    assert found == {"x": "told", "n": 1.5, "undeclared": [1.0]}


@pytest.mark.parametrize(
    "told",
    [{"values": {}}, {"parameterValues": []}, {"artifacts": {"a": []}}, [1]],
    ids=["field", "parameters", "artifacts", "list"],
)
def test_an_executor_output_that_is_none_is_a_line(tmp_path: Path, told: Any) -> None:
    with pytest.raises(OutputError, match=r"^what it published is no executor output: .+$"):
        collect(tmp_path, {}, told)


def test_a_parameter_that_was_never_written_is_missed(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"^it ended well, but never wrote its output 'x'$"):
        collect(tmp_path, {"x": "Integer"}, {})


@pytest.mark.parametrize("kind", ["Dataset", "Metrics"])
def test_an_artifact_need_not_be_written(tmp_path: Path, kind: str) -> None:
    """The next step finds nothing then, as on a cluster."""
    _, found = collect(tmp_path, {"m": kind}, {})
    assert found["m"].uri == f"{ROOT}make/1/m" and found["m"].metadata == {}


def test_metadata_have_the_form_of_kfps_service(tmp_path: Path) -> None:
    metadata = {
        "n": 3,
        "half": 0.5,
        "tiny": 1e-7,
        "is": True,
        "list": [1, {"a": 1}],
        "of": {"a": [1]},
    }
    told = {"artifacts": {"m": {"artifacts": [{"metadata": metadata}]}}}
    _, found = collect(tmp_path, {"m": "Metrics"}, told)
    assert found["m"].metadata == {
        "n": 3.0, "half": 0.5, "tiny": 0.0, "is": 1.0, "list": {"list": [1.0, {"a": 1.0}]},
        "of": {"struct": {"a": [1.0]}},
    }  # fmt: skip


def test_a_null_in_metadata_is_refused(tmp_path: Path) -> None:
    told = {"artifacts": {"m": {"artifacts": [{"metadata": {"n": None}}]}}}
    with pytest.raises(OutputError, match="its artifact m: ") as caught:
        collect(tmp_path, {"m": "Metrics"}, told)
    assert caught.value.code == "metadata"


def test_a_process_says_a_path_for_an_address(tmp_path: Path) -> None:
    here = place(tmp_path)
    path = here.seen_address(f"{ROOT}make/1/other")
    assert path == str(tmp_path / "task" / "artifacts" / "make" / "1" / "other")
    told = {"artifacts": {"m": {"artifacts": [{"uri": path}]}}}
    _, found = collect(tmp_path, {"m": "Model"}, told)
    assert found["m"].uri == f"{ROOT}make/1/other"
    assert outputs.file_of(found["m"], here) == Path(path)


def test_an_artifact_in_another_bucket_is_refused(tmp_path: Path) -> None:
    told = {"artifacts": {"m": {"artifacts": [{"uri": "s3://bucket/model"}]}}}
    with pytest.raises(OutputError, match="which is not where the run keeps its artifacts"):
        collect(tmp_path, {"m": "Model"}, told)


@pytest.mark.parametrize("told", [{"uri": f"{ROOT}a\0b"}, {"customPath": "/tmp/a\0b"}])
def test_a_path_that_no_file_can_have_is_refused(tmp_path: Path, told: Any) -> None:
    with pytest.raises(OutputError, match=r"its artifact m is at .*, which no file can be"):
        collect(tmp_path, {"m": "Model"}, {"artifacts": {"m": {"artifacts": [told]}}})


def test_an_address_that_kfp_does_not_know_is_kept(tmp_path: Path) -> None:
    told = {"artifacts": {"m": {"artifacts": [{"uri": "https://example.com/model"}]}}}
    _, found = collect(tmp_path, {"m": "Model"}, told)
    assert found["m"].uri == "https://example.com/model"
    assert outputs.file_of(found["m"], place(tmp_path)) is None
