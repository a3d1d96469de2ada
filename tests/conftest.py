"""What the tests share: baking a project, and calling make in it."""

import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

TEMPLATE = Path(__file__).resolve().parent.parent
PROJECT = TEMPLATE / "<<cookiecutter.project_slug>>"
REGISTRY = os.environ.get("TEST_REGISTRY", "localhost:5000")
VENVS = TEMPLATE / "build" / "test-venvs"  # kept from run to run

# Nothing may be left in the template's folder: it would be in the next project.
sys.dont_write_bytecode = True
sys.path[:0] = [str(PROJECT), str(TEMPLATE)]


def bake(folder: Path, **answers: str) -> Path:
    """Generate a project below ``folder`` with cookiecutter and return its path."""
    from cookiecutter.main import cookiecutter

    return Path(
        cookiecutter(
            str(TEMPLATE),
            no_input=True,
            extra_context=answers,
            output_dir=str(folder),
            default_config=True,
        )
    )


def make(
    project: Path, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 600
) -> "subprocess.CompletedProcess[str]":
    """Call make in a project, with the environment that runs these tests as its .venv.

    The template's lock file holds all that a project's does (test_repository), so
    that nothing is installed.
    """
    venv = Path(sys.prefix)
    ready = next(venv.glob("template-*"), None)
    words = [f"VENV={venv}", *([f"READY={ready}"] if ready else [])]
    return subprocess.run(
        ["make", "-s", *words, *arguments],
        cwd=project,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without what would change a project's settings."""
    from ops import secrecy

    ours = {
        "REGISTRY",
        "KFP_HOST",
        "KFP_NAMESPACE",
        *secrecy.SIGN_IN,
        "KFP_CONNECTOR",
        "KFP_CA",
        "KFP_EXPERIMENT",
        "KFP_SERVICE_ACCOUNT",
        "PLATFORM",
        "DOCKER",
        "ALLOW_UNPINNED",
        "WAIT",
        "TIMEOUT",
        "APPLY",
    }
    ours |= {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON", "VENV", "READY", "RUNNER", "ENV"}
    ours |= {"MYPY_CACHE_DIR", "PYTHONDONTWRITEBYTECODE", "RUFF_NO_CACHE"}
    kept = {key: value for key, value in os.environ.items() if key not in ours}
    return {**kept, **(more or {})}


# Files with tests that run images: they would be in each other's way.
WITH_ENGINE = ("test_allowances", "test_caching", "test_doctor", "test_engine", "test_training")


@cache
def pythons() -> dict[str, Path]:
    """Return the supported Pythons of this machine, by version (``3.10``)."""
    found = {}
    for minor in range(10, 14):
        version = f"3.{minor}"
        candidates = [shutil.which(f"python{version}"), sys.executable]
        pyenv = Path.home() / ".pyenv" / "versions"
        candidates += [str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python"))]
        for candidate in candidates:
            if candidate and _version(candidate) == version:
                found[version] = Path(candidate)
                break
    return found


def _version(python: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    result = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return result.stdout.strip()


def python_with(version: str, requirement: str) -> Path:
    """Return the interpreter of an environment that has ``requirement`` installed."""
    from ops import files

    folder = VENVS / f"{version}-{requirement}"
    python = folder / "bin" / "python"
    with files.locked(folder.with_name(f".{folder.name}.lock")):
        if not (folder / "ready").exists():
            subprocess.run([pythons()[version], "-m", "venv", "--clear", folder], check=True)
            pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
            subprocess.run([*pip, requirement], check=True)
            (folder / "ready").touch()
    return python


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


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below ``folder``, bytecode aside, by its relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }


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


class Handler(BaseHTTPRequestHandler):
    """Answers every request by `serve`, and keeps quiet about it."""

    disable_nagle_algorithm = True  # a head and a body are two packets, 40 ms apart with it

    def log_message(self, *_: object) -> None:
        pass

    def serve(self) -> None:
        raise NotImplementedError

    def do_GET(self) -> None:
        self.serve()

    def do_HEAD(self) -> None:
        self.serve()

    def do_POST(self) -> None:
        self.serve()

    def do_PUT(self) -> None:
        self.serve()

    def do_DELETE(self) -> None:
        self.serve()


@contextmanager
def listening(handler: type[Handler], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve HTTP, or HTTPS, on a free port of the loopback interface; yields the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


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


def need(condition: bool, what: str) -> None:
    if not condition and os.environ.get("E2E") == "require":
        pytest.fail(f"E2E=require, but {what}")
    if not condition:
        pytest.skip(what)


@pytest.fixture(scope="session")
def client() -> Any:
    """Return the engine's client."""
    from ops import runners
    from ops.errors import OpsError

    try:
        engine = runners.connect("docker")
    except OpsError as error:
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


SCREENSHOTS = TEMPLATE / "build" / "screenshots"


class Browser:
    """A headless browser, as a reader of a page has it."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def open(self, path: Path, width: int = 1200, dark: bool = False) -> None:
        """Show a file, in a window of ``width`` by 900 pixels."""
        self.page.emulate_media(color_scheme="dark" if dark else "light")
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.goto(path.resolve().as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what JavaScript returns, a function's body."""
        return self.page.evaluate(
            f"given => (function () {{ {script} }}).apply(null, given)", list(arguments)
        )

    def text(self, selector: str) -> str:
        """Return the visible text of an element."""
        return str(self.page.inner_text(selector))

    def screenshot(self, name: str) -> None:
        """Keep a picture of the whole page, for people, in build/screenshots/."""
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    def problems(self) -> list[str]:
        """Return what axe, the accessibility checker, finds wrong with the page."""
        import axe_core_python

        axe = Path(axe_core_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
        self.run(axe)
        found = self.run("return axe.run(document, {iframes: false})")
        return [f"{item['id']}: {item['nodes'][0]['html']}" for item in found["violations"]]


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


def compiled(project: Path) -> Any:
    """Return a project's compiled pipeline, parsed."""
    import yaml

    text = (project / "build" / "pipeline.yaml").read_text(encoding="utf-8")
    return next(yaml.safe_load_all(text))


def submitted(project: Path) -> Any:
    """Return a project's compiled pipeline as a server is sent it."""
    import yaml

    text = (project / "build" / "pipeline.yaml").read_text(encoding="utf-8")
    spec, platform = yaml.safe_load_all(text)
    return {"pipeline_spec": spec, "platform_spec": platform}


def compile_here(project: Path) -> Path:
    """Compile a project's pipeline in this process, which is quicker; returns the file."""
    from ops import compiling, settings

    path = list(sys.path)
    try:
        return compiling.compile_pipeline(settings.load(project, environ={}), project)
    finally:
        sys.path[:] = path
        sys.modules.pop("pipeline", None)
