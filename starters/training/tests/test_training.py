"""The worked example: change this as it becomes your pipeline."""

from typing import Any


def test_the_model_is_good_and_the_same_each_time(run_pipeline: Any) -> None:
    """Whoever always said "benign" would be right for 63 of 100."""
    first, second = run_pipeline(), run_pipeline()
    assert 0.9 < first["accuracy"] < 1
    assert first["report"].read_bytes() == second["report"].read_bytes()


def test_the_rows_of_each_label_are_split(run_step: Any) -> None:
    data = run_step("load").outputs["data"]
    parts = run_step("split", data=data, test_share=0.25, seed=1).outputs
    assert [parts[name].metadata["rows"] for name in ("train", "test")] == [427, 142]


def test_a_share_that_leaves_no_rows_is_refused(run_step: Any) -> None:
    data = run_step("load").outputs["data"]
    assert "give 0.25 or so" in run_step("split", data=data, test_share=0.001, seed=1).refusal
