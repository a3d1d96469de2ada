"""What some tests need and some machines lack: an engine, a registry, a browser."""

import os

import pytest

REGISTRY = os.environ.get("TEST_REGISTRY", "localhost:5000")
# Files with tests that run images: they would be in each other's way.
WITH_ENGINE = (
    "test_allowances",
    "test_caching",
    "test_conformance_docker",
    "test_debugging_docker",
    "test_doctor",
    "test_engine",
    "test_every_signature",
    "test_forms_docker",
    "test_own_data",
    "test_training",
)


def need(condition: bool, what: str) -> None:
    if not condition and os.environ.get("E2E") == "require":
        pytest.fail(f"E2E=require, but {what}")
    if not condition:
        pytest.skip(what)
