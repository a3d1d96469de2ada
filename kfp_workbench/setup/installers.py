"""pip and uv, behind one small interface; `choose` is the one place where one is taken.

What an archive of sources is built with is installed before it, from the lock file: no installer
fetches a builder of its own choice.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.setup import locks, sources, states
from kfp_workbench.setup.locks import Line

OPTIONS = ("--disable-pip-version-check", "--no-input", "--quiet")
LOCKED = ("--no-deps", "--require-hashes", "--no-build-isolation")


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
    import tempfile  # where nothing is installed, it is not needed

    builders = [line for line in lines if line.name in locks.BUILDERS]
    for part in (builders, [line for line in lines if line not in builders]):
        if part:
            with tempfile.TemporaryDirectory() as scratch:
                path = Path(scratch, "requirements.txt")
                path.write_text("".join(f"{line.text}\n" for line in part), encoding="utf-8")
                installer.install(folder, path, locked=True)


class Pip:
    """The pip of the Python that an environment is made of."""

    name = "pip"

    def make(self, folder: Path, python: Path) -> None:
        """Make an environment; see `Installer`."""
        make_environment(folder, python)
        if not add_pip(folder):
            cure = "install uv, or pip (Debian and Ubuntu: apt-get install python3-venv)"
            raise WorkbenchError(f"{python} has no pip: {cure}")

    def install(self, folder: Path, requirements: Path, *, locked: bool) -> None:
        """Install into an environment; see `Installer`."""
        words = [str(folder / "bin" / "python"), "-I", "-m", "pip", "install", "--no-compile"]
        words += [*OPTIONS, *(LOCKED if locked else ()), "--requirement", str(requirements)]
        # Of an old pip, too: no build with whatever setuptools there is.
        run(words, sources.for_pip(locked=locked) | {"PIP_USE_PEP517": "1"}, "pip")


class Uv:
    """The machine's uv."""

    name = "uv"

    def __init__(self, command: str) -> None:
        self._command = command

    def make(self, folder: Path, python: Path) -> None:
        """Make an environment; see `Installer`."""
        make_environment(folder, python)

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


def make_environment(folder: Path, python: Path) -> None:
    """Make an environment of ``python`` that holds nothing."""
    words = [str(python), "-I", "-m", "venv", "--without-pip", str(folder)]
    try:
        run(words, sources.for_pip(), "venv")
    except WorkbenchError as error:
        raise WorkbenchError(f"{folder}: cannot be made with {python}: {error}") from None


def add_pip(folder: Path) -> bool:
    """Add the pip of its Python to an environment, by a link; tell whether there is one.

    That costs nothing, where a pip of its own takes seconds. A system's Python may have none, but
    bring one along for environments.
    """
    place = next(folder.glob("lib/python*/site-packages")) / "pip"
    if place.exists():
        return True
    python = str(folder / "bin" / "python")
    if found := _printed(
        [str(states.base_of(folder)), "-I", "-c", "import pip; print(pip.__path__[0])"]
    ):
        place.symlink_to(found)
        return True
    _printed([python, "-I", "-m", "ensurepip"])
    return bool(_printed([python, "-I", "-m", "pip", "--version"]))


def compile_modules(folder: Path) -> None:
    """Compile what an environment holds, as an image's pip does for its steps.

    They write no bytecode, so that each would compile again all that it imports. What cannot be
    compiled is left to whoever imports it.
    """
    packages = next(folder.glob("lib/python*/site-packages"))
    words = ["-I", "-m", "compileall", "-qq", "-j", "0", str(packages)]
    _printed([str(folder / "bin" / "python"), *words])


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


def _printed(words: Sequence[str]) -> str:
    try:
        result = subprocess.run(words, env=sources.for_pip(), capture_output=True, text=True)
    except OSError:
        return ""
    return "" if result.returncode else result.stdout.strip()
