"""Loops, conditions and what they are made of: a local run gives what a cluster would, or fails."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.graph import spec
from kfp_workbench.local import record
from shared.baking import bake, compiled, environment

SAY = '''\
"""Says something about a text."""

from pathlib import Path
from typing import NamedTuple

from common.step import Dataset, Output, step


class Outputs(NamedTuple):
    said: str
    length: int
    long: bool
    half: float
    letters: list
    pairs: list
    numbered: list
    about: dict


@step
def say(text: str, note: Output[Dataset]) -> Outputs:
    Path(note.path).write_text(text)
    return Outputs(
        said=text,
        length=len(text),
        long=len(text) > 3,
        half=len(text) / 2,
        letters=list(text),
        pairs=[{"a": letter, "b": letter * 2} for letter in text],
        numbered=[{"a": letter, "n": n} for n, letter in enumerate(text, 1)],
        about={"text": text, "letters": list(text)},
    )


if __name__ == "__main__":
    say.main()
'''
JOIN = '''\
"""Joins what it is given to one text."""

from typing import NamedTuple

from common.step import step


@step
def join(
    list: list = [], first: str = "", second: str = ""
) -> NamedTuple("Outputs", [("joined", str)]):
    return (f"{'+'.join(map(str, list))}{first}{second}",)


if __name__ == "__main__":
    join.main()
'''
READ = '''\
"""Reads two notes."""

from pathlib import Path
from typing import NamedTuple

from common.step import Dataset, Input, step


@step
def read(
    one: Input[Dataset], two: Input[Dataset]
) -> NamedTuple("Outputs", [("found", str)]):
    return ("+".join(Path(note.path).read_text() for note in (one, two)),)


if __name__ == "__main__":
    read.main()
'''
COUNT = '''\
"""Tells whether it is given a number: a cluster leaves out an optional input without a value."""

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    given = json.loads(sys.argv[2])
    told = given.get("inputs", {}).get("parameterValues", {}).get("n", "default")
    if told == 9:
        sys.exit("fails")
    if told != 8:  # with which nothing is written
        Path(given["outputs"]["parameters"]["output"]["outputFile"]).write_text(str(told))
'''
COMPONENTS = {
    "say": """\
inputs: [{name: text, type: String}]
outputs:
- {name: said, type: String}
- {name: length, type: Integer}
- {name: long, type: Boolean}
- {name: half, type: Float}
- {name: letters, type: JsonArray}
- {name: pairs, type: JsonArray}
- {name: numbered, type: JsonArray}
- {name: about, type: JsonObject}
- {name: note, type: Dataset}
""",
    "read": """\
inputs: [{name: one, type: Dataset}, {name: two, type: Dataset}]
outputs: [{name: found, type: String}]
""",
    "count": """\
inputs: [{name: n, type: Integer, optional: true}]
outputs: [{name: output, type: String}]
""",
    "join": """\
inputs:
- {name: list, type: JsonArray, default: '[]'}
- {name: first, type: String, default: ''}
- {name: second, type: String, default: ''}
outputs: [{name: joined, type: String}]
""",
}
HEAD = '''\
"""A pipeline."""

from pathlib import Path
from typing import List, Optional

from kfp import dsl
from kfp.components import load_component_from_file

STEPS = Path(__file__).parent / "steps"
say = load_component_from_file(str(STEPS / "say" / "component.yaml"))
join = load_component_from_file(str(STEPS / "join" / "component.yaml"))
read = load_component_from_file(str(STEPS / "read" / "component.yaml"))
count = load_component_from_file(str(STEPS / "count" / "component.yaml"))


@dsl.pipeline(name="inner")
def inner(text: str, times: list = ["x"]) -> str:
    with dsl.ParallelFor(times) as time:
        told = join(first=text, second=time)
    return join(list=dsl.Collected(told.output)).output


@dsl.pipeline(name="chosen")
def chosen(text: str) -> str:
    with dsl.If(text == "y"):
        a = say(text="is")
    with dsl.Else():
        b = say(text="not")
    return dsl.OneOf(a.outputs["said"], b.outputs["said"])


@dsl.pipeline(name="noted")
def noted(text: str) -> dsl.Dataset:
    return say(text=text).outputs["note"]


@dsl.pipeline(name="deeper")
def deeper(text: str) -> dsl.Dataset:
    return noted(text=text).output


'''
LOOP = "(items: list = ['a', 'bb']) -> str:\n"
# The pipeline after its name, and what it returns; each task's text tells what it was given.
PIPELINES: dict[str, tuple[str, Any]] = {
    # Conditions.
    "if-on-an-output": (
        "() -> str:\n  a = say(text='long')\n  with dsl.If(a.outputs['length'] > 3):\n"
        "    b = say(text='yes')\n  with dsl.Else():\n    c = say(text='no')\n"
        "  return dsl.OneOf(b.outputs['said'], c.outputs['said'])",
        "yes",
    ),
    "else-on-an-output": (
        "() -> str:\n  a = say(text='xy')\n  with dsl.If(a.outputs['length'] > 3):\n"
        "    b = say(text='yes')\n  with dsl.Else():\n    c = say(text='no')\n"
        "  return dsl.OneOf(b.outputs['said'], c.outputs['said'])",
        "no",
    ),
    "elif-on-outputs-of-all-types": (
        "() -> str:\n  a = say(text='four')\n  with dsl.If(a.outputs['said'] == 'x'):\n"
        "    b = say(text='if')\n  with dsl.Elif(a.outputs['half'] < 1.5):\n    c = say(text='elif')\n"
        "  with dsl.Elif(a.outputs['long'] == True):\n    d = say(text='second')\n"
        "  with dsl.Else():\n    e = say(text='else')\n"
        "  return dsl.OneOf(*(t.outputs['said'] for t in (b, c, d, e)))",
        "second",
    ),
    "if-on-a-parameter": (
        "(n: int = 2, s: str = \"it's && || ! ' == '\") -> str:\n  with dsl.If(n >= 2):\n"
        "    with dsl.If(s != 'x && !y'):\n      b = say(text=s)\n    with dsl.Else():\n"
        "      d = say(text='inner')\n    both = join(first=dsl.OneOf(b.outputs['said'], d.outputs['said']))\n"
        "  with dsl.Else():\n    c = say(text='no')\n"
        "  return dsl.OneOf(both.output, c.outputs['said'])",
        "it's && || ! ' == '",
    ),
    "an-output-that-looks-like-a-condition": (
        "(s: str = \"x' == 'x' or 'a\") -> str:\n  a = say(text=s)\n  with dsl.If(a.outputs['said'] == 'y'):\n"
        "    b = say(text='wrong')\n  with dsl.Else():\n    c = say(text='right')\n"
        "  return dsl.OneOf(b.outputs['said'], c.outputs['said'])",
        "right",
    ),
    "if-on-two-outputs": (
        "() -> str:\n  a = say(text='aaaa')\n  b = say(text='bb')\n"
        "  with dsl.If(a.outputs['length'] > b.outputs['length']):\n    c = say(text='more')\n"
        "  with dsl.Else():\n    d = say(text='less')\n"
        "  return dsl.OneOf(c.outputs['said'], d.outputs['said'])",
        "more",
    ),
    # Loops.
    "loop-over-a-parameter": (
        LOOP + "  with dsl.ParallelFor(items) as item:\n    a = say(text=item)\n"
        "  return join(list=dsl.Collected(a.outputs['said'])).output",
        "a+bb",
    ),
    "loop-over-a-literal": (
        "() -> str:\n  with dsl.ParallelFor(['x', 'y', 'z'], parallelism=1) as item:\n"
        "    a = say(text=item)\n  return join(list=dsl.Collected(a.outputs['said'])).output",
        "x+y+z",
    ),
    "loop-over-an-output": (
        "() -> str:\n  made = say(text='xyz')\n  with dsl.ParallelFor(made.outputs['letters']) as item:\n"
        "    a = join(first=item, second='!')\n  return join(list=dsl.Collected(a.output)).output",
        "x!+y!+z!",
    ),
    "loop-over-an-empty-output": (
        "() -> str:\n  made = say(text='')\n  with dsl.ParallelFor(made.outputs['letters']) as item:\n"
        "    a = say(text=item)\n  return join(first='done').after(a).output",
        "done",
    ),
    "loop-over-parts-of-an-output": (
        "() -> str:\n  made = say(text='xy')\n  with dsl.ParallelFor(made.outputs['pairs']) as item:\n"
        "    a = join(first=item.a, second=item.b)\n  return join(list=dsl.Collected(a.output)).output",
        "xxx+yyy",
    ),
    "loop-over-parts-of-a-literal": (
        "() -> str:\n  with dsl.ParallelFor([{'a': 'x', 'b': 'y'}, {'a': 'z', 'b': 'w'}]) as item:\n"
        "    a = join(first=item.a, second=item.b)\n  return join(list=dsl.Collected(a.output)).output",
        "xy+zw",
    ),
    "loop-with-an-output-from-outside": (
        LOOP + "  out = say(text='out')\n  with dsl.ParallelFor(items) as item:\n"
        "    a = join(first=item, second=out.outputs['said'])\n"
        "  return join(list=dsl.Collected(a.output)).output",
        "aout+bbout",
    ),
    "loop-with-a-parameter-from-outside": (
        "(items: list = ['a', 'b'], end: str = '!') -> str:\n  with dsl.ParallelFor(items) as item:\n"
        "    a = join(first=item, second=end)\n  return join(list=dsl.Collected(a.output)).output",
        "a!+b!",
    ),
    "loop-with-two-tasks": (
        LOOP + "  with dsl.ParallelFor(items) as item:\n    a = say(text=item)\n"
        "    b = join(first=a.outputs['said'], second=item)\n"
        "  return join(list=dsl.Collected(b.output)).output",
        "aa+bbbb",
    ),
    "loop-in-a-loop": (
        LOOP
        + "  with dsl.ParallelFor(items) as outer:\n    with dsl.ParallelFor(['x', 'y']) as item:\n"
        "      a = join(first=outer, second=item)\n    b = join(list=dsl.Collected(a.output))\n"
        "  return join(list=dsl.Collected(b.output)).output",
        "ax+ay+bbx+bby",
    ),
    "loop-over-an-output-in-a-loop": (
        "() -> str:\n  with dsl.ParallelFor(['ab', 'cd']) as outer:\n    made = say(text=outer)\n"
        "    with dsl.ParallelFor(made.outputs['letters']) as item:\n"
        "      a = join(first=outer, second=item)\n    b = join(list=dsl.Collected(a.output))\n"
        "  return join(list=dsl.Collected(b.output)).output",
        "aba+abb+cdc+cdd",
    ),
    # Conditions in loops, loops in conditions.
    "if-on-the-item": (
        LOOP + "  with dsl.ParallelFor(items) as item:\n    with dsl.If(item == 'bb'):\n"
        "      a = say(text='is')\n    with dsl.Else():\n      b = say(text='not')\n"
        "    c = join(first=dsl.OneOf(a.outputs['said'], b.outputs['said']))\n"
        "  return join(list=dsl.Collected(c.output)).output",
        "not+is",
    ),
    "if-on-a-number-in-an-item": (
        "() -> str:\n  out = say(text='ab')\n"
        "  with dsl.ParallelFor(out.outputs['numbered']) as item:\n    with dsl.If(item.n == 2):\n"
        "      a = say(text=item.a)\n  return join(first='done').after(a).output",
        "done",
    ),
    "if-on-an-item-that-is-a-number": (
        "(items: list = [1, 2.5]) -> str:\n  with dsl.ParallelFor(items) as item:\n"
        "    with dsl.If(item == 2.5):\n      a = say(text='is')\n    with dsl.Else():\n"
        "      b = say(text=item)\n    c = join(first=dsl.OneOf(a.outputs['said'], b.outputs['said']))\n"
        "  return join(list=dsl.Collected(c.output)).output",
        "1+is",
    ),
    "if-in-a-loop-on-an-output-from-outside": (
        LOOP + "  out = say(text='long')\n  with dsl.ParallelFor(items) as item:\n"
        "    with dsl.If(out.outputs['length'] == 4):\n      a = say(text=item)\n    with dsl.Else():\n"
        "      b = say(text='not')\n    c = join(first=dsl.OneOf(a.outputs['said'], b.outputs['said']))\n"
        "  return join(list=dsl.Collected(c.output)).output",
        "a+bb",
    ),
    "if-in-a-loop-on-an-output-from-inside": (
        LOOP + "  with dsl.ParallelFor(items) as item:\n    made = say(text=item)\n"
        "    with dsl.If(made.outputs['length'] == 2):\n      a = say(text=item)\n    with dsl.Else():\n"
        "      b = say(text='not')\n    c = join(first=dsl.OneOf(a.outputs['said'], b.outputs['said']))\n"
        "  return join(list=dsl.Collected(c.output)).output",
        "not+bb",
    ),
    "loop-in-an-if": (
        LOOP + "  made = say(text='long')\n  with dsl.If(made.outputs['long'] == True):\n"
        "    with dsl.ParallelFor(items) as item:\n      a = join(first=made.outputs['said'], second=item)\n"
        "    b = join(list=dsl.Collected(a.output))\n  with dsl.Else():\n    c = say(text='no')\n"
        "  return dsl.OneOf(b.output, c.outputs['said'])",
        "longa+longbb",
    ),
    # What a text is made of, and what comes after what.
    "texts-made-of-outputs-and-items": (
        LOOP + "  out = say(text='o')\n  with dsl.ParallelFor(items) as item:\n"
        "    a = say(text=f\"{item}-{out.outputs['said']}\")\n"
        "  return join(list=dsl.Collected(a.outputs['said'])).output",
        "a-o+bb-o",
    ),
    "a-numeric-item": (
        "() -> str:\n  with dsl.ParallelFor([1, 2, 3]) as n:\n    with dsl.If(n >= 2):\n"
        "      a = say(text=f'{n}')\n    with dsl.Else():\n      b = say(text='no')\n"
        "    c = join(first=dsl.OneOf(a.outputs['said'], b.outputs['said']))\n"
        "  return join(list=dsl.Collected(c.output)).output",
        "no+2+3",
    ),
    "items-of-any-type-as-texts": (
        "(items: list = [1, 0.0000001, True, [1, 'x'], {'b': 2.5, 'a': '<'}]) -> str:\n"
        "  with dsl.ParallelFor(items) as item:\n    a = say(text=item)\n"
        "  return join(list=dsl.Collected(a.outputs['said'])).output",
        '1+0.0000001+true+[1,"x"]+{"a":"\\u003c","b":2.5}',
    ),
    "texts-made-of-numbers": (
        "(n: int = 3, x: float = 2.0, b: bool = True) -> str:\n"
        "  return join(first=f'{n} {x} {b}').output",
        "3 2 true",
    ),
    "whole-numbers-in-a-list": (
        "(items: list = [1, 2.5]) -> str:\n  return join(list=items).output",
        "1+2.5",
    ),
    "exit-handler": (
        "() -> str:\n  end = say(text='end')\n  with dsl.ExitHandler(end):\n    a = say(text='a')\n"
        "    join(first=a.outputs['said'])\n  return join(first='x').output",
        "x",
    ),
    "after": (
        "() -> str:\n  a = say(text='a')\n  b = say(text='b').after(a)\n"
        "  return join(first=b.outputs['said']).after(a).output",
        "b",
    ),
    "collected-through-two-loops": (
        LOOP
        + "  with dsl.ParallelFor(items) as outer:\n    with dsl.ParallelFor(['x', 'y']) as item:\n"
        "      a = join(first=outer, second=item)\n"
        "  return join(list=dsl.Collected(a.output)).output",
        "ax+ay+bbx+bby",
    ),
    # Pipelines in pipelines.
    "a-default-of-the-inner-pipeline": (
        "(times: list = ['outer']) -> str:\n  return join(list=times, first=inner(text='a').output).output",
        "outerax",
    ),
    "no-value-for-an-optional-input": (
        "(n: Optional[int] = None) -> str:\n  return count(n=n).output",
        "default",
    ),
    "a-pipeline-twice": (
        "() -> str:\n  a = inner(text='a')\n  b = inner(text='b', times=['y', 'z'])\n"
        "  return join(first=a.output, second=b.output).output",
        "axby+bz",
    ),
    "a-pipeline-in-a-loop": (
        LOOP + "  out = say(text='xy')\n  with dsl.ParallelFor(items) as item:\n"
        "    a = inner(text=item, times=out.outputs['letters'])\n"
        "  return join(list=dsl.Collected(a.output)).output",
        "ax+ay+bbx+bby",
    ),
    "the-files-of-a-pipeline-used-twice": (
        "() -> str:\n  a = noted(text='a')\n  b = noted(text='b')\n"
        "  return read(one=a.output, two=b.output).output",
        "a+b",
    ),
    "the-files-of-a-pipeline-in-pipelines": (
        "() -> str:\n  a = noted(text='a')\n  b = deeper(text='b')\n"
        "  return read(one=a.output, two=b.output).output",
        "a+b",
    ),
}
# What cannot be done, neither here nor in a cluster, and what is said of it; never a success.
REFUSED = {
    "texts-made-of-parts-of-items": (
        "() -> str:\n  with dsl.ParallelFor([{'a': 'x', 'b': 'y'}]) as item:\n"
        "    a = say(text=f'{item.a}-{item.b}')\n"
        "  return join(list=dsl.Collected(a.outputs['said'])).output",
        "pipeline.py: for-loop-2 takes a of a loop's item, which KFP's compiler does not hand on",
    ),
    "texts-made-of-items-of-two-loops": (
        "():\n  with dsl.ParallelFor(['a', 'b']) as outer:\n    with dsl.ParallelFor([1, 2]) as item:\n"
        "      say(text=f'{outer}-{item}')",
        "pipeline.py: for-loop-2 takes a loop's item, which KFP's compiler does not hand on",
    ),
    "a-list-in-a-text-in-a-branch": (
        LOOP.replace(" -> str", "") + "  with dsl.ParallelFor(items) as item:\n"
        "    with dsl.If(item == 'a'):\n      say(text=f'{item} of {items}')",
        "pipeline.py: say takes items, which KFP's compiler does not hand on",
    ),
    "else-on-a-part-of-the-item": (
        "():\n  with dsl.ParallelFor([{'a': 'x', 'n': 1}, {'a': 'y', 'n': 2}]) as item:\n"
        "    with dsl.If(item.a == 'y'):\n      say(text='is')\n    with dsl.Else():\n"
        "      say(text='not')",
        "takes a loop's item, which KFP's compiler does not hand on",
    ),
    "loops-over-the-same": (
        "(xs: list = ['a', 'b']):\n  with dsl.ParallelFor(xs) as a:\n    with dsl.ParallelFor(xs) as b:\n"
        "      say(text=f'{a}{b}')",
        "pipeline.py: for-loop-2 is in a loop over the same, and KFP's compiler takes an item of xs",
    ),
    "loops-over-the-same-with-a-branch-between": (
        "():\n  made = say(text='ab')\n  with dsl.ParallelFor(made.outputs['letters']) as a:\n"
        "    with dsl.If(made.outputs['length'] == 2):\n"
        "      with dsl.ParallelFor(made.outputs['letters']) as b:\n        join(first=a, second=b)",
        "pipeline.py: for-loop-3 ",
    ),
    "a-branch-that-was-skipped": (
        LOOP + "  with dsl.ParallelFor(items) as item:\n    with dsl.If(item == 'a'):\n"
        "      a = say(text=item)\n  return join(list=dsl.Collected(a.outputs['said'])).output",
        "error: join: say was not run in each iteration",
    ),
    "collected-branches-with-outputs-of-two-names": (
        "() -> str:\n  with dsl.ParallelFor([{'a': 'x', 'n': 1}, {'a': 'y', 'n': 2}]) as item:\n"
        "    c = chosen(text=item.a)\n  return join(list=dsl.Collected(c.output)).output",
        "join: condition-3 has no output pipelinechannel--say-said",
    ),
    "loop-over-a-list-in-the-item": (
        "(items: list = [{'n': 'a', 'l': ['x', 'y']}, {'n': 'b', 'l': []}]) -> str:\n"
        "  with dsl.ParallelFor(items) as outer:\n    with dsl.ParallelFor(outer.l) as item:\n"
        "      a = join(first=outer.n, second=item)\n    b = join(list=dsl.Collected(a.output))\n"
        "  return join(list=dsl.Collected(b.output)).output",
        "for-loop-2: pipelinechannel--items-loop-item-subvar-l has no value",
    ),
    "what-a-loop-goes-over-within-it": (
        LOOP + "  with dsl.ParallelFor(items) as item:\n    a = inner(text=item, times=items)\n"
        "  return join(list=dsl.Collected(a.output)).output",
        "inner: the DAG around it has no input pipelinechannel--items",
    ),
    "no-value-in-a-text": (
        "(n: Optional[int] = None):\n  join(first=f'{n}')",
        "error: join: the input n is null",
    ),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with two steps; each test writes the pipeline."""
    project = bake(tmp_path_factory.mktemp("flow"), starter="blank", steps="say, join, read, count")
    for name, script in (("say", SAY), ("join", JOIN), ("read", READ), ("count", COUNT)):
        (project / "steps" / name / "main.py").write_text(script, encoding="utf-8")
        text = (
            f"name: {name}\n{COMPONENTS[name]}implementation:\n  container:\n"
            f"    image: localhost:5000/calculate-average/{name}\n    command: [python, main.py]\n"
            "    args: [--executor-input, {executorInput: null}]\n"
        )
        (project / "steps" / name / "component.yaml").write_text(text, encoding="utf-8")
    return project


def run_locally(project: Path, pipeline: str) -> "subprocess.CompletedProcess[str]":
    text = f'{HEAD}@dsl.pipeline(name="flow")\ndef pipeline{pipeline}\n'
    (project / "pipeline.py").write_text(text, encoding="utf-8")
    (project / "params" / "dev.yaml").write_text("", encoding="utf-8")
    for verb in (["compile"], ["local", "--runner", "process"]):
        words = [sys.executable, "-m", "kfp_workbench", *verb]
        env = environment()
        result = subprocess.run(words, cwd=project, env=env, capture_output=True, text=True)
        if result.returncode:
            break
    return result


@pytest.mark.parametrize(("pipeline", "expected"), PIPELINES.values(), ids=list(PIPELINES))
def test_a_local_run_gives_what_a_cluster_would(
    project: Path, pipeline: str, expected: Any
) -> None:
    result = run_locally(project, pipeline)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"Output": expected}
    assert spec.read(compiled(project)).nodes, "and it can be drawn"


@pytest.mark.parametrize(("pipeline", "words"), REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_done_is_a_failure(project: Path, pipeline: str, words: str) -> None:
    result = run_locally(project, pipeline)
    assert result.returncode in (1, 2) and result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert words in line
    assert "Traceback" not in result.stderr and "ERROR" not in result.stderr


def test_a_condition_on_a_number_in_an_item_is_right_each_time(project: Path) -> None:
    assert run_locally(project, PIPELINES["if-on-a-number-in-an-item"][0]).returncode == 0
    tasks = record.read(record.latest(project)).tasks
    within = [task for task in tasks if "/condition-2/" in task.path]
    assert [task.outputs["said"] for task in within] == ["b"]


def test_an_attempt_that_fails_names_its_iteration(project: Path) -> None:
    pipeline = "():\n  with dsl.ParallelFor([9, 9]) as item:\n    count(n=item).set_retry(1)"
    result = run_locally(project, pipeline)
    assert result.returncode == 1
    for number in (0, 1):
        name = f"count (for-loop-2[{number}])"
        assert f"{name}: failed with exit status 1, attempt 2 of 2 follows now" in result.stderr


def test_a_step_with_a_wrong_output_has_failed_like_any_other(project: Path) -> None:
    pipeline = "():\n  with dsl.ExitHandler(say(text='end')):\n    count(n=8)"
    result = run_locally(project, pipeline)
    assert result.returncode == 1
    assert "error: step count: it ended well, but never wrote its output 'output'" in result.stderr
    tasks = record.read(record.latest(project)).tasks
    states = {task.step: task.state for task in tasks if task.kind == "container"}
    assert states == {"count": "failed", "say": "succeeded"}, "what runs in any case runs"


def test_a_list_of_artifacts_is_a_result(project: Path) -> None:
    result = run_locally(
        project,
        LOOP.replace("str", "List[dsl.Dataset]") + "  with dsl.ParallelFor(items) as item:\n"
        "    a = say(text=item)\n  return dsl.Collected(a.outputs['note'])",
    )
    assert result.returncode == 0, result.stderr
    notes = json.loads(result.stdout)["Output"]
    assert [Path(note).read_text() for note in notes] == ["a", "bb"]
