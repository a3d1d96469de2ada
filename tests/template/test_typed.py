"""Typed steps: every kind of output, handed on by every runner; wrong use in one line."""

import json
import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from common.context import InputError, OutputError
from common.step import Step, run
from kfp_workbench.local import record
from kfp_workbench.report.page import unwrapped
from shared.baking import PROJECT, environment, make
from shared.typed import ARTIFACTS, VALUES, make_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of two typed steps."""
    return make_project(tmp_path_factory.mktemp("typed"))


def test_the_contract_of_typed_steps_holds(project: Path) -> None:
    result = make(project, "graph", "check")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("runner", ["process", "docker"])
def test_everything_is_handed_on(project: Path, runner: str, request: Any) -> None:
    if runner == "docker":
        request.getfixturevalue("client")
    result = make(project, "local", f"RUNNER={runner}")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)["Output"]
    assert {name: found[name] for name in VALUES} == VALUES
    assert found["dataset"] == {
        "metadata": {"rows": 2, "schema": {"a": "int"}}, "content": [b"a\n1\n2\n".hex()]
    }  # fmt: skip
    assert found["model"] == {"metadata": {"framework": "none"}, "content": ["00ff"]}
    assert found["artifact"] == {"metadata": {}, "content": ["é".encode().hex()]}
    assert found["metrics"] == {"metadata": {"accuracy": 0.97, "count": 3}, "content": []}
    assert found["html"]["content"] == [b"<b>html</b>".hex()]
    assert found["evaluation"]["metadata"] == expected_evaluation()
    # What the record holds is what the step published.
    task = next(task for task in record.read(record.latest(project)).tasks if task.step == "make")
    published = {item["key"]: item for item in task.artifacts_out}
    assert_given_as_on_a_cluster(found, published["dataset"]["uri"])
    assert published["dataset"]["metadata"]["rows"] == 2
    for name, kind in ARTIFACTS.items():
        item = published[name]
        assert item["type"] == f"system.{kind}"
        assert unwrapped(item["metadata"]) == found[name]["metadata"]
        assert bool(item["file"]) == bool(found[name]["content"]), "metrics have no file"
        assert (record.latest(project) / item["file"]).exists()


def assert_given_as_on_a_cluster(found: Any, uri: str) -> None:
    """Check what the second step was given of the data set, and its log as an output."""
    (item,) = found["given"]["artifacts"]
    assert item["name"].isdigit() and item["type"] == {"instanceSchema": ""}
    assert item["uri"].split("/")[-3:] == uri.split("/")[-3:]
    added = {
        "display_name": "dataset",
        "store_session_info": item["metadata"]["store_session_info"],
    }
    assert item["metadata"] == {"rows": 2, "schema": {"struct": {"a": "int"}}, **added}
    ((name, more),) = found["more"].items()
    log = more["artifacts"][0]
    kind = {"schemaTitle": "system.Artifact"}
    assert log == {"name": name, "type": kind, "uri": log["uri"]} and name == "executor-logs"


def expected_evaluation() -> Any:
    """Return what kfp's own class makes of the same figures."""
    from kfp import dsl

    theirs = dsl.ClassificationMetrics()
    theirs.log_confusion_matrix(["no", "yes"], [[5, 1], [0, 4]])
    theirs.log_roc_curve([0, 0.2], [0, 1], [1, 0.5])
    return theirs.metadata


def executor_input(folder: Path, **values: Any) -> dict[str, Any]:
    """Return what KFP gives a step, with two output parameters and three output artifacts."""
    kinds = {"model": "Model", "metrics": "Metrics", "evaluation": "ClassificationMetrics"}
    return {
        "inputs": {"parameterValues": values},
        "outputs": {
            "parameters": {name: {"outputFile": str(folder / name)} for name in ("a", "b")},
            "artifacts": {
                name: {
                    "artifacts": [
                        {
                            "name": name,
                            "uri": str(folder / name),
                            "type": {"schemaTitle": f"system.{kind}", "schemaVersion": "0.0.1"},
                        }
                    ]
                }
                for name, kind in kinds.items()
            },
            "outputFile": str(folder / "deep" / "executor_output.json"),
        },
    }


def publish_all(step: Step) -> None:
    step.publish("a", 1)
    step.publish("B", "x")
    with step.output("model") as path:
        path.write_text("weights")
    step.metrics("metrics", accuracy=1)
    step.classification_metrics("evaluation", ["x"], [[1]])


def run_it(folder: Path, function: Any, **values: Any) -> int:
    return run(
        "train", function, ["--executor-input", json.dumps(executor_input(folder, **values))]
    )


def test_the_executor_output_is_kfps(tmp_path: Path) -> None:
    from kfp.local import executor_output_utils

    assert run_it(tmp_path, publish_all) == 0
    path = tmp_path / "deep" / "executor_output.json"
    message = executor_output_utils.load_executor_output(str(path))
    assert {name: value.string_value or value.number_value for name, value in
            message.parameter_values.items()} == {"a": 1, "b": "x"}  # fmt: skip
    assert set(message.artifacts) == {"model", "metrics", "evaluation"}
    assert message.artifacts["model"].artifacts[0].uri == str(tmp_path / "model")
    assert (tmp_path / "model").read_text() == "weights"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["deep", "model"]


class Numpy:
    """A number or an array of numpy's, as far as JSON is concerned."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"array({self.value},\n      dtype=object)"

    def tolist(self) -> Any:
        return self.value


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    def publish(step: Step) -> None:
        step.metrics("metrics", accuracy=Numpy(0.5))  # type: ignore[arg-type]
        step.publish("a", [Numpy(0.5)])
        step.publish("b", Numpy([1, 2]))
        labels, matrix, roc = Numpy(["x"]), Numpy([[3.0]]), zip([0], [1], [-2], strict=True)
        step.classification_metrics("evaluation", labels, matrix, roc)  # type: ignore[arg-type]
        with step.output("model", shape=Numpy([1, 2])) as path:
            path.touch()

    assert run_it(tmp_path, publish) == 0
    found = json.loads((tmp_path / "deep" / "executor_output.json").read_text())
    assert found["parameterValues"] == {"a": [0.5], "b": [1, 2]}
    metadata = {name: item["artifacts"][0]["metadata"] for name, item in found["artifacts"].items()}
    assert metadata == {
        "metrics": {"accuracy": 0.5},
        "model": {"shape": [1, 2]},
        "evaluation": {
            "confusionMatrix": {
                "annotationSpecs": [{"displayName": "x"}], "rows": [{"row": [3.0]}]
            },
            "confidenceMetrics": [
                {"falsePositiveRate": 0, "recall": 1, "confidenceThreshold": -2}
            ],
        },
    }  # fmt: skip


def test_metrics_and_metadata_may_have_any_name(tmp_path: Path) -> None:
    def publish(step: Step) -> None:
        for name in ("a", "b"):
            step.publish(name, 1)
        step.metrics("metrics", name=1, self=2)
        step.classification_metrics("evaluation", ["x"], [[1]])
        with step.output("model", name="forest", self="x") as path:
            path.touch()

    assert run_it(tmp_path, publish) == 0
    found = json.loads((tmp_path / "deep" / "executor_output.json").read_text())["artifacts"]
    assert found["metrics"]["artifacts"][0]["metadata"] == {"name": 1, "self": 2}
    assert found["model"]["artifacts"][0]["metadata"] == {"name": "forest", "self": "x"}


def written(step: Step, name: str) -> None:
    with step.output(name) as path:
        path.touch()


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def evaluation(labels: Any, matrix: Any, roc: Any = ()) -> Any:
    """Return a step that publishes these."""
    return lambda step: step.classification_metrics("evaluation", labels, matrix, roc)


WRONG = {
    "never": (lambda step: step.publish("a", 1), "b: this output was never published"),
    "twice": (lambda step: (step.publish("a", 1), step.publish("A", 1)), "A: this output is published twice"),
    "artifact-twice": (
        lambda step: (step.metrics("metrics", x=1), step.metrics("metrics", x=1)), "metrics: this output is published twice"
    ),
    "unknown": (lambda step: step.publish("c", 1), "c: not among the parameters that component.yaml declares: a, b"),
    "unknown-artifact": (lambda step: step.metrics("m", x=1), "m: not among the artifacts"),
    "nan": (lambda step: step.publish("a", float("nan")), "a: cannot be JSON (Out of range float values"),
    "infinite-metric": (lambda step: step.metrics("metrics", x=float("inf")), "metrics: cannot be JSON"),
    "text-metric": (lambda step: step.metrics("metrics", x="high"), "metrics: x is 'high', which is no number"),
    "true-metric": (lambda step: step.metrics("metrics", x=True), "metrics: x is True, which is no number"),
    "object": (lambda step: step.publish("a", object()), "a: cannot be JSON"),
    "nan-in-an-array": (lambda step: step.publish("a", Numpy([float("nan")])), "a: cannot be JSON (Out of range float values"),
    "path": (lambda step: step.publish("a", Path("x")), "is none of its types): PosixPath('x')"),
    "nested": (lambda step: step.publish("a", nested(101)), "a: is nested more than 100 levels deep"),
    "nested-without-end": (lambda step: step.publish("a", nested(10**5)), "a: is nested more than 100 levels deep"),
    "nested-metric": (lambda step: step.metrics("metrics", x=nested(10**5)), "metrics: is nested more than 100 levels deep"),
    "nested-metadata": (lambda step: step.output("model", x=nested(10**5)).__enter__(), "model: is nested more than 100"),
    "metrics-of-a-model": (lambda step: step.metrics("model", x=1), "model: metrics() publishes no Model: use output()"),
    "file-of-metrics": (
        lambda step: written(step, "metrics"), "metrics: output() publishes no Metrics: use metrics()"
    ),
    "file-of-evaluation": (
        lambda step: written(step, "evaluation"),
        "evaluation: output() publishes no ClassificationMetrics: use classification_metrics()",
    ),
    "metrics-of-an-evaluation": (
        lambda step: step.metrics("evaluation", x=1),
        "evaluation: metrics() publishes no ClassificationMetrics: use classification_metrics()",
    ),
    "evaluation-of-metrics": (
        lambda step: step.classification_metrics("metrics", ["x"], [[1]]),
        "metrics: classification_metrics() publishes no Metrics: use metrics()",
    ),
    "matrix": (evaluation(["x", "y"], [[1, 2]]), "evaluation: matrix is of 1 rows, for 2 labels"),
    "no-matrix": (evaluation(["x", "y"], None), "evaluation: matrix is None, which is no list"),
    "no-labels": (evaluation(None, [[1]]), "evaluation: labels is None, which is no list"),
    "flat": (evaluation(["x", "y"], [1, 0]), "evaluation: matrix has the row 1: give 2 counts"),
    "ragged": (evaluation(["x", "y"], [[1, 2], [1]]), "evaluation: matrix has the row [1]: give 2 counts"),
    "text": (evaluation(["x", "y"], [["x", None], [1, 1]]), "matrix has the row ['x', None]: give 2 counts"),
    "negative": (evaluation(["x", "y"], [[1, 1], [-1, 1]]), "matrix has the row [-1, 1]: give 2 counts"),
    "true": (evaluation(["x"], [[True]]), "matrix has the row [True]: give 1 counts"),
    "half": (evaluation(["x"], [[0.5]]), "matrix has the row [0.5]: give 1 counts"),
    "pairs": (evaluation(["x"], [[1]], [(0, 1), (1, 1)]), "roc has the point [0, 1]: give a false and a true positive rate"),
    "rates": (evaluation(["x"], [[1]], [(0, 1.5, 1)]), "roc has the point [0, 1.5, 1]: give"),
    "negative-rate": (evaluation(["x"], [[1]], [(-0.1, 1, 1)]), "roc has the point [-0.1, 1, 1]: give"),
    "text-in-the-curve": (evaluation(["x"], [[1]], [("q", 1, 1)]), "roc has the point ['q', 1, 1]: give"),
    "no-point": (evaluation(["x"], [[1]], [1]), "roc has the point 1: give"),
    "no-curve": (evaluation(["x"], [[1]], None), "evaluation: roc is None, which is no list"),
    "infinite-threshold": (evaluation(["x"], [[1]], [(0, 0, float("inf"))]), "evaluation: cannot be JSON (Out of range"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG.values(), ids=list(WRONG))
def test_wrong_use_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[Any, str]
) -> None:
    function, words = wrong
    assert run_it(tmp_path, function) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("train: ") and words in line
    assert list(tmp_path.rglob("*")) == []


def test_whatever_a_step_says_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(step: Step) -> None:
        raise OutputError("a: this\nand that")

    assert run_it(tmp_path, fail) == 1
    assert capsys.readouterr().err == "train: a: this and that\n"


def test_a_hundred_levels_are_published(tmp_path: Path) -> None:
    Step(executor_input(tmp_path)).publish("a", nested(100))


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("again", [False, True])
def test_what_failed_while_it_was_written_is_not_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: bool, again: bool
) -> None:
    def publish(step: Step) -> None:
        for name in ("a", "b"):
            step.publish(name, 1)
        step.metrics("metrics")
        step.classification_metrics("evaluation", ["x"], [[1]])
        with suppress(ZeroDivisionError), step.output("model", try_=1) as path:
            (path.mkdir if folder else path.touch)()
            raise ZeroDivisionError
        if again:
            with step.output("model", try_=2) as path:
                path.write_text("whole")

    assert run_it(tmp_path, publish) == (0 if again else 1)
    if again:
        found = json.loads((tmp_path / "deep" / "executor_output.json").read_text())["artifacts"]
        assert found["model"]["artifacts"][0]["metadata"] == {"try_": 2}
        assert (tmp_path / "model").read_text() == "whole"
        assert sorted(item.name for item in tmp_path.iterdir()) == ["deep", "model"]
    else:
        assert capsys.readouterr().err == "train: model: this output was never published\n"
        assert list(tmp_path.rglob("*")) == []


def test_nothing_written_is_wrong_use(tmp_path: Path) -> None:
    step = Step(executor_input(tmp_path))
    with pytest.raises(OutputError, match="model: nothing was written"), step.output("model"):
        pass


@pytest.mark.parametrize("folder", [False, True])
def test_a_step_that_fails_leaves_nothing(tmp_path: Path, folder: bool) -> None:
    def fail(step: Step) -> None:
        with step.output("model") as path:
            (path.mkdir if folder else path.touch)()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_it(tmp_path, fail)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [(3.0, int, 3), (3, float, 3.0), ("x", str, "x"), (False, bool, False), ([1], list, [1])],
)
def test_parameters_come_as_their_type(
    tmp_path: Path, value: Any, kind: Any, expected: Any
) -> None:
    found = Step(executor_input(tmp_path, n=value)).parameter("N", kind)
    assert found == expected and type(found) is kind


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (3.5, int),
        ("3", int),
        (True, int),
        (True, float),
        (1, bool),
        (1, str),
        ({}, list),
        ([], dict),
    ],
)
def test_parameters_of_another_type_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: Any, kind: Any
) -> None:
    assert run_it(tmp_path, lambda step: step.parameter("n", kind), n=value) == 2
    assert capsys.readouterr().err == f"train: n: {value!r} is no {kind.__name__}\n"


def test_a_deeply_nested_parameter_of_another_type_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = executor_input(tmp_path, n=nested(10**5))
    with pytest.raises(InputError, match=r"^n: <list> is no int$"):
        Step(given).parameter("n", int)


def test_an_input_that_is_not_given_has_its_default(tmp_path: Path) -> None:
    step = Step(executor_input(tmp_path, other=1, null=None, zero=0, empty=""))
    assert step.parameter("Rate", float, default=0.1) == 0.1
    assert step.parameter("null", list, default=[]) == []
    assert step.parameter("rate", str, default=None) is None
    assert step.parameter("zero", int, default=7) == 0
    assert step.parameter("empty", str, default="x") == ""
    with pytest.raises(InputError, match="zero: 0 is no str"):
        step.parameter("zero", str, default="x")


@pytest.mark.parametrize("name", ["rate", "null"])
def test_an_input_that_is_not_given_and_has_no_default_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    given = {"b": 1, "null": None, "a": False}
    assert run_it(tmp_path, lambda step: step.parameter(name, float), **given) == 2
    assert capsys.readouterr().err == (
        f"train: {name}: was not given, or component.yaml does not declare it; given: b, a\n"
    )


def test_what_is_not_given_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_it(tmp_path, lambda step: step.artifact("data")) == 2
    assert capsys.readouterr().err == (
        "train: data: was not given, or component.yaml does not declare it; given: none\n"
    )
    with pytest.raises(SystemExit, match="2"):
        run("train", lambda step: None, ["--executor-input", "{"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("train: --executor-input: not valid JSON")


@pytest.mark.parametrize(
    "uri", ["/a/b", "gs://a/b", "s3://a/b", "minio://a/b"]
)  # fmt: skip
def test_addresses_are_paths_as_in_kfp(tmp_path: Path, uri: str) -> None:
    from kfp import dsl

    given = executor_input(tmp_path)
    given["inputs"]["artifacts"] = {"x": {"artifacts": [{"uri": uri, "metadata": {"k": 1}}]}}
    path, metadata = Step(given).artifact("x")
    assert str(path) == dsl.Artifact(uri=uri).path and metadata == {"k": 1}


def test_a_large_artifact_takes_no_memory(tmp_path: Path) -> None:
    """A gigabyte is published by a process that may have a quarter of one."""
    code = """
import json, sys
from common.step import run
def write(step):
    with step.output("model") as path, path.open("wb") as file:
        file.truncate(2**30)
    step.publish("a", 1), step.publish("b", 1)
    step.metrics("metrics", x=1), step.classification_metrics("evaluation", ["x"], [[1]])
sys.exit(run("train", write))
"""
    limit = 2**28
    result = subprocess.run(
        [
            sys.executable,
            "-B",
            "-c",
            code,
            "--executor-input",
            json.dumps(executor_input(tmp_path)),
        ],
        env=environment({"PYTHONPATH": str(PROJECT)}),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert result.returncode == 0
    assert (tmp_path / "model").stat().st_size == 2**30


def test_a_typed_step_needs_the_standard_library_only(tmp_path: Path) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import common.step"
    result = subprocess.run([sys.executable, "-B", "-I", "-S", "-c", code, str(PROJECT)])
    assert result.returncode == 0
