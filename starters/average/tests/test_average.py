"""The average is right: change this as the example becomes your pipeline."""

import statistics
from typing import Any

import pytest


def test_a_step_by_itself(run_step: Any) -> None:
    assert run_step("add", context={"numbers": [1, 2.5]}).outputs["Output"]["sum"] == 3.5


@pytest.mark.parametrize("numbers", [[7], [-3, 1.5], [10**20, 10**20], [0.1] * 10, [*range(8**5)]])
def test_numbers_of_all_kinds(run_pipeline: Any, numbers: list[Any]) -> None:
    average = run_pipeline(context={"numbers": numbers})["Output"]["average"]
    assert average == pytest.approx(float(statistics.mean(numbers)), rel=1e-15)
