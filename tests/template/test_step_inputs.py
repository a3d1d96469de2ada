"""What a typed step is given: KFP's executor input, in the form that the signature has."""

# ruff: noqa: UP006, UP035, UP045  # as notebooks have their types

from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

from common.step import (
    HTML,
    Dataset,
    Input,
    InputError,
    InputPath,
    Metrics,
    Model,
    Output,
    OutputPath,
    step,
)
from shared.step_runs import executor_input, status

SEEN: dict[str, Any] = {}


def value(kind: Any, default: Any = ...) -> Any:
    """Return a step with an input ``n`` of a type, which notes what it is given."""

    def take(n, more=None):  # type: ignore[no-untyped-def]
        SEEN["n"] = n

    take.__annotations__ = {"n": kind}
    take.__defaults__ = (None,) if default is ... else (default, None)
    return step(take)


VALUES = {
    "int": (int, 3.0, 3),
    "float": (float, 3, 3.0),
    "text": (str, "3", "3"),
    "bool": (bool, False, False),
    "list": (list, [1.0, 2.5, "x", [3.0]], [1, 2.5, "x", [3]]),
    "dict": (dict, {"a": {"b": 1.0}, "c": None}, {"a": {"b": 1}, "c": None}),
    "list-of-int": (list[int], [1.0, 2], [1, 2]),
    "list-of-float": (List[float], [1, 2.5], [1.0, 2.5]),
    "dict-of-float": (Dict[str, float], {"a": 1}, {"a": 1.0}),
    "list-of-dicts": (list[dict[str, Any]], [{"depth": 8.0}], [{"depth": 8}]),
    "list-of-optional": (List[Optional[int]], [1.0, None], [1, None]),
    "optional": (Optional[int], 3.0, 3),
    "or-none": (int | None, 3.0, 3),
    "optional-list": (Optional[List[int]], [3.0], [3]),
    "large": (int, 2.0**53, 2**53),
    "digits": (float, 12345678901234567000, 1.2345678901234567e19),
    "more-digits": (list, [12345678901234567000], [12345678901234567000]),
    "any": (Any, {"a": [1.0]}, {"a": [1]}),
    "written-as-text": ("list[int]", [1.0], [1]),
}


@pytest.mark.parametrize(("kind", "given", "expected"), VALUES.values(), ids=list(VALUES))
def test_values_come_as_the_signature_says(
    tmp_path: Path, kind: Any, given: Any, expected: Any
) -> None:
    assert status(value(kind), executor_input(tmp_path, values={"n": given})) == 0
    assert repr(SEEN["n"]) == repr(expected), "3 is not 3.0"


WRONG = {
    "half": (int, 3.5, "n: 3.5 is no int"),
    "text": (int, "3", "n: '3' is no int"),
    "true": (int, True, "n: True is no int"),
    "true-float": (float, True, "n: True is no float"),
    "number": (str, 1, "n: 1 is no str"),
    "one": (bool, 1, "n: 1 is no bool"),
    "object": (list, {}, "n: {} is no list"),
    "list": (dict, [], "n: [] is no dict"),
    "within": (list[int], [1, "x"], "n[1]: 'x' is no int"),
    "deeper": (dict[str, list[int]], {"a": [None]}, "n.a[0]: None is no int"),
    "long": (int, "x" * 1000, "n: 'xxxxxxxxxxxx...xxxxxxxxxxxxx' is no int"),
    "too-large": (int, 2.0**60, "n: 1.152921504606847e+18 is no int"),
}


@pytest.mark.parametrize(("kind", "given", "words"), WRONG.values(), ids=list(WRONG))
def test_another_type_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: Any, given: Any, words: str
) -> None:
    assert status(value(kind), executor_input(tmp_path, values={"n": given})) == 2
    assert capsys.readouterr().err == f"take: {words}\n"


@pytest.mark.parametrize("values", [{}, {"n": None}], ids=["absent", "null"])
def test_what_is_not_given_has_its_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], values: Any
) -> None:
    """KFP leaves out what has no value."""
    given = executor_input(tmp_path, values=values)
    assert status(value(int, 7), given) == 0 and SEEN["n"] == 7
    assert status(value(list, None), given) == 0 and SEEN["n"] is None
    assert status(value(Optional[int]), given) == 0 and SEEN["n"] is None
    assert status(value(int), given) == 2
    assert capsys.readouterr().err == "take: n: was not given\n"


def test_nothing_at_all_may_be_given(tmp_path: Path) -> None:
    given = executor_input(tmp_path)
    del given["inputs"]
    assert status(value(int, 7), given) == 0 and SEEN["n"] == 7


# Artifacts


def item(uri: str, **more: Any) -> dict[str, Any]:
    return {"name": "8000001", "type": {"instanceSchema": ""}, "uri": uri, **more}


@step
def read(
    data: Input[Dataset],
    page: HTML,
    where: InputPath("Dataset"),  # type: ignore[valid-type]
    models: Input[List[Model]],
    more: list[Metrics],
    other: Optional[Input[Dataset]] = None,
) -> None:
    SEEN.update(data=data, page=page, where=where, models=models, more=more, other=other)


def test_artifacts_come_as_the_signature_says(tmp_path: Path) -> None:
    """KFP tells of no type; a name is a number there."""
    root = "minio://mlpipeline/v2/RUN_ID"
    made = [item(f"{root}/train/{number}/model", metadata={"n": number}) for number in (1, 2)]
    given = {
        "data": [item(f"{root}/load/UUID/table", metadata={"rows": 3})],
        "page": [item("s3://bucket/page", metadata={"display_name": "The page"})],
        "where": [item("gs://bucket/data")],
        "models": made,
        "more": [],
    }
    assert status(read, executor_input(tmp_path, artifacts=given)) == 0
    data, page, models = SEEN["data"], SEEN["page"], SEEN["models"]
    assert type(data) is Dataset and type(page) is HTML and type(models[1]) is Model
    assert data.path == "/minio/mlpipeline/v2/RUN_ID/load/UUID/table"
    assert (data.name, data.uri, data.metadata) == ("table", f"{root}/load/UUID/table", {"rows": 3})
    assert (page.name, page.path) == ("The page", "/s3/bucket/page")
    assert SEEN["where"] == "/gcs/bucket/data"
    assert [model.metadata for model in models] == [{"n": 1}, {"n": 2}]
    assert SEEN["more"] == [] and SEEN["other"] is None


@pytest.mark.parametrize("artifacts", [{}, {"data": []}], ids=["absent", "empty"])
def test_an_artifact_that_is_not_given_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], artifacts: Any
) -> None:
    assert status(read, executor_input(tmp_path, artifacts=artifacts)) == 2
    assert capsys.readouterr().err == "read: data: was not given\n"


ADDRESSES = {
    "gs": (Dataset, "gs://bucket/a/b", "/gcs/bucket/a/b"),
    "s3": (Dataset, "s3://bucket/a/b", "/s3/bucket/a/b"),
    "minio": (Dataset, "minio://bucket/a/b", "/minio/bucket/a/b"),
    "oci": (Dataset, "oci://host/image:1", "/oci/host_image:1"),
    "oci-model": (Model, "oci://host/image:1", "/oci/host_image:1/models"),
    "local": (Dataset, "/tmp/a", "/tmp/a"),
    "other": (Dataset, "https://host/a", "https://host/a"),
}


@pytest.mark.parametrize(("kind", "uri", "path"), ADDRESSES.values(), ids=list(ADDRESSES))
def test_paths_are_those_of_kfp(kind: Any, uri: str, path: str) -> None:
    from kfp import dsl

    ours, theirs = kind("x", uri), getattr(dsl, kind.__name__)("x", uri)
    assert ours.path == theirs.path == path
    ours.path = theirs.path = "/minio/bucket/other"
    assert ours.uri == theirs.uri == "minio://bucket/other"
    ours.set_path("/data/x")
    theirs.set_path("/data/x")
    assert (ours.path, ours.custom_path, ours.uri) == ("/data/x", "/data/x", "minio://bucket/other")
    assert kind.schema_title == theirs.schema_title


def test_an_artifact_in_the_workspace_is_read_there(tmp_path: Path) -> None:
    from kfp import dsl

    metadata = {"_kfp_workspace": True}
    given = {"data": [item("minio://bucket/a", metadata=metadata)]}

    @step
    def take(data: Input[Dataset]) -> None:
        SEEN["data"] = data

    assert status(take, executor_input(tmp_path, artifacts=given)) == 0
    assert SEEN["data"].path == dsl.Dataset("", "minio://bucket/a", metadata).path
    assert SEEN["data"].metadata == {}


# A plain call, as of tests and notebooks


@step
def write(data: Input[Dataset], model: Output[Model], note: OutputPath(str), trees: int = 3) -> int:  # type: ignore[valid-type]
    """Copy it."""
    Path(model.path).write_text(Path(data.path).read_text())
    Path(note).write_text(model.name)
    return trees


def test_a_step_is_still_a_function(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("rows")
    model = tmp_path / "deep" / "model"
    assert write(str(tmp_path / "x.csv"), model, str(tmp_path / "far" / "note"), trees=5) == 5
    assert model.read_text() == "rows" and (tmp_path / "far" / "note").read_text() == "model"
    given = Dataset(uri=str(tmp_path / "x.csv"))
    assert write(given, Model(uri=str(model)), tmp_path / "note") == 3
    assert (write.__name__, write.__doc__) == ("write", "Copy it.")
    with pytest.raises(TypeError, match="missing a required argument: 'model'"):
        write("x.csv")


def test_a_list_of_paths_becomes_one_of_artifacts() -> None:
    read("data", "page", "where", ["a", Path("b")], [])
    assert [(type(model), model.path) for model in SEEN["models"]] == [(Model, "a"), (Model, "b")]
    assert SEEN["where"] == "where" and SEEN["other"] is None


def test_what_a_step_raises_is_its_callers() -> None:
    @step
    def fail() -> None:
        raise InputError("n: 0 is too few")

    with pytest.raises(InputError, match="n: 0 is too few"):
        fail()
