"""What pytest needs to know of these tests, and their fixtures."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# A shell's background job ignores Ctrl-C, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Nothing may be left in the template's folder: it would be in the next project.
sys.dont_write_bytecode = True
TESTS = Path(__file__).resolve().parent
TEMPLATE = TESTS.parent
os.environ["PYTHONPATH"] = str(TEMPLATE)  # of what tests start
sys.path[:0] = [str(TEMPLATE / "<<cookiecutter.project_slug>>"), str(TEMPLATE), str(TESTS)]

from shared.baking import bake, pythons  # noqa: E402
from shared.browsing import Browser  # noqa: E402
from shared.needs import REGISTRY, WITH_ENGINE, need  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """See that whatever takes the engine is known to share it."""
    taking = {item.path.stem for item in items if "client" in getattr(item, "fixturenames", ())}
    assert taking <= {*WITH_ENGINE}, f"these belong into WITH_ENGINE: {taking - {*WITH_ENGINE}}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let tests of one file go one after the other, and those that share the engine first.

    They are told by their file, as pytest-xdist takes no notice of marks with pytest 9.2
    (its issue 1386).
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = Path(nodeid.partition("::")[0]).stem
            return "engine" if file in WITH_ENGINE else file

    config.option.loadscopereorder = False  # test_allowances comes first, and is one of them
    return ByFile(config, log)


pythons()  # looks into the real home


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep cookiecutter's replay file, and what else a home holds, out of the real one."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    yield
    monkeypatch.undo()


@pytest.fixture(scope="session")
def default(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the default project; for reading only."""
    return bake(tmp_path_factory.mktemp("default"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a default project of the test's own."""
    return bake(tmp_path)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a certificate for localhost that nobody but itself vouches for.

    Its key is beside it, as ``key.pem``.
    """
    need(shutil.which("openssl") is not None, "openssl is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    where = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")]
    subprocess.run([*new, *subject, *where], check=True, capture_output=True)
    return folder / "ca.pem"


@pytest.fixture(scope="session")
def client() -> Any:
    """Return the engine's client."""
    from kfp_workbench.errors import WorkbenchError
    from kfp_workbench.local import engines

    try:
        engine = engines.connect("docker")
    except WorkbenchError as error:
        need(False, str(error).partition(" (")[0])
    return engine


@pytest.fixture(scope="session")
def registry() -> str:
    """Return the registry's name, host:port."""
    import requests

    try:
        requests.get(f"http://{REGISTRY}/v2/", timeout=5).raise_for_status()
    except requests.RequestException:
        need(False, f"no registry answers at {REGISTRY}: set TEST_REGISTRY")
    return REGISTRY


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return a headless Chromium or Chrome."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    binary = next((path for name in names if (path := shutil.which(name))), None)
    need(binary is not None, "no Chromium or Chrome is here")
    quiet = ("disable-background-networking", "disable-component-update", "disable-sync")
    flags = [f"--{flag}" for flag in ("no-sandbox", "disable-gpu", "no-first-run", *quiet)]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=binary, args=flags)
        yield Browser(running.new_page())
        running.close()
