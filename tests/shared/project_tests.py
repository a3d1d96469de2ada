"""Runs the tests of a generated project."""

import subprocess
import sys
from pathlib import Path

from shared.baking import environment

NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}


def run_tests(project: Path, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Call pytest in a folder of a project, with these words and variables."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
        cwd=project,
        env=environment({**NO_ENGINE, "CI": "", "PYTHONDONTWRITEBYTECODE": "1", **env}),
        capture_output=True,
        text=True,
    )
