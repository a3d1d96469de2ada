"""Metadata on the way from step to step: each gets what the one before published, on every runner."""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from common.step import Artifact, Dataset, Output, step
from kfp_workbench.local.artifacts import SESSION
from kfp_workbench.local.executor_input import read_output
from kfp_workbench.local.metadata import MetadataError, converted
from shared import golden
from shared.step_runs import executor_input, files, status
from shared.step_runs import told as published_in

ADDED = ("display_name", "store_session_info")
# What a step publishes, and what the metadata store of a real KFP makes of it.
KEPT: Mapping[str, tuple[Any, Any]] = {
    "text": ({"a": "x", "b": ""}, {"a": "x", "b": ""}),
    "numbers": ({"n": 3, "x": 0.5, "big": 12345678901}, {"n": 3, "x": 0.5, "big": 12345678901}),
    "flags": ({"yes": True, "no": False}, {"yes": 1, "no": 0}),
    "list": ({"a": [1, 0.1234567, "x"]}, {"a": {"list": [1, 0.1234567, "x"]}}),
    "object": ({"of": {"a": [1, 2]}}, {"of": {"struct": {"a": [1, 2]}}}),
    "empty": ({"a": [], "b": {}}, {"a": {"list": []}, "b": {"struct": {}}}),
    "within": ({"a": [None, True, [{}]]}, {"a": {"list": [None, True, [{}]]}}),
    "like-a-list": ({"a": {"list": [1]}}, {"a": {"struct": {"list": [1]}}}),
    "like-an-object": ({"a": {"struct": {"b": 1}}}, {"a": {"struct": {"struct": {"b": 1}}}}),
    "like-neither": ({"a": {"list": 1}}, {"a": {"struct": {"list": 1}}}),
    "title": ({"display_name": "Forest"}, {"display_name": "Forest"}),
}
each_kept = pytest.mark.parametrize(("said", "stored"), KEPT.values(), ids=list(KEPT))


def from_kfp(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a cluster gives a step of an artifact ``data``: an executor input."""
    info = '{"Provider":"minio","Params":{"fromEnv":"false"}}'
    item = {
        "name": "8000001",
        "type": {"instanceSchema": ""},
        "uri": "minio://mlpipeline/v2/artifacts/flow/RUN_ID/make/UUID/out",
        "metadata": {"display_name": "out", "store_session_info": info, **stored},
    }
    return {"inputs": {"artifacts": {"data": {"artifacts": [item]}}}, "outputs": {}}


def metadata_of(executor_input: Mapping[str, Any], name: str = "data") -> dict[str, Any]:
    """Return the metadata that a step finds for an input."""
    (item,) = executor_input["inputs"]["artifacts"][name]["artifacts"]
    return Artifact.from_kfp(item).metadata


def given_next(
    folder: Path,
    work: Callable[[Any], None],
    artifacts: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what a local run makes of all that a step publishes for the step that takes it.

    ``work`` is the step: it gets an executor input, and leaves an executor output.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kind = {"schemaTitle": "system.Dataset"}
    outputs = {
        "outputFile": str(folder / "output.json"),
        "artifacts": {
            name: {"artifacts": [{"name": name, "type": kind, "uri": str(folder / name)}]}
            for name in artifacts
        },
        "parameters": {name: {"outputFile": str(folder / name)} for name in parameters},
    }
    work({"inputs": {}, "outputs": outputs})
    told_of = read_output((folder / "output.json").read_text())
    found = {
        name: [{"metadata": with_kfps_own(name, item.metadata or {})} for item in items]
        for name, items in told_of.artifacts.items()
    }
    given: dict[str, Any] = {name: {"artifacts": items} for name, items in found.items()}
    for name, items in given.items():
        items["artifacts"][0] |= {"uri": str(folder / name), "type": {"instanceSchema": ""}}
    return {"inputs": {"artifacts": given, "parameterValues": told_of.parameters}, "outputs": {}}


def with_kfps_own(name: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as the service of a local run keeps it, with what KFP adds."""
    return {"display_name": name, "store_session_info": SESSION, **converted(said)}


def told(metadata: Mapping[str, Any]) -> Callable[[Any], None]:
    """Return a step of any language that publishes metadata, by the name of the artifact."""

    def write(given: Any) -> None:
        found = {name: {"artifacts": [{"metadata": said}]} for name, said in metadata.items()}
        Path(given["outputs"]["outputFile"]).write_text(json.dumps({"artifacts": found}))

    return write


def published(metadata: Mapping[str, Any]) -> Callable[[Any], None]:
    """Return a typed step that publishes data sets with metadata."""

    def work(**outputs: Dataset) -> None:
        for name, output in outputs.items():
            Path(output.path).touch()
            output.metadata = {**metadata[name]}

    def write(given: Any) -> None:
        assert status(with_arguments(work, dict.fromkeys(metadata, Output[Dataset])), given) == 0

    return write


def with_arguments(function: Any, kinds: Mapping[str, Any]) -> Any:
    """Return a step of a function that takes any arguments, which has these."""
    kind = inspect.Parameter.KEYWORD_ONLY
    ports = [inspect.Parameter(name, kind, annotation=each) for name, each in kinds.items()]
    function.__signature__ = inspect.Signature(ports)
    return step(function)


@each_kept
def test_a_step_gets_what_was_published(said: Any, stored: Any) -> None:
    assert metadata_of(from_kfp(stored)) == said


@each_kept
def test_local_runs_hand_over_what_a_cluster_does(tmp_path: Path, said: Any, stored: Any) -> None:
    given = given_next(tmp_path, told({"out": said}), {"out": said}, {})
    ((item,),) = (found["artifacts"] for found in given["inputs"]["artifacts"].values())
    del item["metadata"]["store_session_info"]
    assert item["metadata"] == {"display_name": "out", **stored}


@each_kept
def test_metadata_can_be_handed_on_again_and_again(tmp_path: Path, said: Any, stored: Any) -> None:
    found = metadata_of(from_kfp(stored))
    for number in range(3):
        given = given_next(tmp_path / str(number), published({"out": found}), {"out": found}, {})
        found = metadata_of(given, "out")
    assert found == said


@pytest.mark.parametrize(
    ("value", "rounded"), [(0.9507042253521126, 0.950704), (-1e-07, 0.0), (1e300, 1e300)]
)
def test_numbers_are_kept_to_six_decimals(tmp_path: Path, value: float, rounded: float) -> None:
    """The metadata store writes them into its queries so; what is within a list, it does not."""
    said = {"x": value, "all": [value]}
    given = given_next(tmp_path, told({"out": said}), {"out": said}, {})
    assert metadata_of(given, "out") == {"x": rounded, "all": [value]}


def test_what_kfp_did_not_wrap_stays_as_it_is() -> None:
    given = {"a": {"list": 1}, "b": {"struct": []}, "c": {"list": [], "d": 1}, "e": {"f": {}}}
    assert metadata_of(from_kfp(given)) == given


def test_whole_numbers_are_whole_where_that_is_sure() -> None:
    """Other runners write 3.0 for 3."""
    given = {"n": 3.0, "of": {"struct": {"a": [2.0, 2.5]}}, "large": 2.0**53, "larger": 2.0**60}
    found = metadata_of(from_kfp(given))
    assert json.dumps(found) == json.dumps(
        {"n": 3, "of": {"a": [2, 2.5]}, "large": 2**53, "larger": 2.0**60}
    )


def test_a_title_that_is_the_outputs_name_is_kfps() -> None:
    assert metadata_of(from_kfp({"display_name": "out"})) == {}
    assert metadata_of(from_kfp({"display_name": "Out"})) == {"display_name": "Out"}


def test_neither_metadata_nor_a_type_is_needed() -> None:
    """Behind a condition, an artifact has no type."""
    found = Dataset.from_kfp({"name": "1", "uri": "minio://mlpipeline/x"})
    assert (found.path, found.metadata, found.name) == ("/minio/mlpipeline/x", {}, "x")


REFUSED = {
    "nothing": ({"rows": None}, ": rows is None, which KFP does not take: leave it out"),
    "kfps": ({"store_session_info": "x"}, ": store_session_info is a name that KFP needs for itself: choose another"),
    "lost": ({"rate": 1e-7}, ": rate is 1e-07, of which KFP keeps six decimals: put it into a list, which keeps all"),
    "another": ({"rate": -2.6e-6}, ": rate is -2.6e-06, of which KFP keeps six decimals: put it into a list, which keeps all"),
    "large": ({"id": 2**53 + 1}, ".id: KFP rounds a number as large as 9007199254740993: publish it as text"),
    "large-within": ({"id": [{"a": -(10**400)}]}, ".id[0].a: KFP rounds a number as large as -1000"),
}  # fmt: skip


@pytest.mark.parametrize(("said", "words"), REFUSED.values(), ids=list(REFUSED))
def test_what_would_not_come_back_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], said: Any, words: str
) -> None:
    @step
    def make(out: Output[Dataset]) -> None:
        Path(out.path).touch()
        out.metadata = said

    assert status(make, executor_input(tmp_path, {"out": "Dataset"})) == 1
    assert capsys.readouterr().err.startswith(f"make: out{words}")
    assert files(tmp_path) == []


def test_what_would_come_back_is_not_refused(tmp_path: Path) -> None:
    said = {"a": 0.0001, "b": -0.000026, "c": 0.0, "d": [1e-9], "e": 2**53, "f": 10**22, "g": 1e-6}
    given = given_next(tmp_path, published({"out": said}), {"out": said}, {})
    assert metadata_of(given, "out") == said


def test_what_comes_back_rounded_is_not_refused(tmp_path: Path) -> None:
    said = {"accuracy": 0.9507042253521126, "rate": 0.0000995}
    given = given_next(tmp_path, published({"out": said}), {"out": said}, {})
    assert metadata_of(given, "out") == pytest.approx(said, rel=0.01)


def test_metadata_without_a_value_fails_the_step(tmp_path: Path) -> None:
    """Of a step in any language, as it does on a cluster; within a list it is a value."""
    with pytest.raises(MetadataError, match="null"):
        given_next(tmp_path, told({"out": {"a": [None], "rows": None}}), {"out": {}}, {})


# Held to a real KFP


@golden.each("given", golden.executor_inputs())
def test_what_a_real_step_was_given_comes_back(tmp_path: Path, given: Any) -> None:
    """Read, published, and read again by a second step."""
    inputs = given["inputs"].get("artifacts", {})
    metadata = {name: metadata_of(given, name) for name, each in inputs.items() if one(each)}
    assert not any(name in said for said in metadata.values() for name in ADDED)
    second = given_next(tmp_path, published(metadata), metadata, {})
    assert {name: metadata_of(second, name) for name in metadata} == metadata


def one(several: Any) -> bool:
    return len(several["artifacts"]) == 1


@golden.each("given", golden.executor_inputs())
def test_a_real_step_is_given_what_its_signature_says(tmp_path: Path, given: Any) -> None:
    """And is asked for what its component declares."""
    moved = json.loads(json.dumps(given).replace("minio://", f"{tmp_path}/"))
    moved["outputs"]["outputFile"] = str(tmp_path / "deep" / "executor_output.json")
    values, artifacts = (moved["inputs"].get(kind, {}) for kind in ("parameterValues", "artifacts"))
    outputs = [name for name in moved["outputs"].get("artifacts", {}) if name != "executor-logs"]
    names = list(moved["outputs"].get("parameters", {}))
    fields: Any = [(name, int) for name in names]
    returned: Any = NamedTuple("Returned", fields)  # type: ignore[misc]
    seen: dict[str, Any] = {}

    def work(**arguments: Any) -> Any:
        seen.update(arguments)
        for name in outputs:
            Path(arguments[name].path).touch()
        return returned(*[1 for _ in returned._fields]) if returned._fields else None

    kinds = {
        **{name: type(value) for name, value in values.items()},
        **dict.fromkeys(artifacts, list[Artifact]),
        **dict.fromkeys(outputs, Output[Artifact]),
    }
    asked = with_arguments(work, kinds)
    asked.function.__signature__ = inspect.signature(work).replace(
        return_annotation=returned if returned._fields else None
    )
    assert status(asked, moved) == 0
    assert {name: seen[name] for name in values} == values
    assert [len(seen[name]) for name in artifacts] == [
        len(each["artifacts"]) for each in artifacts.values()
    ]
    assert {*published_in(tmp_path)} == {*outputs, *moved["outputs"].get("parameters", {})}


def pairs() -> Iterator[tuple[str, Any]]:
    """Yield what a real step published of an artifact, and what the next one was given."""
    for name, tasks in golden.runs():
        said = [line for task in tasks for line in task.get("said", ()) if isinstance(line, dict)]
        made = {
            item["uri"]: (key, item["metadata"])
            for line in said
            for key, found in line.get("output", {}).get("artifacts", {}).items()
            for item in found["artifacts"]
        }
        for line in said:
            artifacts = line.get("executor_input", {}).get("inputs", {}).get("artifacts", {})
            for key, found in artifacts.items():
                for item in found["artifacts"]:
                    if item["uri"] in made:
                        yield f"{name}-{key}", (*made[item["uri"]], line["executor_input"], key)


@golden.each("pair", pairs())
def test_local_runs_hand_over_what_a_real_cluster_did(tmp_path: Path, pair: Any) -> None:
    output, said, there, name = pair
    here = given_next(tmp_path, told({output: said}), {output: said}, {})
    found, expected = (
        given["inputs"]["artifacts"][key]["artifacts"][0]["metadata"]
        for given, key in ((here, output), (there, name))
    )
    for given in (found, expected):
        del given["store_session_info"]
    assert found == expected
    rounded = {key: round(v, 6) if isinstance(v, float) else v for key, v in said.items()}
    assert metadata_of(there, name) == metadata_of(here, output) == rounded
