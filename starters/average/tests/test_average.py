"""The worked example computes the average: of few numbers and many, small and huge.

Other tests hold for any steps; change these as the example becomes your pipeline.
"""

import statistics
from pathlib import Path
from typing import Any

import pytest
from kfp_workbench.local import running
from kfp_workbench.project import params
from kfp_workbench.project.settings import ROOT, Settings


def average(package: Path, project: Settings, context: dict[str, Any]) -> Any:
    """Run the pipeline as processes and return the average that it gives."""
    outputs = running.run_pipeline(package, {"context": context}, project, "process")
    return outputs["Output"]["average"]


def test_the_numbers_of_dev(package: Path, project: Settings) -> None:
    """The result of `make local` is the mean of params/dev.yaml."""
    context = params.read_parameters(package, ROOT / "params" / "dev.yaml", [])["context"]
    assert average(package, project, context) == statistics.mean(context["numbers"])


@pytest.mark.parametrize(
    "numbers",
    [[7], [-3, 1.5], [10**20, 10**20], [0.1] * 10, list(range(100_000))],
    ids=["one", "negative", "huge", "fractions", "many"],
)
def test_numbers_of_all_kinds(package: Path, project: Settings, numbers: list[Any]) -> None:
    """The average is the exact one, rounded once."""
    expected = float(statistics.mean(numbers))
    assert average(package, project, {"numbers": numbers}) == pytest.approx(expected, rel=1e-15)
