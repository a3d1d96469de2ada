"""pip and uv, behind one small interface; `choose` is the one place where one is taken.

What an archive of sources is built with is installed before it, from the lock file: no installer
fetches a builder of its own choice.
"""

import contextlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.setup import locks, sources
from kfp_workbench.setup.locks import Line

OPTIONS = ("--disable-pip-version-check", "--no-input", "--quiet")
LOCKED = ("--no-deps", "--require-hashes", "--no-build-isolation")
_WITH_PYTHON = (22, 3)  # from this pip on, it installs into another environment than its own


class Installer(Protocol):
    """Makes environments, and fills them."""

    name: str

    def make(self, folder: Path, python: Path) -> None:
        """Make an environment of ``python`` that holds nothing, or no more than pip."""

    def install(self, folder: Path, requirements: Path, *, locked: bool) -> None:
        """Install what a file requires; ``locked``, just its lines, each with its hash.

        Raises WorkbenchError (1) with the reason when that cannot be done.
        """


def choose() -> Installer:
    """Return uv, where it is on the machine and runs, else pip."""
    uv = shutil.which("uv")
    if uv and _printed([uv, "--version"]):
        return Uv(uv)
    return Pip()


def install_locked(installer: Installer, folder: Path, lines: Sequence[Line]) -> None:
    """Install lines of a lock file: what builds the others first."""
    builders = [line for line in lines if line.name in locks.BUILDERS]
    for part in (builders, [line for line in lines if line not in builders]):
        if part:
            with tempfile.TemporaryDirectory() as scratch:
                path = Path(scratch, "requirements.txt")
                path.write_text("".join(f"{line.text}\n" for line in part), encoding="utf-8")
                installer.install(folder, path, locked=True)


class Pip:
    """The machine's pip, or where it has none, or an old one, that which Python brings along."""

    name = "pip"

    def make(self, folder: Path, python: Path) -> None:
        """Make an environment; see `Installer`."""
        make_environment(folder, python, with_pip=not _serves_others(python.resolve()))

    def install(self, folder: Path, requirements: Path, *, locked: bool) -> None:
        """Install into an environment; see `Installer`."""
        own = folder / "bin" / "python"
        words = [str(own), "-I", "-m", "pip"]
        if not _has_pip(folder):
            words = [str(base_of(folder)), "-I", "-m", "pip", "--python", str(own)]
        words += ["install", *OPTIONS, "--no-compile", *(LOCKED if locked else ())]
        environ = sources.for_pip(locked=locked) | {"PIP_USE_PEP517": "1"}
        run([*words, "--requirement", str(requirements)], environ, "pip")


class Uv:
    """The machine's uv."""

    name = "uv"

    def __init__(self, command: str) -> None:
        self._command = command

    def make(self, folder: Path, python: Path) -> None:
        """Make an environment; see `Installer`."""
        make_environment(folder, python, with_pip=False)

    def install(self, folder: Path, requirements: Path, *, locked: bool) -> None:
        """Install into an environment; see `Installer`."""
        text = requirements.read_text(encoding="utf-8")
        has_index = bool(re.search(r"^\s*(-i|--index-url)\b", text, re.M))
        python = folder / "bin" / "python"
        words = [self._command, "pip", "install", "--quiet", "--python", str(python)]
        # As pip does: the version that is asked for, whichever index has it.
        words += ["--index-strategy", "unsafe-best-match", *(LOCKED if locked else ())]
        words += ["--require-hashes"] if not locked and "--hash=" in text else []
        words += ["--no-index"] if sources.no_index() else []
        environ = sources.for_uv(locked=locked, has_index=has_index)
        run([*words, "--requirement", str(requirements)], environ, "uv")


def make_environment(folder: Path, python: Path, *, with_pip: bool) -> None:
    """Make an environment of ``python`` that holds nothing but, if need be, pip."""
    words = [str(python), "-I", "-m", "venv", *([] if with_pip else ["--without-pip"])]
    try:
        run([*words, str(folder)], sources.for_pip(), "venv")
    except WorkbenchError as error:
        cure = "install python3-venv, or uv" if "ensurepip" in str(error) else "make doctor"
        raise WorkbenchError(f"{folder}: cannot be made ({error}): {cure}") from None


def add_pip(folder: Path) -> None:
    """Add pip to an environment that has none, as images have it: that of its Python, by a link."""
    if _has_pip(folder):
        return
    found = _asked(base_of(folder), "import pip; print(pip.__path__[0])")
    if found:
        (next(folder.glob("lib/python*/site-packages")) / "pip").symlink_to(found)
    else:
        with contextlib.suppress(WorkbenchError):  # there may be none at all
            run([str(folder / "bin" / "python"), "-I", "-m", "ensurepip"], sources.for_pip(), "pip")


def base_of(folder: Path) -> Path:
    """Return the interpreter that an environment was made of."""
    return (folder / "bin" / "python").resolve()


def run(words: Sequence[str], environ: dict[str, str], name: str) -> None:
    """Run a command; raises WorkbenchError (1) with its own reason, in one line."""
    result = subprocess.run(
        words,
        env={**environ, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if result.returncode:
        raise WorkbenchError(_reason(f"{result.stdout}\n{result.stderr}") or f"{name} failed")


def _reason(text: str) -> str:
    """Return what an installer said of its failure, in one line."""
    lines = [line for line in text.splitlines() if not line.startswith(("WARNING", "warning"))]
    errors = [at for at, line in enumerate(lines) if re.match(r"\s*(error|\u00d7)", line, re.I)]
    said = lines[errors[-1] :] if errors else lines[-1:]
    return " ".join(" ".join(said).split())[:400]


def _has_pip(folder: Path) -> bool:
    return any(folder.glob("lib/python*/site-packages/pip/__main__.py"))


def _serves_others(python: Path) -> bool:
    """Tell whether a Python has a pip that can install into other environments."""
    version = _asked(python, "import importlib.metadata as m; print(m.version('pip'))")
    return tuple(map(int, re.findall(r"\d+", version)[:2])) >= _WITH_PYTHON


def _asked(python: Path, code: str) -> str:
    """Return what some code prints; "" where it fails."""
    return _printed([str(python), "-I", "-c", code])


def _printed(words: Sequence[str]) -> str:
    try:
        result = subprocess.run(words, env=sources.for_pip(), capture_output=True, text=True)
    except OSError:
        return ""
    return "" if result.returncode else result.stdout.strip()
