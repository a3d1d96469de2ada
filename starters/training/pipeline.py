"""Trains a classifier, and publishes the model if it is good enough.

Stages:
1. load: the data set
2. split: into rows to train on and rows to test with
3. train: a candidate for each depth, side by side
4. evaluate: the best of them, on the rows that none has seen
5. report: the figures as a page
6. publish: the model, if it is accurate enough
"""

from pathlib import Path
from typing import NamedTuple

from kfp import dsl
from kfp.components import load_component_from_file

STEPS = Path(__file__).parent / "steps"

load = load_component_from_file(str(STEPS / "load" / "component.yaml"))
split = load_component_from_file(str(STEPS / "split" / "component.yaml"))
train = load_component_from_file(str(STEPS / "train" / "component.yaml"))
evaluate = load_component_from_file(str(STEPS / "evaluate" / "component.yaml"))
report = load_component_from_file(str(STEPS / "report" / "component.yaml"))
publish = load_component_from_file(str(STEPS / "publish" / "component.yaml"))


class Outputs(NamedTuple):
    """What a run results in."""

    accuracy: float  # of the best model, on the test rows
    best: dict  # its settings, and its score as a candidate
    report: dsl.HTML


@dsl.pipeline(name="{{ slug }}")
def pipeline(
    depths: list[int], trees: int, test_share: float, threshold: float, seed: int
) -> Outputs:
    """Pick the best depth of a random forest, test that model, and publish it if it is good."""
    loaded = load()
    loaded.set_display_name("Load")
    parts = split(data=loaded.outputs["data"], test_share=test_share, seed=seed)
    parts.set_display_name("Split")

    # Without name=: KFP before 2.16 collects nothing from a loop that has a name of its own.
    with dsl.ParallelFor(depths) as depth:
        trained = train(train=parts.outputs["train"], depth=depth, trees=trees, seed=seed)
        trained.set_display_name("Train")

    evaluated = evaluate(
        candidates=dsl.Collected(trained.outputs["model"]), test=parts.outputs["test"]
    )
    evaluated.set_display_name("Evaluate")
    written = report(
        metrics=evaluated.outputs["metrics"],
        evaluation=evaluated.outputs["evaluation"],
        scores=evaluated.outputs["scores"],
        best=evaluated.outputs["best"],
    )
    written.set_display_name("Report")

    with dsl.If(evaluated.outputs["accuracy"] >= threshold, name="good-enough"):
        published = publish(
            model=evaluated.outputs["model"], accuracy=evaluated.outputs["accuracy"]
        )
        published.set_display_name("Publish")

    return Outputs(
        accuracy=evaluated.outputs["accuracy"],
        best=evaluated.outputs["best"],
        report=written.outputs["report"],
    )
