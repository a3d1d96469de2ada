"""Pythons that are newer than this machine's, in a root that .ci/run makes of Debian's packages."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from shared.baking import TEMPLATE

ROOT = os.environ.get("TEST_NEWEST_PYTHONS", "")
CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}


@pytest.mark.skipif(not ROOT, reason="TEST_NEWEST_PYTHONS names no root: see .ci/run")
@pytest.mark.parametrize("version", ["3.14", "3.15"])
def test_the_demo_and_its_project_work(version: str) -> None:
    clone = Path(ROOT, f"template-{version}")
    ignored = shutil.ignore_patterns(".git", ".venv", "build", "__pycache__")
    shutil.copytree(TEMPLATE, clone, ignore=ignored, dirs_exist_ok=True)
    demo = ["make", "-s", "-C", f"/{clone.name}", "demo", f"PYTHON=python{version}"]
    folder = f"/{clone.name}/build/demo/calculate-average"
    words = ["make", "-s", "-C", folder, "local", "test", "RUNNER=process", "VENV=../venv"]
    for command in (demo, [*words, f"PYTHON=python{version}"]):
        result = subprocess.run(
            ["chroot", ROOT, *command], env=CLEAN, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout + result.stderr
        assert json.loads(result.stdout.splitlines()[0])["Output"]["average"] == 2.5
        assert "Warning" not in result.stderr
