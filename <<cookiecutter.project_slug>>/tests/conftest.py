"""What the tests share: the steps as they lie in the folder, and the compiled pipeline."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp_workbench.pipeline import compiling
from kfp_workbench.project import settings
from kfp_workbench.project.settings import Settings


@pytest.fixture(scope="session")
def project() -> Settings:
    """Return the project's settings."""
    return settings.load()


@pytest.fixture(scope="session")
def package(project: Settings) -> Path:
    """Return the compiled pipeline."""
    return compiling.compile_pipeline(project)


@pytest.fixture(scope="session")
def images(package: Path) -> list[str]:
    """Return the images of the compiled pipeline."""
    spec: dict[str, Any] = next(yaml.safe_load_all(package.read_text(encoding="utf-8")))
    executors = spec["deploymentSpec"]["executors"].values()
    return [executor["container"]["image"] for executor in executors]
