"""Environments of lightweight Python components: the packages that they ask for, and the project's kfp.

On a cluster such a component installs its packages when it starts. Here that is done once, in an
environment that no other step sees.
"""

import importlib.util
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from kfp_workbench.digests import sha256
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local.lightweight import Lightweight
from kfp_workbench.local.venvs import LIGHTWEIGHT, requirements_of
from kfp_workbench.project.steps import Step
from kfp_workbench.setup import environments, installers, inventory, states


def provide(
    found: Lightweight, step: Step | None, task: str, root: Path, say: Callable[[str], None]
) -> Path:
    """Return the ``bin`` folder of a component's environment, made if need be.

    It holds what the requirements of ``step`` say, whose image the component names, if it is one of
    the project's. ``say`` is told what was installed. Raises WorkbenchError (1) when a package cannot be.
    """
    below = requirements_of(step) if step else ""
    asked = _lines(found)
    text = f"{states.this_python()}\n{below}\n{asked}"
    digest = sha256(text.encode()).hexdigest()[:16]
    folder = root / "build" / "venvs" / f"{LIGHTWEIGHT}{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with states.held(folder):  # another run may be making it
        if not states.is_whole(folder, {"lightweight": digest}):
            environments.begin(folder, Path(sys.executable))
            _lend_kfp(folder)
            for part in (below, asked):
                if part:
                    _install(folder, part, task)
            if below or asked:
                say(f"{task}: installed {_installed(folder)}")
            environments.finish(folder, [], {"lightweight": digest})
    return folder / "bin"


def _lines(found: Lightweight) -> str:
    """Return what a component asks for as the lines of a requirements file."""
    options = list(found.options)
    lines = []
    while options:
        option = options.pop(0)
        has_value = options and not options[0].startswith("-")
        lines.append(f"{option} {options.pop(0)}" if has_value else option)
    return "".join(f"{line}\n" for line in [*lines, *found.packages])


def _install(folder: Path, text: str, task: str) -> None:
    installers.add_pip(folder)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "requirements.txt")
        path.write_text(text, encoding="utf-8")
        try:
            installers.choose().install(folder, path, locked=False)
        except WorkbenchError as error:
            raise WorkbenchError(f"{task}: its packages: {error}") from None
    installers.compile_modules(folder)


def _lend_kfp(folder: Path) -> None:
    """Let an environment see the kfp that this one has, and nothing else of it."""
    found = importlib.util.find_spec("kfp")
    if found is None or found.origin is None:
        cure = "lightweight components need it: make setup"
        raise WorkbenchError(f"kfp is not installed here, and {cure}")
    (target,) = (folder / "lib").glob("python*/site-packages")
    package = Path(found.origin).parent
    for path in (package, *package.parent.glob("kfp-[0-9]*.dist-info")):
        (target / path.name).symlink_to(path)


def _installed(folder: Path) -> str:
    """Return what there is in an environment but kfp, for people."""
    held = inventory.ask(states.python_of(folder)).found
    others = {name: version for name, version in held.items() if name not in ("kfp", "pip")}
    return ", ".join(f"{name}=={version}" for name, version in sorted(others.items()))
