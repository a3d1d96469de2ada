"""Every step, new ones too.

What one of them does is tested in a few lines; copy these:

def test_train(run_step: Any) -> None:
    done = run_step("train", data="tests/small.csv", trees=5)
    assert done.outputs["Output"] > 0.9
    assert done.outputs["model"].path.stat().st_size > 1000
    assert done.outputs["model"].metadata["framework"] == "scikit-learn"
"""

from typing import Any


def test_the_examples_in_docstrings_hold(examples: Any) -> None:
    """Of all steps; none needs any."""
    assert not examples.failures, examples.report
