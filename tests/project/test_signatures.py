"""A step's signature, read from its text: what it takes, and what KFP cannot have."""

import textwrap
from pathlib import Path

import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import component_text, signatures
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.signatures import Signature
from kfp_workbench.project.sources import Sources

HEAD = "from typing import *\nfrom common.step import *\n"


def examine(folder: Path, text: str) -> tuple[Signature | None, list[Finding]]:
    path = folder / "steps" / "train" / "main.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return signatures.examine(path, Sources(folder))


def read(folder: Path, text: str) -> Signature:
    signature, findings = examine(folder, text)
    assert not findings
    assert signature
    return signature


def shown(signature: Signature) -> str:
    inputs = [
        f"{port.name}: {port.annotation}" + (f" = {port.default!r}" if port.optional else "")
        for port in signature.inputs
    ]
    outputs = [f"{port.name}: {port.annotation}" for port in signature.outputs]
    return f"{', '.join(inputs)} -> {', '.join(outputs)}"


TYPED = '''\
"""Trains a classifier."""

import numpy as np
from common.step import Dataset, Input, Metrics, Model, Output, step

TREES = 100

@step
def train(
    data: Input[Dataset], model: Output[Model], metrics: Output[Metrics], trees: int = TREES
) -> float:
    """Fit a random forest.

    Args:
        data: Rows to train on.
        model: The forest.

    Returns:
        Its accuracy.
    """
    return np.load(data.path)
'''


def test_signature_is_read_without_importing_the_step(tmp_path: Path) -> None:
    signature = read(tmp_path, TYPED)
    assert shown(signature) == (
        "data: Dataset, trees: int = 100 -> model: Model, metrics: Metrics, Output: float"
    )
    assert (signature.name, signature.path, signature.line) == ("train", "steps/train/main.py", 9)
    assert signature.description == "Fit a random forest."
    about = [port.description for port in (*signature.inputs, *signature.outputs)]
    assert about == ["Rows to train on.", "", "The forest.", "", "Its accuracy."]


@pytest.mark.parametrize(
    "imports",
    [
        "from common.step import Input as In, Dataset as D, step\n@step\ndef train(data: In[D]): ...",
        "import common.step as s\n@s.step\ndef train(data: s.Input[s.Dataset]): ...",
        "import common.step\n@common.step.step\n"
        "def train(data: common.step.Input[common.step.Dataset]): ...",
        "from common import step as dsl\n@dsl.step\ndef train(data: dsl.Input[dsl.Dataset]): ...",
        "from common.step import *\n@step\ndef train(data: Input[Dataset]): ...",
        "from common.step import *\n@step\ndef train(data: 'Input[Dataset]'): ...",
        "from common.step import *\n@step\ndef train(data: Input['Dataset']): ...",
        "from __future__ import annotations\nfrom common.step import *\n@step\n"
        "def train(data: Input[Dataset]): ...",
        "from common.step import *\nData = Input[Dataset]\n@step\ndef train(data: Data): ...",
        "from common.artifacts import Dataset\nfrom common.step import Input, step\n@step\n"
        "def train(data: Input[Dataset]): ...",
        "try:\n    from common.step import Dataset, Input, step\nexcept ImportError:\n    raise\n"
        "@step\ndef train(data: Input[Dataset]): ...",
    ],
)
def test_names_are_followed_to_where_they_come_from(tmp_path: Path, imports: str) -> None:
    assert shown(read(tmp_path, imports)) == "data: Dataset -> "


@pytest.mark.parametrize(
    ("default", "value"),
    [
        ("x: int = -1", -1),
        ("x: float = 1", 1.0),
        ("x: float = -1e-3", -0.001),
        ("x: int = 60 * 60", 3600),
        ("x: int = 2 ** 10", 1024),
        ("x: int = 10_000", 10000),
        ("x: str = 'a' 'b'", "ab"),
        ("x: str = 'a' + 'b'", "ab"),
        ("x: list = [1] + [NUMBER]", [1, 7]),
        ("x: bool = False", False),
        ("x: list = [1, [2.5, True]]", [1, [2.5, True]]),
        ("x: List[str] = []", []),
        ("x: dict = {'a': {'b': [True]}}", {"a": {"b": [True]}}),
        ("x: Optional[dict] = None", None),
        ("x: int | None = None", None),
        ("x: None | int = 3", 3),
        ("x: Union[str, None] = 'a'", "a"),
        ("x: int = NUMBER", 7),
        ("x: list[int] = [NUMBER, -NUMBER]", [7, -7]),
        ("*, x: int = 3", 3),
    ],
)
def test_defaults_are_values(tmp_path: Path, default: str, value: object) -> None:
    signature = read(tmp_path, f"{HEAD}NUMBER = 7\n@step\ndef train({default}): ...")
    (port,) = signature.inputs
    assert port.optional
    assert (port.default, type(port.default)) == (value, type(value))


@pytest.mark.parametrize(
    ("returned", "outputs"),
    [
        ("None", ""),
        ("int", "Output: int"),
        ("Model", "Output: Model"),
        ("Made", "rows: int, model: Model"),
        ("'Made'", "rows: int, model: Model"),
        ("MADE", "rows: int"),
        ("NamedTuple('Made', [('rows', int), ('names', List[str])])", "rows: int, names: list"),
        ("NamedTuple('Made', rows=int)", "rows: int"),
    ],
)
def test_results_are_outputs(tmp_path: Path, returned: str, outputs: str) -> None:
    text = (
        f"{HEAD}class Made(NamedTuple):\n    rows: int\n    model: Model\n"
        "MADE = NamedTuple('MADE', [('rows', int)])\n"
        f"@step\ndef train() -> {returned}: ..."
    )
    assert shown(read(tmp_path, text)) == f" -> {outputs}"


TIMED = """
def timed(function):
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner
"""
WRAPPED = TIMED.replace("    def inner", "    @functools.wraps(function)\n    def inner")
MARKED = {
    "called": ("@step()\ndef train(): ...", 3, "@step is called, and takes nothing: write @step, as"),
    "called with more": ("@step(base_image='a')\ndef train(): ...", 3, "@step is called, and takes"),
    "under another": (
        f"{WRAPPED}@timed\n@step\ndef train(): ...", 9,
        "@timed stands over @step, and makes another function of the step: put @step over all others",
    ),
    "over what hides": (
        f"{TIMED}@step\n@timed\ndef train(x: int): ...", 9,
        "@timed hides what the step takes: put @functools.wraps over inner, in line 5",
    ),
    "by hand": (
        "def train(): ...\ntrain = step(train)", 4,
        "step(...) is called, and nobody reads what it makes: write from common.step import step, and @",
    ),
    "of kfp": (
        "from kfp import dsl\n@dsl.component(base_image='a')\ndef train(): ...", 5,
        "train is a component of kfp's: write from common.step import step, and @step over the func",
    ),
    "for type checkers": (
        "from kfp import dsl\nif TYPE_CHECKING:\n    from common.step import Input as In\n"
        "@step\ndef train(x: In[Dataset]): ...", 7, "x: In[Dataset] is no type that KFP has",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MARKED)
def test_what_keeps_a_function_from_being_a_step_is_said(tmp_path: Path, name: str) -> None:
    text, line, said = MARKED[name]
    head = HEAD.replace("common.step import *", "common.step import Dataset, step")
    _, findings = examine(tmp_path, head + text)
    assert [
        (finding.line, finding.text.partition(": ")[2][: len(said)]) for finding in findings
    ] == [(line, said)]


@pytest.mark.parametrize("mark", ["@functools.cache\n", "@timed\n", "@retry(3)\n"])
def test_a_decorator_may_be_under_the_mark(tmp_path: Path, mark: str) -> None:
    text = f"{HEAD}import functools{WRAPPED}@step\n{mark}def train(x: int): ..."
    assert shown(read(tmp_path, text)) == "x: int -> "


@pytest.mark.parametrize(
    "text", ["", "def train(x): ...", "@other\ndef train(x): ...", "from common.step import step"]
)
def test_module_without_a_step_has_no_signature(tmp_path: Path, text: str) -> None:
    assert examine(tmp_path, text) == (None, [])


MORE = """\
LOOP = Optional["LOOP"]
from elsewhere import Elsewhere
class Plain:
    x: int

"""
REFUSED = {
    "def train(x): ...": "x has no type, and KFP needs one: write x: int, x: Input[Dataset]",
    "def train(*xs: int): ...": "the step takes *xs, and KFP knows no such input: give each",
    "def train(**xs: int): ...": "the step takes **xs, and KFP knows no such input: give each",
    "def train(x: int, /): ...": "x can be given by its place only",
    "async def train(x: int): ...": "the step train is async: call asyncio.run",
    "def train(x: tuple): ...": "x: tuple is no type that KFP has: use list",
    "def train(x: pd.DataFrame): ...": "x: pd.DataFrame is no type that KFP has: use Input[Data",
    "def train(x: Inputs[Model]): ...": "x: Inputs[Model] is no type that KFP has: did you mean",
    "def train(x: int | str): ...": "x: int | str is of several types: KFP has one for each",
    "def train(x: Input): ...": "x: Input does not say of what: write Input[Dataset]",
    "def train(x: InputPath(str)): ...": "x: InputPath(str) is a parameter, of which KFP gives",
    "def train(x: Input[int]): ...": "x: Input[int] is no artifact: write int",
    "def train(x: Output[int]): ...": "x: Output[int] is no artifact: return it, or write Output",
    "def train(x: Output[List[Model]]): ...": "x: Output[List[Model]] is a list: KFP has no lists",
    "def train(x: Output[Model] = None): ...": "the output x has a default: leave it off",
    "def train(x: Input[Model] = 3): ...": "the default of x is 3, and it is an artifact: only",
    "def train(x: int = 1.5): ...": "the default of x: 1.5 is a number, not a whole number",
    "def train(x: int = True): ...": "the default of x: True is true or false, not a whole",
    "def train(x: str = 5): ...": "the default of x: 5 is a whole number, not text: put it",
    "def train(x: int = len('a')): ...": "the default of x is \"len('a')\", which only running",
    "def train(x: dict = {1: 2}): ...": "the default of x: the key 1 is a whole number: put it",
    "def train(x: list = [[None]]): ...": "the default of x holds None, which KFP does not take",
    "def train(Output: int): ...": "an input is called Output: it is what KFP calls a result",
    "def train(_x: int): ...": "'_x' is no name that KFP takes for inputs: use letters",
    "def train(x: int, X: int): ...": "the inputs 'x' and 'X' are one name to KFP: rename one",
    "def train(x: Output[Model]) -> NamedTuple('O', [('x', int)]): ...": "the outputs 'x' and 'x'",
    "def train() -> Optional[int]: ...": "returns Optional[int]: KFP knows no value that may be",
    "def train() -> List[Model]: ...": "returns List[Model]: a step has no lists of artifacts",
    "def train() -> Output[Model]: ...": "returns Output[Model]: write -> Model",
    "def train() -> Tuple[int, str]: ...": "returns Tuple[int, str], which has no names: write Na",
    "def train() -> namedtuple('O', ['a']): ...": "namedtuple('O', ['a']) has no types: write Named",
    "def train(x: Annotated[int, 'a']): ...": "x: Annotated[int, 'a'] says more than KFP takes: write int",
    "def train() -> Iterator[int]: ...": "Iterator[int] is no type that KFP has: use list",
    "def train(x: str = 'a' * 3): ...": "the default of x is \"'a' * 3\", which only running",
    "def train() -> (int, str): ...": "(int, str) is no type that KFP has: use str, int",
    "def train() -> NamedTuple('O', FIELDS): ...": "returns NamedTuple('O', FIELDS): write its",
    "def train(x: LOOP): ...": "x: an annotation has itself for a part, or very many: use str",
    "def train(x: Plain): ...": "x: Plain is a class of this module: use dict for an input",
    "def train() -> Elsewhere: ...": "Elsewhere is no type that KFP has: use str, int, float,",
    "def train(x: dict = {[]: 1}): ...": "the default of x is '{[]: 1}', which only running",
    "def train(x: 'a b'): ...": "x: 'a b' is no annotation: use str, int",
}


@pytest.mark.parametrize("function", REFUSED, ids=REFUSED)
def test_what_kfp_cannot_have_is_one_line_with_its_place(tmp_path: Path, function: str) -> None:
    _, findings = examine(tmp_path, f"{HEAD}{MORE}@step\n{function}")
    assert len(findings) == 1
    assert findings[0].text.startswith(f"steps/train/main.py:9: {REFUSED[function]}")
    with pytest.raises(WorkbenchError) as raised:
        signatures.read(tmp_path / "steps" / "train" / "main.py")
    assert (str(raised.value), raised.value.status) == (findings[0].text, 2)


def test_second_step_and_one_within_something_are_found(tmp_path: Path) -> None:
    text = f"{HEAD}@step\ndef train(): ...\n@step\ndef test(): ...\n"
    _, findings = examine(tmp_path, text)
    assert [finding.line for finding in findings] == [6]
    assert findings[0].what == "test is a second @step, beside train"
    _, findings = examine(tmp_path, f"{HEAD}class A:\n    @step\n    def train(): ...\n")
    assert findings[0].what == "the step train is within something else"


def test_file_that_is_no_python_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "steps" / "train" / "main.py"
    path.parent.mkdir(parents=True)
    path.write_text("x = 1\ndef train(:\n")
    with pytest.raises(WorkbenchError, match=r"^steps/train/main.py:2: is no valid Python"):
        signatures.read(path)


ODD = {
    "a-default-of-itself": "X = [X]\n@step\ndef train(x: list = X): ...",
    "a-deep-default": f"@step\ndef train(x: list = {'[' * 90}{']' * 90}): ...",
    "a-huge-number": "@step\ndef train(x: int = 9**99 * 9**99, y: float = 10**99 * 1.5): ...",
    "no-number": "@step\ndef train(x: float = 1 / 0, y: float = (-8) ** 0.5): ...",
    "a-long-union": f"@step\ndef train(x: {' | '.join(['int'] * 300)}): ...",
    "a-text-of-a-text": "@step\ndef train(x: '\\'int\\''): ...",
    "unpacked": "@step\ndef train(x: Dict[*a] = {**b}, y: list = [*c]): ...",
    "star-of-nothing": "from . import *\n@step\ndef train(x: Input[Nothing]): ...",
    "calls": "@step\ndef train(x: f(1)[2]() = g(h)) -> NamedTuple(*a, **b): ...",
    "not-printable": "@step\ndef train(x: int):\n    'a\\ud800\\0\\x07b'",
}


@pytest.mark.parametrize("text", ODD.values(), ids=list(ODD))
def test_no_signature_is_too_odd(tmp_path: Path, text: str) -> None:
    signature, findings = examine(tmp_path, HEAD + text)
    assert signature
    assert all("\n" not in finding.text for finding in findings)
    assert signature.description.isprintable()
    component_text.text(signature, "image", ["python"], {}).encode()
