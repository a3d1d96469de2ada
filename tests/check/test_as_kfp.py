"""`make check` refuses of a component what kfp refuses, and takes what it takes."""

from pathlib import Path
from typing import Any

import pytest
from kfp import compiler, components

from kfp_workbench.check import Finding
from shared.checking import contract, report

IMAGE = "localhost:5000/calculate-average/add"
PORTS = "[{name: a, type: String, optional: true}, {name: d, type: Dataset, optional: true}]"


def port(text: str, way: str = "inputValue") -> dict[str, str]:
    """Return a component with an input that is handed over in a way."""
    return {"inputs": f"[{{name: a, {text}}}]", "args": f"[--a, {{{way}: a}}]"}


def output(text: str, way: str = "outputPath") -> dict[str, str]:
    return {"outputs": f"[{{name: a, {text}}}]", "args": f"[--a, {{{way}: a}}]"}


def args(text: str, key: str = "args") -> dict[str, str]:
    """Return a component with an optional parameter and artifact, which these words hand over."""
    both = "--a, {inputValue: a}, --d, {inputPath: d}"
    found = {"inputs": PORTS, "args": f"[{both}]"}
    return {**found, key: text.replace("BOTH", both)}


TAKEN: list[dict[str, str]] = [
    *(port(f"type: {kind}") for kind in (
        "String", "Integer", "Float", "Double", "Bool", "boolean", "JsonObject", "JsonArray", "dict",
        "list", "text", "'List[str]'", "'typing.List[str]'", "'typing.Dict[str, int]'",
        "typing.String", "PipelineTaskFinalStatus",
    )),
    *(port(f"type: {kind}", way) for way in ("inputPath", "inputUri") for kind in (
        "CSV", "{GCSPath: {data_type: CSV}}", "system.Dataset", "Dataset", "DATASET", "URI",
        "google.VertexModel", "{String: {}}", "'Optional[str]'",
    )),
    port("description: x", "inputPath"),
    *(output(f"type: {kind}", way) for way in ("outputPath", "outputUri") for kind in (
        "CSV", "{GCSPath: {}}", "system.Dataset", "Dataset", "Metrics", "google.VertexModel",
    )),
    output("description: x"),
    output("type: 'typing.List[str]'"),
    *(port(f"type: {kind}, default: {value}") for kind, value in (
        ("String", "100"), ("String", "1.5"), ("String", "''"), ("String", '"a\\nb"'),
        ("Integer", "3"), ("Integer", "'3'"), ("Float", "1"), ("Float", "'1e3'"), ("Float", "1e3"),
        ("Bool", "true"), ("Bool", "'no'"), ("Bool", "1"), ("JsonArray", "'[1]'"),
        ("JsonObject", "'{\"a\": 1}'"), ("'List[str]'", "'[]'"),
    )),
    *(port(f"type: {kind}, default: {value}", "inputPath") for kind, value in (
        ("Dataset", "x"), ("CSV", "''"), ("{GCSPath: {}}", "x"),
    )),
    args("[BOTH, {if: {cond: {isPresent: a}, then: [--x, {inputValue: a}]}}]"),
    args("[BOTH, {if: {cond: {isPresent: a}, then: --x, else: --y}}]"),
    args("[BOTH, {if: {cond: {isPresent: a}, then: {inputValue: a}, else: [{inputPath: d}]}}]"),
    args("[BOTH, {concat: [--x=, {inputValue: a}]}]"),
    args("[{executorInput: null}]"),
    args("[python, -u, -c, x, {inputValue: a}, {if: {cond: {isPresent: d}, then: [x]}}]", "command"),
    args("{A: x}", "env"),
    args("{}", "env"),
    args("null", "env"),
    args("{annotations: {a: b}, labels: {a: b}}", "metadata"),
    args("null", "metadata"),
    args("v1", "version"),
    args("null", "description"),
    {**args("[BOTH]"), "inputs": "[{name: a, optional: null, type: String}, {name: d, annotations: {a: 1}}]"},
]  # fmt: skip
REFUSED: list[dict[str, str]] = [
    *(port(f"type: {kind}") for kind in (
        "CSV", "system.Dataset", "Dataset", "{GCSPath: {}}", "{String: {}}", "'Optional[str]'", "Json",
        "[x]", "3",
    )),
    port("description: x"),
    *(port(f"type: {kind}", way) for way in ("inputPath", "inputUri") for kind in (
        "String", "'typing.List[str]'", "PipelineTaskFinalStatus",
    )),
    output("type: Integer", "outputUri"),
    output("type: [x]"),
    *(port(f"type: {kind}, default: {value}") for kind, value in (
        ("JsonArray", "[1]"), ("JsonObject", "{a: 1}"), ("String", "[1]"), ("String", "2020-01-01"),
        ("Integer", "x"), ("Integer", "'3.7'"), ("Float", "x"), ("Float", ".nan"), ("Float", ".inf"),
        ("Bool", "maybe"), ("Integer", "1e3"),
    )),
    *(args(f"[BOTH, {text}]") for text in (
        "3", "true", "null", "1.5", "[x]", "{inputValue: a, inputPath: d}", "{concat: [x, 3]}",
        "{concat: x}", "{if: {cond: true, then: [x]}}", "{if: {cond: 'true', then: [x]}}",
        "{if: {cond: {inputValue: a}, then: [x]}}", "{if: {cond: {isPresent: z}, then: [x]}}",
        "{if: {cond: {isPresent: a}}}", "{if: {cond: {isPresent: a}, then: [3]}}",
        "{if: {cond: {isPresent: a}, then: [x], else: {inputValue: a}}}",
        "{if: {condition: {isPresent: a}, then: [x]}}", "{ifPresent: {inputName: a, then: [x]}}",
        "{inputMetadata: a}", "{outputMetadata: null}", "{executorInput: x}", "{inputValue: z}",
        "{inputValue: [a]}", "{inputValue: A}", "{}", "{isPresent: a}",
    )),
    args("x"),
    args("{}"),
    args("x", "command"),
    args("[python, 3]", "command"),
    *(args(text, "env") for text in ("{A: 3}", "{A: true}", "{A: null}", "{A: {inputValue: a}}", "[A]")),
    args("{3: x}", "env"),
    *(args(text, "metadata") for text in (
        "{a: b}", "{annotations: {a: 3}}", "{annotations: {a: {b: c}}}", "x", "{labels: x}",
    )),
    args("1", "version"),
    args("3", "description"),
    args("[x]", "tags"),
    *({**args("[BOTH]"), "inputs": f"[{{name: a, type: String, {more}}}, {{name: d}}]"} for more in (
        "optional: 'yes'", "optional: 1", "annotations: x", "description: 3", "size: 3",
    )),
    *({"inputs": f"[{{name: {name}, type: String}}]", "args": f"[{{inputValue: {name}}}]"} for name in (
        "1st", "'---'", "3",
    )),
]  # fmt: skip


def written(parts: dict[str, str]) -> str:
    """Return the text of a component."""
    inner = {"command": "[python, -c, x]", "env": "null", "args": "[]", **parts}
    top = [
        f"{key}: {text}\n" for key, text in parts.items() if key not in ("command", "args", "env")
    ]
    lines = [f"    {key}: {inner[key]}\n" for key in ("command", "args", "env")]
    return f"name: add\n{''.join(top)}implementation:\n  container:\n    image: {IMAGE}\n{''.join(lines)}"


def takes(text: str, folder: Path) -> bool:
    """Tell whether kfp takes a component, and makes a file of it that can be read again."""
    try:
        component: Any = components.load_component_from_text(text)
        compiler.Compiler().compile(component, str(folder / "component.yaml"))
    except Exception:  # whatever it raises
        return False
    return True


def of_component(project: Path, text: str) -> list[Finding]:
    """Return what is found of a component, but not that the pipeline calls another one."""
    (project / "steps" / "add" / "component.yaml").write_text(text)
    return [finding for finding in contract(project) if finding.path != "pipeline.py"]


@pytest.mark.parametrize("parts", TAKEN, ids=str)
def test_what_kfp_takes_is_not_found(project: Path, tmp_path: Path, parts: dict[str, str]) -> None:
    text = written(parts)
    assert takes(text, tmp_path)
    assert report(of_component(project, text)) == ""


@pytest.mark.parametrize("parts", REFUSED, ids=str)
def test_what_kfp_refuses_is_found(project: Path, tmp_path: Path, parts: dict[str, str]) -> None:
    text = written(parts)
    assert not takes(text, tmp_path)
    found = of_component(project, text)
    assert found and all(len(finding.text.splitlines()) == 1 for finding in found)
    assert {finding.path for finding in found} == {"steps/add/component.yaml"}
