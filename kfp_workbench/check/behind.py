"""Checks that a typed step's ``component.yaml`` is what ``main.py`` makes of it."""

import itertools
from collections.abc import Iterator

from kfp_workbench.files import is_file
from kfp_workbench.project.component_files import Typed
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import is_secret
from kfp_workbench.project.sources import Sources

_CURE = "make component writes it"


def check_written(typed: Typed, sources: Sources) -> Iterator[Finding]:
    """Find a ``component.yaml`` that is not as it is to be, and what its owner gave it wrongly."""
    path = sources.name(typed.path)
    present = typed.present
    if present is None:
        yield Finding(path, 1, "is missing, or cannot be read", _CURE)
    elif present != typed.text:
        yield _difference(path, present, typed.text)
    for name in typed.kept.get("env", {}):
        if is_secret(str(name)):
            lines = str(present).splitlines()
            line = next(number for number, text in enumerate(lines, 1) if str(name) in text)
            what = f"env sets {shown(name)}, and anyone may read this file"
            cure = "give the step a Kubernetes secret, or the path of a file"
            yield Finding(path, line, what, cure)
    for script in [word for word in typed.command if word.endswith(".py")][:1]:
        if not is_file(typed.step.folder / script):
            what = f"ENTRYPOINT runs {shown(script)}, which is not in steps/{typed.step.name}/"
            yield Finding(sources.name(typed.step.folder / "Dockerfile"), 1, what, "name main.py")


def _difference(path: str, present: str, due: str) -> Finding:
    """Return the first line that is not as it is to be."""
    pairs = enumerate(itertools.zip_longest(present.splitlines(), due.splitlines()), 1)
    line, wanted = next((line, wanted) for line, (found, wanted) in pairs if found != wanted)
    what = "is behind main.py"
    if wanted is not None:
        what += f", which makes this line {shown(wanted.strip())}"
    return Finding(path, line, what, _CURE)
