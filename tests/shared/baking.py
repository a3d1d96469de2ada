"""Projects for tests: baking them, calling make in them, and looking at what they hold."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).resolve().parents[2]
PROJECT = TEMPLATE / "<<cookiecutter.project_slug>>"
VENVS = TEMPLATE / "build" / "test-venvs"  # kept from run to run


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
    """Call make in a project, with the environment that runs these tests in place of its .venv.

    That holds what a project locks, so that nothing is installed.
    """
    return subprocess.run(
        ["make", "-s", f"USE_VENV={sys.prefix}", *arguments],
        cwd=project,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without what would change a project's settings."""
    from kfp_workbench.project import secrecy

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
    ours |= {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON", "VENV", "USE_VENV", "RUNNER", "ENV"}
    ours |= {"NAME", "WHEELS"}
    ours |= {"MYPY_CACHE_DIR", "PYTHONDONTWRITEBYTECODE", "RUFF_NO_CACHE"}
    kept = {key: value for key, value in os.environ.items() if key not in ours}
    return {**kept, "PYTHONPATH": str(TEMPLATE), **(more or {})}


@cache
def pythons() -> dict[str, Path]:
    """Return the supported Pythons of this machine, by version (``3.10``)."""
    found = {}
    for minor in range(10, 16):
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
    from kfp_workbench import files

    folder = VENVS / f"{version}-{requirement}"
    python = folder / "bin" / "python"
    with files.locked(folder.with_name(f".{folder.name}.lock")):
        if not (folder / "ready").exists():
            subprocess.run([pythons()[version], "-m", "venv", "--clear", folder], check=True)
            pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
            subprocess.run([*pip, requirement], check=True)
            (folder / "ready").touch()
    return python


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below ``folder``, by its relative path.

    Bytecode, and what is kept of YAML and TOML, are no more than quicker ways to the same.
    """
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".pyc" and path.parent.name != "parsed"
    }


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
    from kfp_workbench.pipeline import compiling
    from kfp_workbench.project import settings

    path = list(sys.path)
    try:
        return compiling.compile_pipeline(settings.load(project, environ={}), project)
    finally:
        sys.path[:] = path
        sys.modules.pop("pipeline", None)
