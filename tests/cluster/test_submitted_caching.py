"""Caching for a whole run: every task of a compiled pipeline, wherever it is."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kfp_workbench.cluster import caching
from shared.baking import environment
from shared.specs import all_tasks

NESTED = """
from kfp import compiler, dsl

@dsl.container_component
def step():
    return dsl.ContainerSpec(image="a:1", command=["a"])

@dsl.pipeline
def inner():
    step().set_display_name("in a pipeline")

@dsl.pipeline
def pipeline(text: str = "é 2024-01-01", number: float = 1e300):
    step().set_caching_options(True, cache_key="key")
    step().set_caching_options(False)
    with dsl.If(text == "a"):
        step()
        with dsl.ParallelFor(["1", "2024-01-01"]) as item:
            step()
    with dsl.ExitHandler(step()):
        inner()

compiler.Compiler().compile(pipeline, "nested.yaml")
"""


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a compiled pipeline with a loop, a condition, an exit handler and a pipeline in it."""
    folder = tmp_path_factory.mktemp("nested")
    (folder / "nested.py").write_text(NESTED, encoding="utf-8")
    words = [sys.executable, "nested.py"]
    subprocess.run(words, cwd=folder, env=environment(), check=True, capture_output=True)
    with (folder / "nested.yaml").open("a", encoding="utf-8") as file:
        file.write("---\nplatforms: {kubernetes: {deploymentSpec: {executors: {}}}}\n")
    return folder / "nested.yaml"


@pytest.mark.parametrize("wanted", [True, False])
def test_caching_reaches_every_task(nested: Path, wanted: bool) -> None:
    before = nested.read_bytes()
    spec, platform = yaml.safe_load_all(before)
    with caching.applied(nested, wanted) as copy:
        changed, same = yaml.safe_load_all(copy.read_text(encoding="utf-8"))
        assert copy != nested
    assert not copy.exists() and nested.read_bytes() == before
    assert same == platform
    assert len(all_tasks(spec)) >= 9
    assert [task["cachingOptions"].pop("enableCache") for task in all_tasks(changed)] == (
        [wanted] * len(all_tasks(spec))
    )
    for task in all_tasks(spec):
        task.setdefault("cachingOptions", {}).pop("enableCache", None)
    assert changed == spec, "nothing else has changed"


def test_caching_is_the_pipelines_own_unless_told(nested: Path) -> None:
    with caching.applied(nested, None) as same:
        assert same == nested
