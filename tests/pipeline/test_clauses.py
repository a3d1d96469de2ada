"""Each ``if`` in args that is written out for servers that hand its JSON to the container."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import compiler

from kfp_workbench.pipeline import clauses
from shared.case_projects import forked
from shared.traps import PRELUDE, shown

IF = "{if: {cond: {isPresent: n}, then: [--n, {inputValue: n}], else: [--none]}}"
INPUTS = '"[{name: case, type: String}, {name: n, type: String, optional: true}]"'
MODULE = f"""{PRELUDE}
{shown(f"[{{inputValue: case}}, {IF}, {{if: {{cond: {{isPresent: case}}, then: last}}}}]", INPUTS)}

@dsl.pipeline
def inner(case: str, n: Optional[str] = None, default: str = "x", absent: Optional[str] = None):
    show(case="inner's, passed", n=n)
    show(case="inner's default", n=default)
    show(case="inner's, absent", n=absent)


@dsl.pipeline(name="clauses")
def pipeline(needed: str, items: List[str], default: str = "x", perhaps: Optional[str] = None):
    show(case="nothing")
    show(case="a constant", n="")
    show(case="an output", n=give().output)
    show(case="an output, perhaps", n=give().output).ignore_upstream_failure()
    show(case="a parameter", n=needed)
    show(case="a parameter with a default", n=default)
    show(case="a parameter, perhaps", n=perhaps)
    with dsl.If(needed == "x"):
        show(case="in a condition", n=needed)
        show(case="in a condition, perhaps", n=perhaps)
    with dsl.ParallelFor(["a", "b"]) as item:
        show(case="an item", n=item)
    with dsl.ParallelFor([{{"a": "b"}}]) as part:
        show(case="a part of an item", n=part.a)
    with dsl.ParallelFor(items) as item:
        show(case="an item of any list", n=item)
    inner(case="inner", n="x")
"""
PRESENT, ABSENT = ["--n", "{{$.inputs.parameters['n']}}", "last"], ["--none", "last"]
EXPECTED = {
    "nothing": ABSENT,
    "a constant": PRESENT,
    "an output": PRESENT,
    "an output, perhaps": None,
    "a parameter": PRESENT,
    "a parameter with a default": PRESENT,
    "a parameter, perhaps": None,
    "in a condition": PRESENT,
    "in a condition, perhaps": None,
    "an item": PRESENT,
    "a part of an item": None,
    "an item of any list": None,
    "inner's, passed": PRESENT,
    "inner's default": PRESENT,
    "inner's, absent": ABSENT,
}


def _compiled(module: Path) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "module"}
    exec(compile(module.read_text(), module, "exec"), names)
    compiler.Compiler().compile(names["pipeline"], str(module.with_suffix(".yaml")))
    found: dict[str, Any] = yaml.safe_load(module.with_suffix(".yaml").read_text())
    return found


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    module = tmp_path_factory.mktemp("clauses") / "module.py"
    module.write_text(MODULE)
    (found,) = forked(_compiled, [module])
    return found


def args(document: dict[str, Any]) -> dict[str, list[list[str]]]:
    """Return what follows the first argument of each case's tasks, by its name."""
    found: dict[str, list[list[str]]] = {}
    for component in (document["root"], *document["components"].values()):
        for task in component.get("dag", {}).get("tasks", {}).values():
            label = document["components"][task["componentRef"]["name"]].get("executorLabel")
            case = task.get("inputs", {}).get("parameters", {}).get("case", {}).get("runtimeValue")
            if label and case:
                container = document["deploymentSpec"]["executors"][label]["container"]
                found.setdefault(case["constant"], []).append(container["args"][1:])
    return found


def test_what_is_sure_is_written_out_and_all_else_stays(document: dict[str, Any]) -> None:
    before, after = args(document), copy.deepcopy(document)
    assert clauses.write_out(after)
    assert args(after).keys() == EXPECTED.keys()
    for case, found in args(after).items():
        unsure = [[words[0], "last"] for words in before[case]]
        assert found == ([EXPECTED[case]] * len(found) if EXPECTED[case] else unsure), case
    assert not clauses.write_out(after), "nothing is left to write out"


@pytest.mark.parametrize(
    "clause",
    [
        '{"IfPresent": {"InputName": "n", "Then": [{"Concat": ["a"]}]}}',
        '{"IfPresent": {"InputName": "n", "Then": ["{{$.outputs.parameters[\'o\'].output_file}}"]}}',
        '{"IfPresent": "n"}',
        '{"IfPresent": ',
        pytest.param('{"IfPresent": ' + "[" * 100_000, id="nested"),
    ],
)
def test_what_no_server_resolves_is_left_as_it_is(document: dict[str, Any], clause: str) -> None:
    broken = copy.deepcopy(document)
    for executor in broken["deploymentSpec"]["executors"].values():
        executor["container"]["args"] = [clause]
    before = copy.deepcopy(broken)
    assert not clauses.write_out(broken) and broken == before


def test_tasks_of_one_component_have_to_agree(document: dict[str, Any]) -> None:
    """kfp makes a component for each task; a file from elsewhere may share one."""
    shared = copy.deepcopy(document)
    tasks = shared["root"]["dag"]["tasks"]
    (first, second) = (
        [task for task in tasks.values() if f"'{case}'" in str(task.get("inputs"))]
        for case in ("nothing", "a constant")
    )
    second[0]["componentRef"] = first[0]["componentRef"]
    clauses.write_out(shared)
    found = args(shared)
    assert found["nothing"] == found["a constant"] != [EXPECTED["nothing"]]
    assert found["nothing"][0][0].startswith(clauses.START)
