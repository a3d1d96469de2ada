"""Models that are in images: a cluster shows a task the folder /models of one, beside its own files.

By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/v2/driver/driver.go
(``addModelcarsToPodSpec``).
"""

import threading
from pathlib import Path

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local.runners import Runner
from kfp_workbench.local.store import StoreError

SCHEME = "oci://"


class Models:
    """What a run takes out of images, each once."""

    def __init__(self, runner: Runner, folder: Path) -> None:
        self._runner, self._folder = runner, folder
        self._lock = threading.Lock()  # several tasks may take one
        self._taken: set[Path] = set()  # whole

    def get(self, uri: str) -> Path:
        """Return what the image at an address has in /models; raises StoreError."""
        image = uri.removeprefix(SCHEME)
        folder = self._folder / image.replace("/", "_")
        with self._lock:
            if folder not in self._taken:
                files.remove(folder)  # what another attempt has left
                try:
                    self._runner.take_models(image, folder)
                except WorkbenchError as error:
                    raise StoreError(str(error)) from None
                self._taken.add(folder)
        return folder / "models"
