"""Environments are whole when they are called ready, whatever pip and Python are told elsewhere."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.setup import installers, locks, states
from shared.baking import PROJECT, TEMPLATE, environment
from shared.wheels import locked, write_index, write_sources, write_wheel

Result = subprocess.CompletedProcess[str]
UV = Path(sys.prefix, "bin", "uv")
INSTALLERS = ["pip", "uv"]


class Workshop:
    """A folder with a project's Makefile and a lock file, and where its packages come from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.house = folder / "house"
        self.project = folder / "project"
        for name in ("common", "steps", "tests"):
            (self.project / name).mkdir(parents=True)
        shutil.copyfile(PROJECT / "Makefile", self.project / "Makefile")
        self.alpha = write_wheel(self.house, "alpha", "1.0", ["not-locked"])
        self.gamma = write_sources(self.house, "gamma", "3.0")
        self.index = write_index(folder / "simple", [self.alpha, self.gamma])
        self.lock(locked(self.alpha) + locked(self.gamma))

    @property
    def venv(self) -> Path:
        return self.project / ".venv"

    def lock(self, text: str) -> None:
        (self.project / "requirements-dev.txt").write_text(text)

    def make(
        self, *words: str, installer: str = "pip", env: Mapping[str, str | Path] | None = None
    ) -> Result:
        """Call ``make setup`` with an index for pip, on a machine with or without uv."""
        given = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": self.index,
            "UV_CACHE_DIR": self.folder / "cache",
            "PATH": f"{self.tools(installer)}{os.pathsep}{os.environ['PATH']}",
            "PYTHON": getattr(sys, "_base_executable", sys.executable),
            **(env or {}),
        }
        kept = environment()
        for name in [name for name in kept if name.startswith(("PIP_", "UV_"))]:
            del kept[name]
        return subprocess.run(
            ["make", "-s", *(words or ["setup"])],
            cwd=self.project,
            env={**kept, **{name: str(text) for name, text in given.items() if text}},
            capture_output=True,
            text=True,
        )

    def tools(self, installer: str) -> Path:
        """Return a folder for the front of PATH, in which uv is there, or is broken."""
        folder = self.folder / f"with-{installer}"
        if not folder.exists():
            folder.mkdir()
            (folder / "uv").symlink_to(UV if installer == "uv" else "/bin/false")
        return folder

    def run(self, code: str) -> str:
        python = self.venv / "bin" / "python"
        words = [str(python), "-I", "-c", code]
        if not python.exists():
            return ""
        return subprocess.run(words, capture_output=True, text=True).stdout.strip()

    def holds(self) -> str:
        return self.run("import alpha, gamma; print(alpha.number, gamma.number)")


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def hostile(folder: Path) -> dict[str, dict[str, str | Path]]:
    """Return what sends packages elsewhere, or stands in for them."""
    variables: dict[str, str | Path] = {
        "PIP_TARGET": folder / "elsewhere", "PIP_PREFIX": "", "PIP_DRY_RUN": "1", "PIP_USER": "",
        "PIP_REQUIRE_VIRTUALENV": "1", "PIP_NO_DEPS": "0", "PIP_REQUIREMENT": "/nonexistent",
        "UV_TARGET": folder / "elsewhere", "UV_NO_VERIFY_HASHES": "1", "UV_DRY_RUN": "1",
        "UV_PYTHON": "3.99", "UV_SYSTEM_PYTHON": "1", "VIRTUAL_ENV": "/nonexistent",
    }  # fmt: skip
    file = folder / "pip.conf"
    file.write_text(
        f"[install]\nroot = {folder / 'elsewhere'}\nprefix = {folder / 'elsewhere'}\n"
        f"dry-run = true\nignore-installed = true\n[global]\nrequire-virtualenv = true\n"
        f"index-url = {(folder / 'simple').as_uri()}\n"
    )
    config: dict[str, str | Path] = {"PIP_CONFIG_FILE": file, "PIP_INDEX_URL": ""}
    other = folder / "path"
    other.mkdir()
    for name, number in (("alpha", "0.1"), ("gamma", "0.1")):
        (other / f"{name}.py").write_text(f"number = {number!r}\n")
        (other / f"{name}-1.0.dist-info").mkdir()
    python: dict[str, str | Path] = {
        "PYTHONPATH": f"{TEMPLATE}{os.pathsep}{other}",
        "PYTHONHOME": "/nonexistent",
        "PYTHONPLATLIBDIR": "elsewhere",
        "PYTHONUSERBASE": folder / "user",
    }
    user: dict[str, str | Path] = {"PIP_USER": "1", "PIP_PREFIX": "/nonexistent", "PIP_ROOT": "/x"}
    return {"variables": variables, "user": user, "config": config, "python": python}


@pytest.mark.parametrize("installer", INSTALLERS)
@pytest.mark.parametrize("what", ["variables", "user", "config", "python"])
def test_what_pip_and_python_are_told_empties_no_environment(
    shop: Workshop, what: str, installer: str
) -> None:
    result = shop.make(installer=installer, env=hostile(shop.folder)[what])
    assert result.returncode == 0, result.stderr
    assert f"setting up .venv with {installer}, once" in result.stderr
    assert shop.holds() == "1.0 3.0"
    assert not (shop.folder / "elsewhere").exists() and not (shop.folder / "user").exists()


@pytest.mark.parametrize("installer", INSTALLERS)
def test_a_hash_that_does_not_fit_leaves_nothing_that_passes(
    shop: Workshop, installer: str
) -> None:
    """And nothing that the next attempt builds on."""
    shop.lock(locked(shop.alpha).replace("sha256:", "sha256:00")[:-3] + "\n")
    result = shop.make(installer=installer)
    assert result.returncode == 2 and not list(shop.venv.glob("ready-*"))
    (line,) = [text for text in result.stderr.splitlines() if text.startswith("error: ")]
    assert "alpha" in line
    shop.lock(locked(shop.alpha) + locked(shop.gamma))
    assert shop.make(installer=installer).returncode == 0
    assert shop.holds() == "1.0 3.0"


def test_the_tools_are_fetched_when_they_are_needed(shop: Workshop) -> None:
    mypy, pytest_ = (write_wheel(shop.house, name, "9.0") for name in ("mypy", "pytest"))
    write_index(shop.folder / "simple", [mypy, pytest_])
    shop.lock(locked(shop.alpha) + locked(mypy) + locked(pytest_))
    assert shop.make(installer="uv").returncode == 0
    assert shop.run("import alpha; print(1)") == "1" and shop.run("import mypy; print(1)") == ""
    result = shop.make("lint", installer="uv")
    assert "adding to .venv: mypy\n" in result.stderr
    assert shop.run("import mypy; print(mypy.number)") == "9.0"
    assert shop.run("import pytest; print(1)") == ""


def interrupted(shop: Workshop) -> None:
    packages = next(shop.venv.glob("lib/python*/site-packages"))
    (packages / "alpha.py").unlink()
    (shop.venv / "made-by-make.json").write_text('{"locks": {}}\n')
    next(shop.venv.glob("ready-*")).unlink()


def without_python(shop: Workshop) -> None:
    (shop.venv / "bin" / "python").unlink()
    (shop.venv / "bin" / "python").symlink_to("/nonexistent/python")


def uninstalled(shop: Workshop) -> None:
    packages = next(shop.venv.glob("lib/python*/site-packages"))
    shutil.rmtree(packages / "alpha-1.0.dist-info")
    (packages / "alpha.py").unlink()


def of_another_version(shop: Workshop) -> None:
    packages = next(shop.venv.glob("lib/python*/site-packages"))
    texts = {
        "alpha-1.0.dist-info/METADATA": "Name: alpha\nVersion: 0.9\n",
        "alpha.py": "number = 0",
    }
    for name, text in texts.items():
        (packages / name).unlink()  # it may be a link into uv's cache
        (packages / name).write_text(text)


@pytest.mark.parametrize(
    "harm", [interrupted, without_python, uninstalled, of_another_version], ids=lambda f: f.__name__
)
def test_an_environment_that_was_harmed_is_made_whole(
    shop: Workshop, harm: Callable[[Workshop], None]
) -> None:
    assert shop.make(installer="uv").returncode == 0
    harm(shop)
    assert shop.holds() != "1.0 3.0"
    result = shop.make(installer="uv")
    assert result.returncode == 0, result.stderr
    assert shop.holds() == "1.0 3.0"


def test_another_lock_file_makes_another_environment(shop: Workshop) -> None:
    """What it does not name any more is gone."""
    assert shop.make(installer="uv").returncode == 0
    shop.lock(locked(shop.alpha))
    assert shop.make("help", installer="uv").returncode == 0
    assert shop.make(installer="uv").returncode == 0
    assert shop.run("import alpha; print(1)") == "1" and shop.run("import gamma; print(1)") == ""


def test_a_ready_environment_costs_no_installer(shop: Workshop) -> None:
    assert shop.make(installer="uv").returncode == 0
    when = (shop.venv / "made-by-make.json").stat().st_mtime_ns
    assert shop.make(installer="uv", env={"PIP_INDEX_URL": "http://127.0.0.1:1"}).stderr == ""
    assert (shop.venv / "made-by-make.json").stat().st_mtime_ns == when


def test_an_environment_that_is_not_ours_is_left_alone(shop: Workshop) -> None:
    shop.venv.mkdir()
    (shop.venv / "pyvenv.cfg").write_text("of somebody else\n")
    result = shop.make()
    assert result.returncode == 2
    cure = "VENV=.venv-kfp makes one beside it, USE_VENV=.venv takes it as it is"
    assert result.stderr.startswith(f"error: .venv is there, and not made by make: {cure}\n")
    assert [path.name for path in shop.venv.iterdir()] == ["pyvenv.cfg"]
    assert shop.make("setup", "VENV=.venv-kfp", installer="uv").returncode == 0
    assert shop.make("clean", "ALL=1").returncode == 0
    assert shop.venv.exists()


def test_an_environment_that_people_bring_is_checked_and_never_changed(shop: Workshop) -> None:
    assert shop.make("setup", "VENV=mine", installer="uv").returncode == 0
    mine = shop.project / "mine"
    before = sorted(path for path in mine.rglob("*") if "__pycache__" not in path.parts)
    env = {"PIP_INDEX_URL": "http://127.0.0.1:1"}
    result = shop.make("setup", "USE_VENV=mine", env=env)
    assert (result.returncode, result.stderr) == (0, "")
    beta, newer = write_wheel(shop.house, "beta", "2.0"), write_wheel(shop.house, "alpha", "1.1")
    shop.lock(locked(newer))
    result = shop.make("setup", "USE_VENV=mine", env=env)
    assert result.returncode == 0
    assert "USE_VENV=mine differs from the lock file: alpha 1.1 (has 1.0)" in result.stderr
    shop.lock(locked(newer) + locked(beta))
    result = shop.make("setup", "USE_VENV=mine", env=env)
    assert result.returncode == 2
    assert "error: USE_VENV=mine lacks beta 2.0: " in result.stderr
    assert "/mine/bin/python -m pip install -r requirements-dev.txt" in result.stderr
    assert "no bin/python" in shop.make("setup", "USE_VENV=/nonexistent").stderr
    after = sorted(path for path in mine.rglob("*") if "__pycache__" not in path.parts)
    assert after == before


def test_a_python_that_is_too_old_is_one_line(shop: Workshop) -> None:
    old = shop.folder / "old-python"
    fake = f"import sys; sys.version_info = (3, 9, 1); sys.path.insert(0, {str(TEMPLATE)!r}); "
    run = "import runpy; runpy.run_module('kfp_workbench.setup', run_name='__main__')"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{fake}{run}"\n')
    old.chmod(0o755)
    result = shop.make("setup", f"PYTHON={old}")
    assert result.returncode == 2
    assert "error: Python 3.9 found, 3.10 or newer needed: set PYTHON=\n" in result.stderr


def test_a_python_without_pip_has_one_for_environments(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Debian's and Ubuntu's do: ensurepip's."""
    monkeypatch.setattr(states, "base_of", lambda folder: Path("/nonexistent"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", shop.index)
    pip, lines = installers.Pip(), locks.read([shop.project / "requirements-dev.txt"])
    pip.make(shop.venv, Path(sys.executable))
    installers.install_locked(pip, shop.venv, lines)
    assert shop.holds() == "1.0 3.0"
    assert shop.run("import pip; print(pip.__file__)").startswith(str(shop.venv))


def test_a_python_without_any_pip_is_one_line(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installers, "_printed", lambda words: "")
    with pytest.raises(WorkbenchError, match="has no pip: install uv, or pip"):
        installers.Pip().make(shop.venv, Path(sys.executable))


@pytest.mark.parametrize("installer", INSTALLERS)
def test_a_folder_of_wheels_needs_no_network(shop: Workshop, installer: str) -> None:
    env = {"PIP_INDEX_URL": "http://127.0.0.1:1", "PIP_EXTRA_INDEX_URL": "http://127.0.0.1:1"}
    result = shop.make("setup", f"WHEELS={shop.house}", installer=installer, env=env)
    assert result.returncode == 0, result.stderr
    assert shop.holds() == "1.0 3.0"
    (shop.house / shop.alpha.name).write_bytes(b"another one")
    assert shop.make("clean", "ALL=1").returncode == 0
    env |= {"WHEELS": str(shop.house), "UV_CACHE_DIR": str(shop.folder / "other")}
    assert shop.make(installer=installer, env=env).returncode == 2, "hashes count here, too"
    result = shop.make("setup", "WHEELS=/nonexistent", installer=installer)
    assert "error: WHEELS='/nonexistent' is no folder: make wheels fills one" in result.stderr


@pytest.mark.parametrize("installer", INSTALLERS)
def test_what_fills_the_folder_is_not_set_up_from_it(shop: Workshop, installer: str) -> None:
    """A project that is new sets up from its index, before there is a folder."""
    result = shop.make("wheels", f"WHEELS={shop.folder / 'new'}", installer=installer)
    assert "setting up .venv" in result.stderr and shop.holds() == "1.0 3.0"
    assert "is no folder" not in result.stderr


def test_environments_outlive_make_clean(shop: Workshop) -> None:
    assert shop.make(installer="uv").returncode == 0
    (shop.project / "build" / "venvs").mkdir(parents=True)
    (shop.project / "build" / "pipeline.yaml").touch()
    assert shop.make("clean").returncode == 0
    assert [path.name for path in (shop.project / "build").iterdir()] == ["venvs"]
    assert shop.holds() == "1.0 3.0"
    assert shop.make("clean", "ALL=1").returncode == 0
    assert not shop.venv.exists() and not (shop.project / "build").exists()
