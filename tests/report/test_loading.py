"""What a report loads: each local run ends with one."""

import subprocess
import sys
from pathlib import Path

import pytest

from kfp_workbench.local import record
from kfp_workbench.project.secrecy import NO_MASK
from shared.baking import environment


@pytest.mark.parametrize(
    ("kind", "needed"),
    [
        ("Dataset", set()),
        ("ClassificationMetrics", {"plots"}),
        ("HTML", {"frames"}),
    ],
)
def test_a_report_loads_what_its_run_needs(tmp_path: Path, kind: str, needed: set[str]) -> None:
    """Every local run ends with one; a template engine alone would take a tenth of a short run."""
    made = {"key": "a", "type": f"system.{kind}", "uri": "", "file": "", "metadata": {}}
    task = record.Task("t", "container", "T", "t", artifacts_out=[made])
    run = record.Run("p", "T", "process", {}, tasks=[task])
    record.Recorder(run, tmp_path, NO_MASK).end("succeeded")
    code = "import sys; from pathlib import Path; from kfp_workbench import report; " + (
        "report.write(Path(), Path()); print(*sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    parts = {"plots": "kfp_workbench.report.plots", "frames": "kfp_workbench.report.frames"}
    others = {"jinja2", "markdown_it", "vl_convert", "kfp_workbench.graph.pictures"}
    loaded = {*result.stdout.split()} & {*parts.values(), *others}
    assert result.returncode == 0 and loaded == {parts[name] for name in needed}, result.stderr
