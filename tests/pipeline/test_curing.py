"""What `make compile` puts right: the compiled file before, as kfp makes it, and after."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from kfp_workbench.pipeline import curing
from shared.case_projects import forked
from shared.traps import PRELUDE, pipeline, shown

LIMITED = """

@dsl.container_component
def size(cpu: dsl.OutputPath(str)):
    return see("--out", cpu, "500m")
"""
DEFAULTS = (
    '''"[{name: n, type: Integer, default: '5'}, {name: l, type: 'List[int]', default: '[1]'}]"'''
)
CASES: dict[str, tuple[str, tuple[str, ...], Any, Any]] = {
    # a module, where to look in the compiled file, and what is there before and after
    "concat": (
        shown("[{concat: ['--n=', {inputValue: n}, {concat: ['/', {inputValue: m}]}]}]")
        + pipeline('show(n="x", m="y")'),
        ("deploymentSpec", "executors", "exec-show", "container", "args"),
        ['{"Concat": ["--n=", "{{$.inputs.parameters[\'n\']}}", {"Concat": ["/", '
         '"{{$.inputs.parameters[\'m\']}}"]}]}'],
        ["--n={{$.inputs.parameters['n']}}/{{$.inputs.parameters['m']}}"],
    ),
    "concat-of-an-output": (
        shown("[--out, {outputPath: o}, x, {concat: ['--o=', {outputPath: o}]}]",
              outputs="[{name: o, type: String}]") + pipeline("show()"),
        ("deploymentSpec", "executors", "exec-show", "container", "args"),
        ["--out", "{{$.outputs.parameters['o'].output_file}}", "x",
         '{"Concat": ["--o=", "{{$.outputs.parameters[\'o\'].output_file}}"]}'],
        ["--out", "{{$.outputs.parameters['o'].output_file}}", "x",
         "--o={{$.outputs.parameters['o'].output_file}}"],
    ),
    "concat-with-an-if": (
        shown("[{concat: ['--n=', {if: {cond: {isPresent: n}, then: {inputValue: n}}}]}]")
        + pipeline('show(n="x")'),
        ("deploymentSpec", "executors", "exec-show", "container", "args"),
        (same := ['{"Concat": ["--n=", {"IfPresent": {"InputName": "n", "Then": '
                  '"{{$.inputs.parameters[\'n\']}}"}}]}']),
        same,
    ),
    "a-text-that-looks-like-one": (
        pipeline("""say(text='{"Concat": ["a", "b"]}')"""),
        ("root", "dag", "tasks", "say", "inputs", "parameters", "text"),
        (given := {"runtimeValue": {"constant": '{"Concat": ["a", "b"]}'}}),
        given,
    ),
    "defaults": (
        shown("[{inputValue: n}, {inputValue: l}]", DEFAULTS) + pipeline("show()"),
        ("root", "dag", "tasks", "show", "inputs", "parameters"),
        None,
        {"n": {"runtimeValue": {"constant": 5.0}}, "l": {"runtimeValue": {"constant": [1.0]}}},
    ),
    "a-default-that-is-passed": (
        shown("[{inputValue: n}, {inputValue: l}]", DEFAULTS) + pipeline("show(n=3, l=[])"),
        ("root", "dag", "tasks", "show", "inputs", "parameters"),
        (passed := {"n": {"runtimeValue": {"constant": 3.0}}, "l": {"runtimeValue": {"constant": []}}}),
        passed,
    ),
    "a-limit-of-an-output": (
        LIMITED + pipeline('say(text="a").set_cpu_limit(size().outputs["cpu"])'),
        ("root", "dag", "tasks", "say", "dependentTasks"),
        None,
        ["size"],
    ),
    "a-limit-of-an-output-in-a-loop": (
        LIMITED + pipeline('with dsl.ParallelFor(["a"]) as item:\n'
                           '    say(text=item).set_memory_limit(size().outputs["cpu"])'),
        ("components", "comp-for-loop-2", "dag", "tasks", "say", "dependentTasks"),
        None,
        ["size"],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any]]:
    folder = tmp_path_factory.mktemp("modules")
    made = forked(_compile, [(folder, case[0]) for case in CASES.values()])
    return dict(zip(CASES, made, strict=True))


def _compile(work: tuple[Path, str]) -> tuple[Any, Any]:
    """Return a pipeline's specification as kfp compiles it, and cured."""
    folder, body = work
    path = folder / f"m{os.getpid()}.py"
    path.write_text(PRELUDE + body, encoding="utf-8")
    found = importlib.util.spec_from_file_location(path.stem, path)
    assert found and found.loader
    loaded = importlib.util.module_from_spec(found)
    found.loader.exec_module(loaded)
    spec = loaded.pipeline.pipeline_spec
    before = json_format.MessageToDict(spec)
    curing.cure(spec)
    once = json_format.MessageToDict(spec)
    curing.cure(spec)
    assert json_format.MessageToDict(spec) == once  # nothing is left to cure
    return before, once


@pytest.mark.parametrize(("name", "case"), CASES.items(), ids=CASES)
def test_compiled_before_and_after(
    compiled: dict[str, tuple[Any, Any]], name: str, case: tuple[str, tuple[str, ...], Any, Any]
) -> None:
    _, place, *expected = case
    found = []
    for document in compiled[name]:
        part: Any = document
        for key in place:
            part = part.get(key) if isinstance(part, dict) else None
        found.append(part)
    assert found == expected
