"""What `make step IN= OUT=` takes: names, types, defaults; everything else is refused."""

import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.scaffold import ports
from kfp_workbench.scaffold.ports import REQUIRED, Port

READ = {
    "": [],
    " \t\n ": [],
    "data:Dataset": [Port("data", "Dataset")],
    "data:Dataset trees:int=100": [Port("data", "Dataset"), Port("trees", "int", 100)],
    "a:int\n\tb:str": [Port("a", "int"), Port("b", "str")],
    "X:Dataset y_1:Dataset": [Port("X", "Dataset"), Port("y_1", "Dataset")],
    "models:List[Model] more:list[Dataset]": [
        Port("models", "List[Model]"),
        Port("more", "List[Dataset]"),
    ],
    "a:str=": [Port("a", "str", "")],
    "a:str=x=y:z": [Port("a", "str", "x=y:z")],
    'a:str="b c=d" e:int': [Port("a", "str", "b c=d"), Port("e", "int")],
    'a:str="$(x) \\"q\\" \'"': [Port("a", "str", "$(x) \"q\" '")],
    "a:str=$(touch${IFS}x)": [Port("a", "str", "$(touch${IFS}x)")],
    "a:int=-1": [Port("a", "int", -1)],
    "a:float=1 b:float=1e-3": [Port("a", "float", 1.0), Port("b", "float", 0.001)],
    "a:bool=true b:bool=False": [Port("a", "bool", True), Port("b", "bool", False)],
    "a:list=[1, [2]] b:dict={\"x\": \"y z\"}": [
        Port("a", "list", [1, [2]]),
        Port("b", "dict", {"x": "y z"}),
    ],
    "a:int=None b:str=null c:str=\"None\"": [
        Port("a", "int", None),
        Port("b", "str", None),
        Port("c", "str", "None"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("text", "found"), READ.items())
def test_inputs_are_read(text: str, found: list[Port]) -> None:
    assert ports.read(text, "").inputs == found


def test_outputs_are_read_and_may_be_unnamed() -> None:
    found = ports.read("a:int", "model:Model accuracy:float Output:dict").outputs
    assert found == [Port("model", "Model"), Port("accuracy", "float"), Port("Output", "dict")]
    assert all(port.default is REQUIRED for port in found)
    assert [port.is_artifact for port in found] == [True, False, False]


INPUTS = {
    "data": "IN: data has no type: write data:str, or data:Dataset",
    "data:": "IN: data has no type",
    ":int": "IN: '' is not a valid name: write name:type",
    "=": "IN: '' is not a valid name",
    "a b:int": "IN: a has no type",
    "1a:int": "IN: '1a' is not a valid name",
    "_a:int": "IN: '_a' is not a valid name",
    "a__b:int": "IN: 'a__b' is not a valid name",
    "a-b:int": "IN: 'a-b' is not a valid name",
    "é:int": "IN: 'é' is not a valid name",
    "a;touch:int": "IN: 'a;touch' is not a valid name",
    "$(x):int": "IN: '$(x)' is not a valid name",
    f"{'a' * 64}:int": "has 64 characters: use at most 63",
    "class:int": "IN: 'class' is a Python keyword: choose another name",
    "None:int": "IN: 'None' is a Python keyword",
    "help:int": "IN: 'help' is an option that every step has",
    "executor_input:int": "IN: 'executor_input' is an option that every step has",
    "int:int": "IN: 'int' is a name that the step's code uses itself: choose another",
    "Dataset:Dataset": "IN: 'Dataset' is a name that the step's code uses itself",
    "Output:int": "IN: 'Output' is what a returned value is called: choose another name",
    "a:Data": "IN: a: 'Data' is no type: choose one of str, int, float, bool, list, dict, Artifact, ",
    "a:dataset": "IN: a: 'dataset' is no type: write a:Dataset",
    "a:Int": "IN: a: 'Int' is no type: write a:int",
    "a:int,": "IN: a: 'int,' is no type: put a blank where the comma is",
    "a:Model,b:int": "IN: a: 'Model,b:int' is no type: put a blank where the comma is",
    "a:b:c": "IN: a: 'b:c' is no type",
    "a:PipelineTaskFinalStatus": "IN: a: a PipelineTaskFinalStatus is for an exit task, which you wire "
    "yourself: make the step without it, and add it in main.py",
    "a:List[int]": "IN: a: 'List[int]' is no type",
    "a:List[Model": "IN: a: 'List[Model' is no type",
    "a:int a:str": "IN: 'a' is there already, in IN: choose another name",
    "a:int A:str": "IN: 'A' is there already, in IN: choose another name",
    "a:int=": "IN: a: the default '' is not a whole number",
    "a:int=x": "IN: a: the default 'x' is not a whole number",
    "a:int=1.5": "IN: a: 1.5 is a number, not a whole number: write a whole number",
    "a:int=true": "IN: a: True is true or false, not a whole number",
    "a:int=007": "IN: a: the default '007' is not a whole number",
    "a:float=NaN": "IN: a: nan is beyond the numbers",
    f"a:float={'9' * 400}": "is beyond the numbers that KFP can carry (doubles)",
    f"a:int={2**53 + 1}": "IN: a: 9007199254740993 becomes 9007199254740992.0: KFP carries doubles",
    "a:float=1e999": "IN: a: inf is beyond the numbers",
    "a:bool=1": "IN: a: 1 is a whole number, not true or false",
    "a:list={}": "IN: a: {} is an object, not a JSON list",
    "a:list=[1": "IN: a: the default '[1' is not a JSON list",
    "a:list=[1]x": "IN: a: the default '[1]x' is not a JSON list",
    'a:dict={"x": 1, "x": 2}': "IN: a: the default '{\"x\": 1, \"x\": 2}' has the key 'x' twice",
    'a:str="x': "IN: a: '\"x' is no text between quotes",
    'a:str="x"y': "IN: a: '\"x\"y' is no text between quotes",
    "a:str='x'": "begins with a quote: put texts in \"...\"",
    'a:str="x\\ny"': "IN: a: 'x\\ny' has the control character U+000A",
    "a:str=\N{PILE OF POO}": "IN: a: has '\N{PILE OF POO}' (U+1F4A9), which a server refuses",
    "a:str={{workflow.x}}": "IN: a: has '{{workflow.x}}', which a server refuses",
    "password:str=hunter2": "IN: password: its name says secret",
    "data:Dataset=x": "IN: data: an artifact has no default: leave ='x' out",
    "models:List[Model]=[]": "IN: models: an artifact has no default: leave ='[]' out",
}  # fmt: skip
OUTPUTS = {
    "a:int=1": "OUT: a: an output has no default: leave ='1' out",
    "a:List[Model]": "OUT: a: a step makes no list of artifacts: write a:Model",
    "Output:Dataset": "OUT: 'Output' is what a returned value is called: choose another name",
    "given:int": "OUT: 'given' is there already, in IN: choose another name",
    "a:Model a:int": "OUT: 'a' is there already, in OUT: choose another name",
}


@pytest.mark.parametrize(
    ("inputs", "outputs", "line"),
    [(text, "", line) for text, line in INPUTS.items()]
    + [("given:int", text, line) for text, line in OUTPUTS.items()],
)
def test_what_cannot_be_is_one_line(inputs: str, outputs: str, line: str) -> None:
    with pytest.raises(WorkbenchError) as caught:
        ports.read(inputs, outputs)
    assert caught.value.status == 2
    assert line in str(caught.value)
    assert str(caught.value).isprintable()
    assert "hunter2" not in str(caught.value)


def test_all_problems_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WorkbenchError, match="3 problems, see above: nothing was started"):
        ports.read("a:Data b", "c:int=1")
    assert [line.partition(" ")[0] for line in capsys.readouterr().err.splitlines()] == [
        "IN:", "IN:", "OUT:"
    ]  # fmt: skip
