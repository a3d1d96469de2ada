"""What a typed step publishes: whole or not at all, of the types that it declares, in one line if not."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from common.dsl import PATHS
from common.step import (
    Artifact,
    Dataset,
    Input,
    InputError,
    Metrics,
    Model,
    Output,
    OutputPath,
    step,
)
from shared.step_runs import executor_input, files, status, told


class Numpy:
    """A number or an array of numpy's, as far as JSON is concerned."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"array({self.value})"

    def tolist(self) -> Any:
        return self.value


def returning(kind: Any, value: Any) -> Any:
    """Return a step that returns a value, declared as a type."""

    def make():  # type: ignore[no-untyped-def]
        return value

    make.__annotations__ = {"return": kind}
    return step(make)


def nested(levels: int) -> Any:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


class Two(NamedTuple):
    """What a step returns."""

    accuracy: float
    names: list[str]


Functional = NamedTuple("Functional", [("n", int), ("text", str)])  # noqa: UP014  # as KFP's docs

RETURNED = {
    "text": (str, "é", {"output": "é"}),
    "int": (int, 3, {"output": 3}),
    "int-for-float": (float, 3, {"output": 3.0}),
    "bool": (bool, True, {"output": True}),
    "list": (list, [1, {"a": 2.5}], {"output": [1, {"a": 2.5}]}),
    "dict": (dict[str, float], {"a": 1}, {"output": {"a": 1}}),
    "numpy": (float, Numpy(0.5), {"output": 0.5}),
    "array": (list, [Numpy([1, 2])], {"output": [[1, 2]]}),
    "iterator": (list, map(abs, [-1]), {"output": [1]}),
    "several": (Two, Two(0.5, ["a"]), {"accuracy": 0.5, "names": ["a"]}),
    "a-tuple": (Two, (0.5, ["a"]), {"accuracy": 0.5, "names": ["a"]}),
    "functional": (Functional, Functional(3, "x"), {"n": 3, "text": "x"}),
    "nothing": (None, None, {}),
    "exact": (int, 2**53, {"output": 2**53}),
    "deep": (list, nested(100), {"output": nested(100)}),
}


@pytest.mark.parametrize(("kind", "value", "expected"), RETURNED.values(), ids=list(RETURNED))
def test_what_is_returned_is_published(
    tmp_path: Path, kind: Any, value: Any, expected: Any
) -> None:
    given = executor_input(tmp_path, dict.fromkeys(expected, ""))
    assert status(returning(kind, value), given) == 0
    assert told(tmp_path) == expected
    assert files(tmp_path) == ["deep/executor_output.json"]


WRONG = {
    "none": (dict, None, "Output: None is no dict"),
    "half": (int, 0.5, "Output: 0.5 is no int"),
    "text": (float, "0.5", "Output: '0.5' is no float"),
    "true": (int, True, "Output: True is no int"),
    "number": (str, 1, "Output: 1 is no str"),
    "within": (list[int], [1, "x"], "Output[1]: 'x' is no int"),
    "nan": (float, float("nan"), "Output: nan is no number to JSON"),
    "infinite": (dict, {"a": Numpy(float("inf"))}, "Output.a: inf is no number to JSON"),
    "object": (dict, {"a": Path("x")}, "Output: cannot be JSON (PosixPath is none of its types)"),
    "large": (int, 2**53 + 1, "Output: KFP rounds a number as large as 9007199254740993: publish"),
    "larger": (list, [-(10**400)], "Output[0]: KFP rounds a number as large as -1000"),
    "nested": (list, nested(101), "is nested more than 100 levels deep"),
    "nested-without-end": (list, nested(10**5), "Output: cannot be JSON (maximum recursion"),
    "undeclared": (None, 3, "returned 3, where nothing is due"),
    "one-of-two": (Two, 0.5, "returned 0.5, where accuracy, names is due"),
    "three-of-two": (Two, (1, 2, 3), "returned (1, 2, 3), where accuracy, names is due"),
    "none-of-two": (Two, None, "returned None, where accuracy, names is due"),
    "second-of-two": (Two, Two(1, "x"), "names: 'x' is no list"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("kind", "value", "words"), WRONG.values(), ids=list(WRONG))
def test_a_wrong_value_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: Any, value: Any, words: str
) -> None:
    names = ["accuracy", "names"] if kind is Two else ["output"] if kind else []
    given = executor_input(tmp_path, dict.fromkeys(names, ""))
    assert status(returning(kind, value), given) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("make: ") and words in line
    assert files(tmp_path) == []


# Files


def writing(work: Callable[[Any], None]) -> Any:
    """Return a step with a model, metrics and a value for its outputs."""

    @step
    def train(model: Output[Model], metrics: Output[Metrics]) -> float:
        metrics.log_metric("accuracy", 0.5)
        work(model)
        return 0.5

    return train


def outputs(folder: Path) -> dict[str, Any]:
    return executor_input(folder, {"model": "Model", "metrics": "Metrics", "output": ""})


def text(model: Any) -> None:
    Path(model.path).write_text("weights")


def folder(model: Any) -> None:
    Path(model.path).mkdir()
    Path(model.path, "weights").write_text("weights")


def test_the_executor_output_is_kfps(tmp_path: Path) -> None:
    from kfp.local import executor_output_utils

    def work(model: Any) -> None:
        text(model)
        model.framework = "none"
        model.metadata["shape"] = Numpy([1, 2])

    assert status(writing(work), outputs(tmp_path)) == 0
    path = str(tmp_path / "deep" / "executor_output.json")
    message = executor_output_utils.load_executor_output(path)
    assert message.parameter_values["output"].number_value == 0.5
    assert {*message.artifacts} == {"model", "metrics"}, "and none of KFP's own"
    found = told(tmp_path)
    assert found["model"] == {
        "name": "model",
        "uri": str(tmp_path / "model"),
        "type": {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"},
        "metadata": {"framework": "none", "shape": [1, 2]},
    }
    assert found["metrics"]["metadata"] == {"accuracy": 0.5}
    assert files(tmp_path) == ["deep/executor_output.json", "model"], "metrics have no file"


@pytest.mark.parametrize("work", [text, folder])
@pytest.mark.parametrize("error", [InputError("n: 0"), ZeroDivisionError(), KeyboardInterrupt()])
def test_a_step_that_fails_leaves_nothing(
    tmp_path: Path, work: Callable[[Any], None], error: BaseException
) -> None:
    def fail(model: Any) -> None:
        work(model)
        assert files(tmp_path), "while it is written, it is somewhere else"
        assert not (tmp_path / "model").exists()
        raise error

    kind = SystemExit if isinstance(error, InputError) else type(error)
    with pytest.raises(kind):
        writing(fail).main(["--executor-input", __import__("json").dumps(outputs(tmp_path))])
    assert files(tmp_path) == []


@pytest.mark.parametrize("work", [text, folder])
def test_outputs_are_whole(tmp_path: Path, work: Callable[[Any], None]) -> None:
    assert status(writing(work), outputs(tmp_path)) == 0
    found = tmp_path / "model"
    found = found / "weights" if found.is_dir() else found
    assert found.read_text() == "weights"
    os.umask(mask := os.umask(0))
    assert (tmp_path / "model").stat().st_mode & 0o777 == (
        (0o777 if (tmp_path / "model").is_dir() else 0o666) & ~mask
    ), "KFP's launcher may be another user"


def beside(model: Any) -> None:
    Path(f"{model.path}.npy").write_text("weights")


NEVER = {
    "nothing": (lambda model: None, "model: this output was never written"),
    "beside": (beside, "model: this output was never written; KFP does not keep what is beside it: model.npy"),
    "elsewhere": (lambda model: setattr(model, "path", "/nowhere/x"), "model: this output was never written"),
}  # fmt: skip


@pytest.mark.parametrize(("work", "words"), NEVER.values(), ids=list(NEVER))
def test_an_output_never_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], work: Any, words: str
) -> None:
    assert status(writing(work), outputs(tmp_path)) == 1
    assert capsys.readouterr().err == f"train: {words}\n"
    assert files(tmp_path) == []


def test_metrics_without_any_are_never_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @step
    def measure(metrics: Output[Metrics]) -> None:
        pass

    assert status(measure, executor_input(tmp_path, {"metrics": "Metrics"})) == 1
    assert capsys.readouterr().err == "measure: metrics: this output was never written\n"


def test_an_output_that_component_yaml_lacks_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(writing(text), executor_input(tmp_path, {"model": "Model"})) == 1
    words = "metrics: component.yaml has no such output: make component"
    assert capsys.readouterr().err == f"train: {words}\n"


def renamed(model: Any) -> None:
    model.path = f"{model.path}.joblib"
    text(model)


def moved(model: Any) -> None:
    other = Path(model.path).parent / "other"
    other.write_text("weights")
    model.set_path(str(other))


def test_a_step_may_choose_another_path(tmp_path: Path) -> None:
    """In the output's folder, whose address it has then; or anywhere, from where it is copied."""
    assert status(writing(renamed), outputs(tmp_path / "1")) == 0
    assert told(tmp_path / "1")["model"]["uri"] == str(tmp_path / "1" / "model.joblib")
    assert (tmp_path / "1" / "model.joblib").read_text() == "weights"
    assert status(writing(moved), outputs(tmp_path / "2")) == 0
    assert told(tmp_path / "2")["model"]["uri"] == str(tmp_path / "2" / "model")
    assert (tmp_path / "2" / "model").read_text() == "weights"


def test_what_is_written_goes_where_the_step_says(tmp_path: Path) -> None:
    """Also below a folder of the output's name, and by a name that it gives after it wrote."""

    def deeper(model: Any) -> None:
        model.path = f"{model.path}/weights"
        Path(model.path).parent.mkdir()
        text(model)

    assert status(writing(deeper), outputs(tmp_path / "1")) == 0
    assert told(tmp_path / "1")["model"]["uri"] == str(tmp_path / "1" / "model" / "weights")
    assert (tmp_path / "1" / "model" / "weights").read_text() == "weights"

    def addressed(model: Any) -> None:
        text(model)
        model.uri = str(tmp_path / "2" / "far" / "weights")

    assert status(writing(addressed), outputs(tmp_path / "2")) == 0
    assert told(tmp_path / "2")["model"]["uri"] == str(tmp_path / "2" / "far" / "weights")
    assert (tmp_path / "2" / "far" / "weights").read_text() == "weights"


def test_what_is_elsewhere_may_be_told_of(tmp_path: Path) -> None:
    def work(model: Any) -> None:
        model.uri = "s3://bucket/model"

    assert status(writing(work), outputs(tmp_path)) == 0
    assert told(tmp_path)["model"]["uri"] == "s3://bucket/model"


def test_figures_need_no_file_wherever_that_would_be(tmp_path: Path) -> None:
    @step
    def measure(metrics: Output[Metrics]) -> None:
        metrics.path = str(tmp_path / "nowhere" / "x")
        metrics.log_metric("accuracy", 0.5)

    assert status(measure, executor_input(tmp_path, {"metrics": "Metrics"})) == 0
    assert told(tmp_path)["metrics"]["metadata"] == {"accuracy": 0.5}


def test_what_is_at_another_address_stays_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be an input, in a place where nobody may write."""
    monkeypatch.setitem(PATHS, "minio://", f"{tmp_path}/minio/")
    (tmp_path / "minio").mkdir()
    (tmp_path / "minio" / "x").write_text("weights")
    moved = []
    monkeypatch.setattr(Path, "replace", lambda path, place: moved.append(path.name))

    def work(model: Any) -> None:
        model.uri, model.custom_path = "minio://x", ""

    assert status(writing(work), outputs(tmp_path)) == 0
    assert moved == ["executor_output.json"]


def test_an_artifact_may_be_returned(tmp_path: Path) -> None:
    """One with a file of its own, one at an address, or a value, which is its file's text."""
    (tmp_path / "weights").write_text("weights")
    made = Model("forest", str(tmp_path / "weights"), {"depth": 3})
    given = executor_input(tmp_path / "1", {"output": "Model"})
    assert status(returning(Model, made), given) == 0
    found = told(tmp_path / "1")["output"]
    assert (found["name"], found["metadata"]) == ("forest", {"depth": 3})
    assert (tmp_path / "1" / "output").read_text() == "weights"

    made = Model(uri="gs://bucket/model")
    assert status(returning(Model, made), executor_input(tmp_path / "2", {"output": "Model"})) == 0
    assert told(tmp_path / "2")["output"]["uri"] == "gs://bucket/model"

    given = executor_input(tmp_path / "3", {"output": "Artifact"})
    assert status(returning(Artifact, "text"), given) == 0
    assert (tmp_path / "3" / "output").read_text() == "text"


def test_paths_of_outputs_are_given(tmp_path: Path) -> None:
    """KFP reads a parameter's file itself."""

    @step
    def write(note: OutputPath(str), data: OutputPath("Dataset"), src: Input[Dataset]) -> None:  # type: ignore[valid-type]
        Path(note).write_text("hello")
        Path(data).write_text("rows")

    given = executor_input(
        tmp_path, {"note": "", "data": "Dataset"}, artifacts={"src": [{"uri": "gs://bucket/x"}]}
    )
    assert status(write, given) == 0
    assert [*told(tmp_path)] == ["data"]
    assert (tmp_path / "note").read_text() == "hello"
    assert (tmp_path / "data").read_text() == "rows"


def test_names_are_told_as_they_were_asked_for(tmp_path: Path) -> None:
    """KFP makes ``output`` of the one value of a component.yaml, and keeps other forms' capitals."""
    for name in ("output", "Output"):
        given = executor_input(tmp_path / name, {name: ""})
        assert status(returning(int, 1), given) == 0
        assert told(tmp_path / name) == {name: 1}
