"""What `make step` adds to `pipeline.py`: where types fit, and not a line that does not fit."""

import ast
import difflib
from pathlib import Path

import pytest

from kfp_workbench.scaffold import adding, chains, modules, ports, wiring
from kfp_workbench.scaffold.ports import Ports

TRAINING = Path(__file__).parents[2] / "starters" / "training" / "pipeline.py"
CONTEXT = ports.read("context:dict", "Output:dict")
STEPS = {
    "load": ports.read("", "data:Dataset"),
    "split": ports.read("data:Dataset test_share:float seed:int", "train:Dataset test:Dataset"),
    "train": ports.read("train:Dataset depth:int", "model:Model rows:int"),
    "evaluate": ports.read("", "model:Model metrics:Metrics accuracy:float best:dict"),
    "report": ports.read("", "report:HTML"),
    "publish": ports.read("", "published:Model"),
}
CHAIN = '''\
"""Runs."""

from kfp import dsl
from kfp.components import load_component_from_file

one = load_component_from_file("steps/one/component.yaml")


@dsl.pipeline(name="x")
def pipeline(number: float{more}) -> float:
    first = one(number=number)
{rest}
'''


def added(text: str, step: str, steps: dict[str, Ports]) -> list[str]:
    """Return the lines that a step adds, and those that it takes out, with + and -."""
    after = wiring.wire(text, step, steps, adding.title(step)).text
    ast.parse(after)
    lines = difflib.ndiff(text.splitlines(), after.splitlines())
    return [line[:1] + line[2:] for line in lines if line[:1] in "+-"]


def task(inputs: str, outputs: str = "") -> str:
    """Return the call of a new last step of the training example, called last."""
    steps = {**STEPS, "last": ports.read(inputs, outputs)}
    wired = wiring.wire(TRAINING.read_text(encoding="utf-8"), "last", steps, "Last")
    return ", ".join(f"{name}={text}" for name, text in wired.arguments.items())


@pytest.mark.parametrize("count", [1, 2, 9])
def test_a_step_of_a_chain_is_as_if_it_had_been_there_from_the_start(count: int) -> None:
    names = [f"step_{number}" for number in range(count)]
    text = chains.pipeline_module("x", names)
    steps = dict.fromkeys([*names, "last"], CONTEXT)
    assert wiring.wire(text, "last", steps, "Last").text == chains.pipeline_module(
        "x", [*names, "last"]
    )


@pytest.mark.parametrize(
    ("inputs", "call"),
    [
        ("data:Dataset", 'data=loaded.outputs["data"]'),
        ("test:Dataset", 'test=parts.outputs["test"]'),
        ("rows:Dataset", 'rows=parts.outputs["train"]'),  # of the same type: the latest
        ("model:Model", 'model=evaluated.outputs["model"]'),
        ("candidate:Model", 'candidate=evaluated.outputs["model"]'),  # none of the condition's
        ("models:List[Model]", 'models=dsl.Collected(trained.outputs["model"])'),
        ("rows:list", 'rows=dsl.Collected(trained.outputs["rows"])'),
        ("metrics:Artifact", 'metrics=evaluated.outputs["metrics"]'),
        ("any_thing:Artifact", 'any_thing=written.outputs["report"]'),
        ("accuracy:float", 'accuracy=evaluated.outputs["accuracy"]'),
        ("accuracy:float=0.5", 'accuracy=evaluated.outputs["accuracy"]'),
        ("accuracy:int", "accuracy=last_accuracy"),  # another type: a parameter of its own
        ("share:float", "share=share"),  # a number of another name fits nothing
        ("seed:int trees:int=100", "seed=seed, trees=trees"),  # the pipeline's
        ("depths:list", "depths=depths"),
        ("seed:str", "seed=last_seed"),
        ("load:int", "load=last_load"),
        ("seed:int=None depth:int=None", "seed=seed"),  # what may be absent is left out
        ("text:Markdown", "text=text_imported.output"),
    ],
)
def test_an_input_is_wired_to_what_fits(inputs: str, call: str) -> None:
    assert task(inputs) == call


def test_new_parameters_have_the_inputs_defaults() -> None:
    steps = {"one": ports.read("", ""), "two": ports.read(
        'b:int=2 c:str="x y" d:list=[1] e:dict f:Markdown g:bool=true', ""
    )}  # fmt: skip
    text = CHAIN.format(more=", a: int = 1", rest="    return 1.0")
    assert added(text, "two", steps) == [
        '+two = load_component_from_file("steps/two/component.yaml")',
        "-def pipeline(number: float, a: int = 1) -> float:",
        "+def pipeline(",
        # A list is no default: it could be changed.
        "+    number: float, d: list, e: dict, f: str, a: int = 1, b: int = 2, "
        'c: str = "x y", g: bool = True',
        "+) -> float:",
        "+    f_imported = dsl.importer(artifact_uri=f, artifact_class=dsl.Markdown)",
        "+    two_task = two(b=b, c=c, d=d, e=e, f=f_imported.output, g=g)",
        '+    two_task.set_display_name("Two")',
    ]


@pytest.mark.parametrize(
    ("outputs", "rest", "lines"),
    [
        # What is handed on is the result, if it was that before.
        ("Output:float", "    return first.output", [
            "+    two_task = two(number=first.output)", "-    return first.output",
            '+    two_task.set_display_name("Two")', "+    return two_task.output",
        ]),
        ("Output:float", "    # the result\n    return first.output + 0", [
            "+    two_task = two(number=first.output)", '+    two_task.set_display_name("Two")',
        ]),
        ("", "    return first.output", [
            "+    two_task = two(number=first.output)", '+    two_task.set_display_name("Two")',
        ]),
        ("", "    with dsl.If(number > 1):\n        one(number=2.0)\n\n    return first.output", [
            "+", "+    two_task = two(number=first.output)",
            '+    two_task.set_display_name("Two")',
        ]),
        ("", "    first.set_display_name('1')", [
            "+    two_task = two(number=first.output)", '+    two_task.set_display_name("Two")',
        ]),
    ],
)  # fmt: skip
def test_a_task_comes_before_the_result(outputs: str, rest: str, lines: list[str]) -> None:
    steps = {
        "one": ports.read("number:float", "Output:float"),
        "two": ports.read("number:float", outputs),
    }
    found = added(CHAIN.format(more="", rest=rest), "two", steps)
    assert sorted(found[1:]) == sorted(lines)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("def pipeline", "def pipeline(:def", "it is no valid Python (invalid syntax"),
        ("@dsl.pipeline(name=\"x\")\n", "", "it is not written as make writes one"),
        ("one = load", "two = load", "it is not written as make writes one"),
        ("    first = one(number=number)\n    return 1.0", "", "it is no valid Python"),
        (") -> float:", ") -> float:  # mine", "the header of its function"),
        ("(number: float)", "(\n    number: float,  # mine\n)", "the header of its function"),
        ("(number: float)", "(*, number: float)", "the header of its function"),
        ("from kfp import dsl", "from kfp import dsl\ntwo = 1", "two is a name that it has already"),
    ],
)  # fmt: skip
def test_a_pipeline_of_another_kind_is_left_alone(old: str, new: str, reason: str) -> None:
    text = CHAIN.format(more="", rest="    return 1.0")
    assert old in text
    steps = {"one": ports.read("", ""), "two": ports.read("new:int", "")}
    with pytest.raises(modules.UnfitError) as caught:
        wiring.wire(text.replace(old, new), "two", steps, "Two")
    assert reason in str(caught.value)


def test_a_list_of_artifacts_that_nothing_makes_is_said() -> None:
    with pytest.raises(
        modules.UnfitError, match=r"nothing in it makes List\[HTML\], which x takes"
    ):
        task("x:List[HTML]")


def test_task_and_parameters_have_names_of_their_own() -> None:
    text = CHAIN.format(more="", rest="    two_task = two_x = one(number=number)\n    return 1.0")
    steps = {"one": ports.read("", ""), "two": ports.read("one:int x:int first:int", "")}
    found = added(text, "two", steps)
    assert "+    two_task_ = two(one=two_one, x=x, first=two_first)" in found
