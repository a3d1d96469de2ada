"""A pytest plugin for the tests of a project: ``-p kfp_workbench.testing`` in pytest's addopts.

A test asks for what it needs by the names of its arguments:

``project``
    the project in pytest's root folder: its settings, the findings of ``make check``, its images.
``package``
    the compiled pipeline, ``build/pipeline.yaml``.
``images``
    the images that it names.
``step``
    the name of a step; makes of a test one for each step that has a ``main.py``.
``run_step``
    ``run_step("train", data="tests/small.csv", trees=5)`` runs a step on these inputs, as its
    ``component.yaml`` says, in its own environment; ``run_step("train", ["--help"])`` on these words.
    Returns ``outputs`` by name, artifacts with ``path`` and ``metadata``, which fails the test with what
    the step said last if it failed; the exit ``status``, ``stdout``, ``stderr``, and the ``files`` that it
    left; ``refusal`` is the one line that it refused its input with.
``examples``
    what became of the examples in the docstrings of all steps: ``tries``, ``failures``, a ``report``.
``run_pipeline``
    ``run_pipeline(threshold=0.5)`` runs the compiled pipeline as processes, with the parameters of
    ``params/test.yaml`` where there is one, else of ``params/dev.yaml``, and returns its outputs by
    name, artifacts as paths; ``run_pipeline("docker")`` in containers, or skips without an engine.

A failure shows a screen; ``pytest -vv`` shows all of it.
"""

from kfp_workbench.testing.fixtures import (
    examples,
    images,
    package,
    project,
    pytest_generate_tests,
    run_pipeline,
    run_step,
)
from kfp_workbench.testing.screen import pytest_runtest_makereport

__all__ = [
    "examples",
    "images",
    "package",
    "project",
    "pytest_generate_tests",
    "pytest_runtest_makereport",
    "run_pipeline",
    "run_step",
]
