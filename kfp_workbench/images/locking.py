"""Makes ``requirements.txt`` with hashes from ``requirements.in``, for each step and the tools.

The first line of a lock file stands for what it was made from, and for its content: what it still
fits is not made again.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import base_images, settings
from kfp_workbench.project.secrecy import without_sign_in
from kfp_workbench.project.settings import ROOT
from kfp_workbench.setup import sources

# One file for every platform, and for the base image's Python and those after it.
OPTIONS = "--quiet --universal --generate-hashes --no-header --no-annotate"
TOOLS_PYTHON = "3.10"  # the oldest that a project runs on; and a step whose image does not say
# kfp asks for a cryptography that has no wheel for Macs with an Intel processor.
OVERRIDES = (
    "cryptography>=50; sys_platform != 'darwin' or platform_machine != 'x86_64'",
    "cryptography<49; sys_platform == 'darwin' and platform_machine == 'x86_64'",
)
_TOOLS = "requirements-dev.in"
_INDEX = re.compile(r"\s*(-i|--index-url|--extra-index-url|-f|--find-links|--no-index)\b")
_INCLUDED = re.compile(r"\s*(?:-[rc]|--requirement|--constraint)[\s=]+(\S+)")


def lock(root: Path = ROOT, *, upgrade: bool = False) -> None:
    """Write the lock file beside every ``requirements*.in``, all of them or none.

    One that fits its source is left as it is. What is locked already keeps its version, unless
    ``upgrade``. Raises WorkbenchError (1) with the resolver's reason when a file cannot be resolved.
    """
    found = [root / _TOOLS, *sorted(root.glob("steps/*/requirements.in"))]
    resolved = {source.with_suffix(".txt"): _locked(source, root, upgrade) for source in found}
    for target, text in resolved.items():
        if not target.exists() or files.read(target) != text:
            files.write(target, text)
            print(f"locked {target.relative_to(root)}", file=sys.stderr)
        else:
            print(f"{target.relative_to(root)} is up to date", file=sys.stderr)


def sign(source: Path, root: Path) -> None:
    """Say in the lock file of ``source`` that it fits, so that `lock` leaves it as it is."""
    target = source.with_suffix(".txt")
    body = files.read(target)
    files.write(target, f"{_head(source, _python(source, root), _read(source), body)}\n{body}")


def _locked(source: Path, root: Path, upgrade: bool) -> str:
    """Return the text of a lock file: the present one, where it fits."""
    target, python = source.with_suffix(".txt"), _python(source, root)
    texts = _read(source)
    before = files.read(target) if target.exists() else ""
    head, _, rest = before.partition("\n")
    if not upgrade and head == _head(source, python, texts, rest):
        return before
    # The source's own indexes, as whoever installs this needs them, too; no others.
    indexes = [line for text in texts for line in text.splitlines() if _INDEX.match(line)]
    body = "".join(f"{line}\n" for line in dict.fromkeys(indexes))
    body += _resolved(source, root, python, upgrade, has_index=bool(indexes))
    return f"{_head(source, python, texts, body)}\n{body}"


def _head(source: Path, python: str, texts: list[str], body: str) -> str:
    options = [OPTIONS, *(OVERRIDES if source.name == _TOOLS else ())]
    basis = "\0".join([*options, python, *texts, body])
    digest = hashlib.sha256(basis.encode()).hexdigest()[:16]
    return f"# make lock made this from {source.name}, for Python {python} and newer: {digest}"


def _python(source: Path, root: Path) -> str:
    """Return the version of Python that a lock file is for."""
    dockerfile = source.with_name("Dockerfile")
    if not dockerfile.exists():
        return TOOLS_PYTHON
    return base_images.python_of(dockerfile, settings.load(root).build_args) or TOOLS_PYTHON


def _read(source: Path) -> list[str]:
    """Return the texts of a file and of those that it includes."""
    return [files.read(path) for path in dict.fromkeys(_included(source, []))]


def _included(path: Path, above: list[Path]) -> Iterator[Path]:
    if path in above or not path.is_file():
        return  # the resolver says what is wrong with it
    yield path
    for line in files.read(path).splitlines():
        if match := _INCLUDED.match(line):
            yield from _included((path.parent / match[1]).resolve(), [*above, path])


def _resolved(source: Path, root: Path, python: str, upgrade: bool, *, has_index: bool) -> str:
    """Return what the resolver makes of a file; it holds no address of an index."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "requirements.txt")
        if source.with_suffix(".txt").exists():
            shutil.copyfile(source.with_suffix(".txt"), target)  # the versions to keep
        command = [sys.executable, "-m", "uv", "pip", "compile", *OPTIONS.split()]
        # Its own interpreter, where it would look at all that the machine has.
        command += ["--python", sys.executable, "--python-version", python]
        command += ["--upgrade"] if upgrade else []
        command += ["--index-strategy", "unsafe-best-match"]  # as pip does
        command += ["--no-index"] if sources.no_index() else []
        if source.name == _TOOLS:
            overrides = Path(folder, "overrides.txt")
            overrides.write_text("\n".join(OVERRIDES), encoding="utf-8")
            command += ["--override", str(overrides)]
        command += [str(source.relative_to(root)), "--output-file", str(target)]
        environ = sources.for_uv(without_sign_in(os.environ), has_index=has_index)
        result = subprocess.run(
            command,
            cwd=root,
            env={**environ, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
        )
        if result.returncode:
            reason = " ".join(result.stderr.split())[:500]
            raise WorkbenchError(f"{source.relative_to(root)}: cannot be resolved: {reason}")
        return files.read(target)
