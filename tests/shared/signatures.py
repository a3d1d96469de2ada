"""Functions of typed steps: of every kind that KFP's lightweight components have."""

from pathlib import Path

from kfp_workbench.project import signatures
from kfp_workbench.project.signatures import Signature
from kfp_workbench.project.sources import Sources

# Lightweight components as KFP's documentation and samples have them, and each thing by itself.
FUNCTIONS = [
    "()",
    "() -> None",
    "(name: str) -> str",
    "(a: int, b: int) -> int",
    "(a: float = 7, b: float = 0.5) -> float",
    "(flag: bool) -> bool",
    "(flag: bool = False, other: bool = True)",
    "(items: list) -> list",
    "(items: list = [])",
    "(items: list = ['a', 'b']) -> List[str]",
    "(items: List[str]) -> List[int]",
    "(items: list[int] = [1, 2]) -> list[int]",
    "(items: List[List[float]] = [[1.5], []])",
    "(items: List[Dict[str, int]] = [{'a': 1}])",
    "(settings: dict) -> dict",
    "(settings: dict = {})",
    "(settings: dict = {'a': {'b': [1, True]}}) -> Dict[str, Any]",
    "(settings: Dict[str, List[int]] = {'a': [1]})",
    "(settings: dict[str, float]) -> dict[str, dict]",
    "(text: str = 'default message')",
    "(text: str = '')",
    "(text: str = 'yes')",
    "(text: str = '3')",
    "(text: str = 'a: b # c, {d} [e] \"f\"')",
    "(text: str = 'two\\nlines')",
    "(text: str = 'größer')",
    "(number: int = 0)",
    "(number: int = -3)",
    "(number: int = 10_000)",
    "(number: float = -1e-07)",
    "(number: float = 1e300)",
    "(number: int = 60 * 60)",
    "(text: Optional[str])",
    "(text: Optional[str] = None)",
    "(text: Union[str, None] = None)",
    "(number: Optional[int] = 3)",
    "(items: Optional[List[str]] = None)",
    "(settings: Optional[dict] = None) -> str",
    "(number: int = None)",
    "(*, number: int, text: str = 'a')",
    "(data: Input[Dataset])",
    "(data: Output[Dataset])",
    "(data: Input[Artifact], made: Output[Artifact])",
    "(data: Input[Dataset], model: Output[Model], epochs: int = 1)",
    "(model: Input[Model], metrics: Output[Metrics])",
    "(metrics: Output[ClassificationMetrics])",
    "(metrics: Output[SlicedClassificationMetrics])",
    "(page: Output[HTML], text: Output[Markdown])",
    "(page: Input[HTML], text: Input[Markdown], metrics: Input[Metrics])",
    "(data: Input[Dataset] = None)",
    "(data: Optional[Input[Dataset]] = None)",
    "(data: Optional[Input[Dataset]])",
    "(models: Input[List[Model]])",
    "(models: Input[list[Artifact]], best: Output[Model]) -> float",
    "(models: Input[List[Model]] = None)",
    "(models: List[Dataset], count: int = 3)",
    "(data: Dataset) -> Model",
    "() -> Dataset",
    "(data: InputPath('Dataset'))",
    "(data: InputPath(Dataset), made: OutputPath(Model))",
    "(data: InputPath('CSV'), made: OutputPath('CSV'))",
    "(data: InputPath(), made: OutputPath())",
    "(text: str, made: OutputPath(str))",
    "(made: OutputPath('String'), number: OutputPath(int), real: OutputPath(float))",
    "(flag: OutputPath(bool), items: OutputPath(List[int]), settings: OutputPath(dict))",
    "(message: str, data: Output[Dataset], kept: OutputPath('Dataset'), text: OutputPath(str))",
    "(data: Input[Dataset], model: Output[Model], metrics: Output[Metrics]) -> float",
    "(a: int) -> NamedTuple('Outputs', [('sum', int), ('product', int)])",
    "(a: int) -> NamedTuple('Outputs', sum=float, names=List[str], all=Dict[str, int])",
    "(a: int) -> NamedTuple('Outputs', [('model', Model), ('scalar', float)])",
    "(model: Output[Model]) -> NamedTuple('Outputs', [('accuracy', float)])",
    "() -> NamedTuple('Outputs', [('Accuracy', float)])",
    "() -> NamedTuple('Outputs', [('one', str)])",
    "(X_train: Input[Dataset], y: int = 1) -> int",
    "(X: int, y: int)",
    "(output: str) -> str",
    "(long_name_2: int, number3: float = 3)",
    "(on: int, no: bool = True, null: str = 'yes') -> float",  # none of which YAML means by them
    "(status: PipelineTaskFinalStatus)",
    "(status: PipelineTaskFinalStatus, who: str = 'x') -> None",
    "(user_input: str, status: PipelineTaskFinalStatus)",
    "(status: PipelineTaskFinalStatus = None)",
    "(status: PipelineTaskFinalStatus, models: Input[List[Model]]) -> str",
    "(data: Input[Dataset], model: Output[Model], trees: int = 100, depth: Optional[int] = None, "
    "names: list = ['a'], tags: dict = {'a': 'b'}) -> NamedTuple('O', [('score', float)])",
]  # fmt: skip
# What kfp itself does not take, and a step may have; beside it, what it is equal to.
BEYOND = {
    "(number: int | None = None)": "(number: Optional[int] = None)",
    "(number: None | int = 3)": "(number: Optional[int] = 3)",
    "(text: Union[None, str] = None)": "(text: Optional[str] = None)",
    "(number: 'int', data: 'Input[Dataset]') -> 'float'": "(number: int, data: Input[Dataset]) -> float",
    "() -> NamedTuple('Outputs', [('sum', 'float'), ('model', 'Model'), ('names', 'List[str]')])": "() -> NamedTuple('Outputs', [('sum', float), ('model', Model), ('names', List[str])])",
    "(status: Optional[PipelineTaskFinalStatus] = None)": "(status: PipelineTaskFinalStatus = None)",
    "(models: Optional[Input[List[Model]]] = None)": "(models: Input[List[Model]] = None)",
}


def signature_of(folder: Path, function: str, body: str = "    ...") -> Signature:
    path = folder / "steps" / "made" / "main.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = "from typing import *\nfrom common.step import *\n\n@step\n"
    path.write_text(f"{head}def made{function}:\n{body}\n", encoding="utf-8")
    signature, findings = signatures.examine(path, Sources(folder))
    assert not findings
    assert signature
    return signature
