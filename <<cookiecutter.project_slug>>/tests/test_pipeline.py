"""All steps, new ones too, their contract, the pipeline, and one result on every runner.

What one step does is tested in a few lines: ``make help TOPIC=steps`` shows how.
"""

import re
from pathlib import Path
from typing import Any


def test_the_contract_holds(project: Any) -> None:
    """`make check` says the same: where it does not, and how to mend it."""
    findings = project.findings()
    assert not findings, "\n".join(["", *findings])


def test_the_examples_in_docstrings_hold(examples: Any) -> None:
    """Of all steps; none needs any."""
    assert not examples.failures, examples.report


def test_every_image_is_tagged(images: set[str]) -> None:
    """An image without a tag would make an engine fetch all there are."""
    assert not {image for image in images if not re.search(r":(?!latest$)[^/:]+$", image)}


def test_the_pipeline_runs(run_pipeline: Any) -> None:
    """As processes, with the parameters for tests."""
    assert isinstance(run_pipeline(), dict)


def test_images_give_what_processes_give(run_pipeline: Any) -> None:
    docker, process = (
        # Each run has files of its own for artifacts.
        {name: v for name, v in run_pipeline(runner).items() if not isinstance(v, Path)}
        for runner in ("docker", "process")
    )
    assert docker == process
