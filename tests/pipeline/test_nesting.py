"""A pipeline within a pipeline compiles to the same bytes each time, and every task keeps its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kfp.compiler import pipeline_spec_builder

from kfp_workbench.pipeline import nesting
from kfp_workbench.project import steps
from shared.baking import bake, make

PIPELINE = '''\
"""A pipeline that has another one twice, and the same steps as that."""

from pathlib import Path

from kfp import dsl
from kfp.components import load_component_from_file

STEPS = Path(__file__).parent / "steps"
load = load_component_from_file(str(STEPS / "load" / "component.yaml"))
train = load_component_from_file(str(STEPS / "train" / "component.yaml"))


@dsl.pipeline(name="inner")
def inner(context: dict) -> dict:
    first = load(context=context)
    second = load(context=first.output)
    return train(context=second.output).output


@dsl.pipeline(name="nested")
def pipeline(context: dict) -> dict:
    trained = train(context=context)
    loaded = load(context=trained.output)
    once = inner(context=loaded.output)
    return inner(context=once.output).output
'''
SETTINGS = """\
load-1: {cpu: 1, timeout: 1s}
load-2: {cpu: 2, timeout: 2s}
load-3: {cpu: 3, timeout: 3s}
train-1: {cpu: 11, timeout: 11s}
"""
# Where each task is; the inner pipeline comes first in the file.
CORES = {
    ("train",): None,
    ("load",): 3,
    ("inner", "load"): 1,
    ("inner", "load-2"): 2,
    ("inner", "train"): 11,
    ("inner-2", "load"): 1,
    ("inner-2", "load-2"): 2,
    ("inner-2", "train"): 11,
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the compiled pipeline, three times: kfp goes by the order of a hash."""
    folder = tmp_path_factory.mktemp("nested")
    project = bake(folder, starter="blank", steps="load, train", project_slug="nested")
    (project / "pipeline.py").write_text(PIPELINE)
    (project / "kubernetes.yaml").write_text(SETTINGS)
    found = []
    for number in range(3):
        result = make(project, "compile")
        assert result.returncode == 0, result.stderr
        copy = folder / f"{number}.yaml"
        found.append(Path(shutil.copy(project / "build" / "pipeline.yaml", copy)))
    return found


def tasks(spec: Any, component: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[Any, str]]:
    """Return the tasks of a pipeline by their place, with the labels of their executors."""
    for name, task in component["dag"]["tasks"].items():
        inner = spec["components"][task["componentRef"]["name"]]
        if "dag" in inner:
            yield from tasks(spec, inner, (*path, name))
        else:
            yield (*path, name), inner["executorLabel"]


def test_the_same_sources_give_the_same_bytes(compiled: list[Path]) -> None:
    assert len({package.read_bytes() for package in compiled}) == 1


def test_every_task_has_what_is_said_of_it(compiled: list[Path]) -> None:
    spec, platform = steps.read_documents(compiled[0])
    configs = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    executors = spec["deploymentSpec"]["executors"]
    labels = dict(tasks(spec, spec["root"]))
    assert len(set(labels.values())) == len(labels) == len(executors) == len(CORES)
    for path, cores in CORES.items():
        container = executors[labels[path]]["container"]
        assert f"/{path[-1].partition('-')[0]}:" in container["image"]
        assert container.get("resources", {}).get("cpuLimit") == cores, path
        seconds = configs.get(labels[path], {}).get("activeDeadlineSeconds")
        assert seconds == (str(cores) if cores else None), path


def test_new_names_are_free_and_of_one_order() -> None:
    assert nesting.new_names(["b", "a"], ["c"]) == {"a": "a", "b": "b"}
    names = ["exec-a-2", "exec-a"]
    assert nesting.new_names(names, ["exec-a"]) == {"exec-a": "exec-a-3", "exec-a-2": "exec-a-2"}
    assert nesting.new_names(names, ["exec-a", "exec-a-2", "exec-a-3"]) == {
        "exec-a": "exec-a-4",
        "exec-a-2": "exec-a-2-2",
    }


def test_kfp_looks_both_functions_up() -> None:
    """A release that renames one of them, or changes what it takes, is to be found here."""
    for name, mine in (
        ("_merge_deployment_spec", nesting._merge_executors),
        ("_merge_component_spec", nesting._merge_components),
    ):
        theirs = getattr(pipeline_spec_builder, name).__code__
        assert (
            name in pipeline_spec_builder.merge_deployment_spec_and_component_spec.__code__.co_names
        )
        wanted = theirs.co_varnames[: theirs.co_argcount]
        assert mine.__code__.co_varnames[: mine.__code__.co_argcount] == wanted
