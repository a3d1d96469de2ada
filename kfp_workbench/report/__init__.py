"""The last local run as one HTML page, ``build/report.html``, which needs nothing else.

It is made from the run's record (`kfp_workbench.local.record`), the pipeline that was run, the metadata of its
artifacts and the pages among them. All of these are data: nothing of them is ever markup or code
of the page, and a page among the artifacts is shown in a frame that can neither run, load nor
leave anything.
"""

import importlib
from pathlib import Path

from kfp_workbench import files
from kfp_workbench.local import record

PATH = Path("build") / "report.html"


def prepare() -> None:
    """Load what a page is made with, which takes as long as to make it."""
    importlib.import_module("kfp_workbench.report.page")


def write(root: Path, folder: Path) -> str:
    """Write the report of the run in ``folder`` and return its path, as a browser takes it: absolute.

    Raises WorkbenchError: 2 when there is no record of a run, 1 when the page cannot be written.
    """
    from kfp_workbench.report import page

    path = root / PATH
    files.write(path, page.render(record.read(folder), folder, path.parent))
    return str(path.resolve())
