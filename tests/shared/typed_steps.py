"""A project of typed steps, of which the signatures are all that there is to say."""

from pathlib import Path

from kfp_workbench.project import component_files
from shared.baking import bake

LOAD = '''\
"""Loads rows."""

from typing import List, NamedTuple, Optional

from common.step import Dataset, Output, OutputPath, step


class Loaded(NamedTuple):
    """What was loaded."""

    rows: int
    names: List[str]


@step
def load(url: str, data: Output[Dataset], log: OutputPath(str), limit: Optional[int] = None) -> Loaded:
    """Load the rows at an address."""
    with open(data.path, "w") as file:
        file.write(url)
    with open(log, "w") as file:
        file.write("loaded")
    return Loaded(rows=1, names=["a"])


if __name__ == "__main__":
    load.main()
'''
TRAIN = '''\
"""Trains a classifier."""

from common.step import Dataset, Input, Metrics, Model, Output, step


@step
def train(
    data: Input[Dataset],
    model: Output[Model],
    metrics: Output[Metrics],
    trees: int = 100,
    rate: float = 0.1,
) -> float:
    """Fit a random forest, and return its accuracy."""
    metrics.log_metric("trees", trees)
    with open(model.path, "w") as file:
        file.write(str(rate))
    return 0.5


if __name__ == "__main__":
    train.main()
'''
CHOOSE = '''\
"""Chooses a model."""

from collections import namedtuple
from typing import List, NamedTuple

from common.step import Input, Model, Output, step


@step
def choose(
    models: Input[List[Model]], scores: list, settings: dict, best: Output[Model]
) -> NamedTuple("Chosen", [("score", float), ("number", int)]):
    """Choose the best of some models."""
    number = scores.index(max(scores))
    with open(best.path, "w") as file:
        file.write(models[number].uri)
    Chosen = namedtuple("Chosen", ["score", "number"])
    return Chosen(max(scores), number)


if __name__ == "__main__":
    choose.main()
'''
PIPELINE = '''\
"""Chooses the best of some models."""

from pathlib import Path

from kfp import dsl
from kfp.components import load_component_from_file

STEPS = Path(__file__).parent / "steps"

load = load_component_from_file(str(STEPS / "load" / "component.yaml"))
train = load_component_from_file(str(STEPS / "train" / "component.yaml"))
choose = load_component_from_file(str(STEPS / "choose" / "component.yaml"))


@dsl.pipeline(name="typed")
def pipeline(url: str, trees: list[int], settings: dict, rate: float = 0.1) -> float:
    loaded = load(url=url, limit=3).set_display_name("Load")
    with dsl.ParallelFor(trees) as number:
        trained = train(data=loaded.outputs["data"], trees=number, rate=rate)
        trained.set_display_name("Train")
    chosen = choose(
        models=dsl.Collected(trained.outputs["model"]),
        scores=dsl.Collected(trained.outputs["Output"]),
        settings=settings,
    )
    train(data=loaded.outputs["data"], trees=chosen.outputs["number"])
    return chosen.outputs["score"]
'''
TEST = '''\
"""Tests of the steps."""

from steps.train.main import train


def test_train(tmp_path):
    assert train(data="x.csv", model=tmp_path / "m", metrics=tmp_path / "n", trees=1) == 0.5
'''
FILES = {
    "steps/load/main.py": LOAD,
    "steps/train/main.py": TRAIN,
    "steps/choose/main.py": CHOOSE,
    "pipeline.py": PIPELINE,
    "tests/test_typed.py": TEST,
    "params/dev.yaml": "url: a\ntrees: [1, 2]\nsettings: {}\n",
}


def make_project(folder: Path) -> Path:
    """Return a project of three typed steps, with their ``component.yaml``."""
    project = bake(folder, project_slug="typed", starter="blank", steps="load, train, choose")
    for name, text in FILES.items():
        (project / name).write_text(text, encoding="utf-8")
    component_files.update(project)
    return project
