"""What a step is handed for its inputs when it runs by itself, and what is read of its outputs."""

import json
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.testing.command_line import Artifact, CommandLine

INPUTS = [
    {"name": "context", "type": "JsonObject"},
    {"name": "Text", "type": "String", "default": "7"},
    {"name": "share", "type": "Float", "default": "0.5"},
    {"name": "rows", "type": "Integer", "optional": True},
    {"name": "data", "type": "Dataset"},
]
OUTPUTS = [{"name": "Output", "type": "JsonObject"}, {"name": "model", "type": "Model"}]
GIVEN = [
    (
        ["--c", {"inputValue": "context"}],
        {"context": {"b": 1, "a": [1.0]}},
        ["--c", '{"a":[1],"b":1}'],
    ),
    (["--c", {"inputValue": "context"}], {"context": "{"}, ["--c", "{"]),
    (["--c", {"inputValue": "context"}, "-v"], {}, ["-v"]),
    (["--t", {"inputValue": "Text"}], {}, ["--t", "7"]),
    (["--t", {"inputValue": "Text"}], {"text": "é $x"}, ["--t", "é $x"]),
    (["--s", {"inputValue": "share"}], {}, ["--s", "0.5"]),
    (["--s", {"inputValue": "share"}], {"share": 1.0}, ["--s", "1"]),
    (["--s", {"inputValue": "share"}], {"share": True}, ["--s", "true"]),
    (["--d", {"inputPath": "data"}], {"data": "/x.csv"}, ["--d", "/x.csv"]),
    (["--d", {"inputPath": "data"}], {"data": "x.csv"}, ["--d", "/project/x.csv"]),
    (["--r", {"inputValue": "rows"}, "-v"], {"rows": None}, ["-v"]),
    (["--d", {"inputUri": "data"}], {"data": Artifact(Path("/x"))}, ["--d", "/x"]),
    ([{"concat": ["--rows=", {"inputValue": "rows"}]}], {"rows": 3}, ["--rows=3"]),
    ([{"if": {"cond": {"isPresent": "rows"}, "then": ["-r"], "else": ["-n"]}}], {}, ["-n"]),
    ([{"if": {"cond": {"isPresent": "rows"}, "then": ["-r"]}}], {"rows": 0}, ["-r"]),
    (["--o", {"outputPath": "Output"}], {}, ["--o", "FOLDER/outputs/output/data"]),
]


def component(args: list[Any]) -> dict[str, Any]:
    container = {"image": "x", "command": ["python", "main.py"], "args": args}
    return {"inputs": INPUTS, "outputs": OUTPUTS, "implementation": {"container": container}}


@pytest.mark.parametrize(("args", "given", "words"), GIVEN, ids=[" ".join(g[2]) for g in GIVEN])
def test_placeholders_become_words(
    tmp_path: Path, args: list[Any], given: dict[str, Any], words: list[str]
) -> None:
    line = CommandLine(component(args), given, tmp_path, Path("/project"))
    found = [word.replace(str(tmp_path), "FOLDER") for word in line.words]
    assert found == ["python", "main.py", *words]


def test_placeholders_in_command_become_words(tmp_path: Path) -> None:
    made = component(["-x"])
    made["implementation"]["container"]["command"] = ["sh", "-c", "$0", {"inputValue": "Text"}]
    assert CommandLine(made, {}, tmp_path, tmp_path).words == ["sh", "-c", "$0", "7", "-x"]


def test_an_executor_input_is_as_kfp_writes_it(tmp_path: Path) -> None:
    given = {"context": {"n": 1}, "rows": 3, "data": Artifact(tmp_path / "in", {"k": "v"})}
    line = CommandLine(component([{"executorInput": None}]), given, tmp_path, tmp_path)
    found = json.loads(line.words[-1].replace(str(tmp_path), ""))
    assert found["inputs"]["parameterValues"] == {
        "context": {"n": 1.0}, "text": "7", "share": 0.5, "rows": 3.0
    }  # fmt: skip
    assert isinstance(found["inputs"]["parameterValues"]["rows"], float)
    (item,) = found["inputs"]["artifacts"]["data"]["artifacts"]
    assert (item["uri"], item["metadata"]) == ("/in", {"k": "v"})
    assert found["outputs"]["parameters"] == {"output": {"outputFile": "/outputs/output/data"}}
    (item,) = found["outputs"]["artifacts"]["model"]["artifacts"]
    assert (item["uri"], item["type"]["schemaTitle"]) == ("/outputs/model/model", "system.Model")


def test_an_artifact_is_handed_on_as_a_cluster_does(tmp_path: Path) -> None:
    """Several of them as a list; what metadata become there, they are here."""
    given = {"data": [Artifact(Path("/a"), {"sizes": [1, 2], "ok": True}), "b.csv"]}
    line = CommandLine(component([{"executorInput": None}]), given, tmp_path, Path("/project"))
    items = json.loads(line.words[-1])["inputs"]["artifacts"]["data"]["artifacts"]
    kind = {"instanceSchema": ""}
    metadata = {"sizes": {"list": [1, 2]}, "ok": 1.0}
    assert items == [
        {"name": "1", "uri": "/a", "type": kind, "metadata": metadata},
        {"name": "2", "uri": "/project/b.csv", "type": kind, "metadata": {}},
    ]


def test_outputs_are_those_that_were_written(tmp_path: Path) -> None:
    line = CommandLine(component([]), {}, tmp_path, tmp_path)
    assert line.outputs() == {}
    for name, text in (("output/data", '{"a": 1}'), ("model/model", "weights")):
        path = tmp_path / "outputs" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    model = Artifact(tmp_path / "outputs" / "model" / "model")
    assert line.outputs() == {"Output": {"a": 1}, "model": model}


def test_an_unknown_input_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        WorkbenchError, match="colour is no input of this step: it has context, text"
    ):
        CommandLine(component([]), {"colour": 1}, tmp_path, tmp_path)
