"""The worked example: change this as it becomes your pipeline."""

from typing import Any


def test_the_model_is_good(run_pipeline: Any) -> None:
    """Whoever always said "benign" would be right for 63 of 100."""
    outputs = run_pipeline(depths=[1, 8])
    assert 0.9 < outputs["accuracy"] < 1
    assert outputs["best"]["settings"]["max_depth"] == 8


def test_the_rows_of_each_label_are_split(run_step: Any) -> None:
    data = run_step("load").outputs["data"]
    parts = run_step("split", data=data, test_share=0.25, seed=1).outputs
    assert [parts[name].metadata["rows"] for name in ("train", "test")] == [427, 142]


def test_a_share_that_leaves_no_rows_is_refused(run_step: Any) -> None:
    data = run_step("load").outputs["data"]
    assert "give 0.25 or so" in run_step("split", data=data, test_share=0.001, seed=1).refusal
