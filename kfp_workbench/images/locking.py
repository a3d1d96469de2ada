"""Makes ``requirements.txt`` with hashes from ``requirements.in``, for each step and the tools."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.secrecy import without_sign_in
from kfp_workbench.project.settings import ROOT

# One file for every platform and every Python that a project runs on.
OPTIONS = "--quiet --universal --python-version 3.10 --generate-hashes --no-header"


def lock(root: Path = ROOT, *, upgrade: bool = False) -> None:
    """Write the lock file beside every ``requirements*.in``, all of them or none.

    What is locked already keeps its version, unless ``upgrade``. Raises WorkbenchError (1) with
    the resolver's reason when a file cannot be resolved.
    """
    sources = [root / "requirements-dev.in", *sorted(root.glob("steps/*/requirements.in"))]
    resolved = {source.with_suffix(".txt"): _resolved(source, root, upgrade) for source in sources}
    for target, text in resolved.items():
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            files.write(target, text)
            print(f"locked {target.relative_to(root)}", file=sys.stderr)
        else:
            print(f"{target.relative_to(root)} is up to date", file=sys.stderr)


def _resolved(source: Path, root: Path, upgrade: bool) -> str:
    """Return what the resolver makes of a file; it holds no address of an index."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "requirements.txt")
        if source.with_suffix(".txt").exists():
            shutil.copyfile(source.with_suffix(".txt"), target)  # the versions to keep
        command = [sys.executable, "-m", "uv", "pip", "compile", *OPTIONS.split()]
        command += ["--upgrade"] if upgrade else []
        command += ["--no-annotate", str(source.relative_to(root)), "--output-file", str(target)]
        result = subprocess.run(
            command,
            cwd=root,
            env={**without_sign_in(os.environ), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
        )
        if result.returncode:
            reason = " ".join(result.stderr.split())[:500]
            raise WorkbenchError(f"{source.relative_to(root)}: cannot be resolved: {reason}")
        return target.read_text(encoding="utf-8")
