"""The project that is tested."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.check import check_project
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.images import pushed
from kfp_workbench.pipeline import freshness
from kfp_workbench.project import params, settings
from kfp_workbench.project.settings import PACKAGE
from kfp_workbench.testing import local_runs


class Project:
    """A project by its folder: what `make` knows of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with readable():
            self.settings = settings.load(root)

    @property
    def env(self) -> str:
        """The environment whose parameters the pipeline is tested with: test if there is one."""
        return "test" if (self.root / "params" / "test.yaml").exists() else "dev"

    def findings(self) -> list[str]:
        """Return what ``make check`` finds, a line each."""
        with readable():
            return [finding.text for finding in check_project(self.root)]

    def compile(self) -> Path:
        """Return ``build/pipeline.yaml``, compiled anew if it may differ from what is there."""
        if freshness.is_current(self.settings, self.step_images(), self.root):
            return self.root / PACKAGE
        from kfp_workbench.pipeline import compiling  # with kfp, which takes a second

        with readable():
            return compiling.compile_pipeline(self.settings, self.root)

    def step_images(self) -> dict[str, str]:
        """Return the image of every step as it is compiled, by the step's name."""
        with readable():
            return dict(pushed.compiled_images(self.settings, self.root))

    def parameters(self, package: Path, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of the environment, but those that are given."""
        texts = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in given.items()
        }
        file = self.root / "params" / f"{self.env}.yaml"
        with readable():
            return params.read_parameters(package, file, [f"{n}={t}" for n, t in texts.items()])

    def run(self, package: Path, runner: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Run the compiled pipeline here and return its outputs."""
        parameters = self.parameters(package, given)
        with readable():
            return local_runs.run_pipeline(package, parameters, self.settings, runner, self.root)


@contextmanager
def readable() -> Iterator[None]:
    """Fail the test with the one line that says what is wrong, without a traceback."""
    try:
        yield
    except WorkbenchError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
