"""Virtual environments of the steps, so that they run as processes without an engine.

Each has the Python of its step's base image, where this machine has that. What steps with the same
requirements need is installed once, in one that they share; each has a thin one of its own before
it, which takes what a step installs while it runs, as a container would. ``build/venvs/NAME`` leads
to that, for editors and notebooks.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from kfp_workbench import files
from kfp_workbench.digests import sha256
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import thin_venvs
from kfp_workbench.project import base_images, settings, steps
from kfp_workbench.project.settings import ROOT
from kfp_workbench.project.steps import Step
from kfp_workbench.setup import requirements, states

LIGHTWEIGHT = "lightweight-"  # how the folders begin of what `lightweight_venvs` makes
_PIP = '#!/bin/sh\nexec "$(dirname "$0")/python" -m pip "$@"\n'


class Environment(NamedTuple):
    """What a step runs in."""

    bin: Path
    python: str  # its version, as in 3.12
    wanted: str  # that of the base image, where the step requires packages


def provide(step: Step, root: Path = ROOT) -> Environment:
    """Return a step's environment, made if need be.

    Another one is made when ``requirements.txt`` or the Python changes; those that no step needs any
    more are removed then. Raises WorkbenchError (1) when the requirements cannot be installed.
    """
    text = requirements_of(step)
    wanted = _wanted(step, root)
    python, command = _python(wanted, text, root)
    shared = _folder(root, python, text)
    shared.parent.mkdir(parents=True, exist_ok=True)
    with states.held(shared):  # another run may be making it
        if not _is_whole(root, python, text):
            from kfp_workbench.local import making  # most often it is there

            _remove_unused(shared, root)
            try:
                making.make(shared, command or Path(sys.executable), step, text)
            except WorkbenchError as error:
                hint = f" (on Python {python}; its image has {wanted}, which uv would bring)"
                raise WorkbenchError(
                    f"{error}{hint if python != wanted else ''}", error.status
                ) from None
            making.finish(shared, text, _digests(python, text))
        own = _own(shared, step.name)
        _link(own, step.name)
    return Environment(own / "bin", python, wanted if text else python)


def python_folder(step: Step, root: Path = ROOT) -> Path:
    """Return the ``bin`` folder of a step's environment, made if need be: see `provide`."""
    return provide(step, root).bin


def interpreter(step: Step, root: Path = ROOT) -> Path | None:
    """Return the interpreter that a step's environment is made of; None if it requires nothing."""
    if not (text := requirements_of(step)):
        return None
    python, command = _python(_wanted(step, root), text, root)
    return command or states.base_of(_folder(root, python, text))


def other_pythons(found: Mapping[str, Environment]) -> str:
    """Return a line about the steps, by name, that another Python runs here than in their images."""
    others = {name: each for name, each in found.items() if each.python != each.wanted}
    if not others:
        return ""
    here = next(iter(others.values())).python
    there = ", ".join(sorted({each.wanted for each in others.values()}))
    text = f"note: {', '.join(others)}: on Python {here} here, on {there} in the image"
    return f"{text}: other versions, other models (install Python {there}, or uv, which brings it)"


def requirements_of(step: Step) -> str:
    """Return the requirements of a step; "" where the file is not there, or names none."""
    path = step.folder / "requirements.txt"
    text = files.read(path) if path.exists() else ""
    return text if any(True for _ in requirements.logical(text)) else ""


def _wanted(step: Step, root: Path) -> str:
    """Return the version of Python in a step's image; this one's, where that is not known."""
    dockerfile = step.folder / "Dockerfile"
    takes_arguments = dockerfile.is_file() and "ARG" in dockerfile.read_text(errors="replace")
    arguments = settings.load(root).build_args if takes_arguments else {}
    return base_images.python_of(dockerfile, arguments) or states.this_python()


def _python(wanted: str, text: str, root: Path) -> tuple[str, Path | None]:
    """Return the version of Python that a step gets, and its command if one had to be sought."""
    if _is_whole(root, wanted, text):
        return wanted, None
    from kfp_workbench.setup import pythons

    found = pythons.find(wanted, root / "build" / "venvs" / "sought.txt")
    if found is None and not _is_whole(root, states.this_python(), text):
        found = pythons.bring(wanted)
    return (wanted, found) if found else (states.this_python(), Path(sys.executable))


def _is_whole(root: Path, python: str, text: str) -> bool:
    return states.is_whole(_folder(root, python, text), _digests(python, text))


def _digests(python: str, text: str) -> dict[str, str]:
    return {"requirements": _digest(python, text)}


def _folder(root: Path, python: str, text: str) -> Path:
    return root / "build" / "venvs" / _digest(python, text)


def _digest(python: str, text: str) -> str:
    return sha256(f"{python}\n{text}".encode()).hexdigest()[:16]


def _remove_unused(made: Path, root: Path) -> None:
    texts = {step: requirements_of(step) for step in steps.find_steps(root)}
    needed, known = {made.name}, {step.name for step in texts}
    for step, text in texts.items():
        needed |= {
            _digest(version, text) for version in (_wanted(step, root), states.this_python())
        }
    for path in made.parent.iterdir():
        is_light = path.name.startswith(LIGHTWEIGHT)
        if path.is_symlink():
            if path.name not in known:
                path.unlink()
        elif path.is_dir() and not is_light and path.name.partition("-")[0] not in needed:
            files.remove(path)


def _own(shared: Path, name: str) -> Path:
    """Return the thin environment of one step, made anew if something was installed into it."""
    folder = shared.with_name(f"{shared.name}-{name}")
    packages = next(shared.glob("lib/python*/site-packages"))
    own = folder / packages.relative_to(shared)
    lines = thin_venvs.lines(packages.absolute(), shared.absolute().parents[2])
    if states.works(folder) and _holds_only(own, lines):
        return folder
    files.remove(folder)
    own.mkdir(parents=True)
    (folder / "bin").mkdir()
    files.copy(shared / "pyvenv.cfg", folder / "pyvenv.cfg")
    for path in _commands(shared / "bin"):
        (folder / "bin" / path.name).symlink_to(path.resolve() if "python" in path.name else path)
    (folder / "bin" / "pip").write_text(_PIP, encoding="utf-8")
    (folder / "bin" / "pip").chmod(0o755)
    (own / thin_venvs.SHARED).write_text(lines, encoding="utf-8")
    return folder


def _link(own: Path, name: str) -> None:
    """Let ``build/venvs/NAME`` lead to a step's environment."""
    link = own.with_name(name)
    if link.is_symlink() and str(link.readlink()) == own.name:
        return
    scratch = own.with_name(f".{name}.link")
    scratch.unlink(missing_ok=True)
    scratch.symlink_to(own.name)
    scratch.replace(link)


def _holds_only(own: Path, lines: str) -> bool:
    """Tell whether there is nothing but the way to the shared environment, where that is now."""
    names = [path.name for path in own.iterdir()]
    shared = own / thin_venvs.SHARED
    return names == [shared.name] and shared.read_text(encoding="utf-8") == lines


def _commands(folder: Path) -> Iterable[Path]:
    return [path for path in folder.absolute().iterdir() if not path.name.startswith("pip")]
