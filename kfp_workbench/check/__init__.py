"""The contract of a project, checked without running any of its steps.

A cluster notices most breaches only when a run is on its way, and KFP's compiler lets
them through. ``make check`` prints them; the generated tests call `check_project`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from kfp_workbench.check import (
    callers,
    component,
    dockerfile,
    flags,
    lacking,
    lightweight,
    numbers,
    own_data,
    picture,
    requirements,
    schedules,
    script,
    server,
    shadows,
    texts,
    traps,
    wiring,
)
from kfp_workbench.check.command import Program, read_program
from kfp_workbench.check.content import check_links, read_content
from kfp_workbench.check.interfaces import of_signature
from kfp_workbench.check.typed import read_typed
from kfp_workbench.pipeline import viewing
from kfp_workbench.pipeline.view import View
from kfp_workbench.project import names, settings
from kfp_workbench.project.components import Component, read_component
from kfp_workbench.project.findings import Finding, said
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import is_secret
from kfp_workbench.project.settings import ROOT, Settings
from kfp_workbench.project.signatures import Signature
from kfp_workbench.project.sources import Sources, UnreadableError
from kfp_workbench.project.steps import IGNORED, Step

__all__ = ["Finding", "check_project", "examine"]

T = TypeVar("T")
_UNSEEN = "make compile tells more, and only the files themselves were checked"


class Examined(NamedTuple):
    """What is wrong with a project, and what to know, by file and line."""

    findings: list[Finding]
    notes: list[Finding]
    is_lasting: bool  # the same files will give the same


def check_project(root: Path = ROOT) -> list[Finding]:
    """Return what is wrong with the project in ``root``, by file and line; as `examine` does."""
    return examine(root).findings


def examine(root: Path = ROOT) -> Examined:
    """Return what is wrong with the project in ``root``, and what to know, by file and line.

    The registry is that of pyproject.toml, whatever the environment says. Raises
    WorkbenchError (2) when the settings themselves cannot be read.
    """
    project = settings.load(root, environ={})
    with viewing.looking(root) as look:
        return _examined(root, project, look)


def _examined(root: Path, project: Settings, look: viewing.Look) -> Examined:
    sources = Sources(root)
    found: list[Finding] = []
    steps = []
    for folder in _step_folders(root):
        if problem := names.step_problem(folder.name):
            found.append(said(sources.name(folder), 1, f"the step {problem}"))
        else:
            steps.append(Step(folder.name, folder))
    may_be_root, findings = _read_kubernetes(sources)
    found += findings
    components: list[Component] = []
    signatures: dict[str, Signature] = {}
    for step in steps:
        may = step.name in may_be_root
        found += _check_step(step, sources, project, components, signatures, may)
    known = {step: of_signature(step, found) for step, found in signatures.items()}
    for check in (
        lambda: list(wiring.check_pipeline(steps, sources)),
        lambda: list(wiring.check_calls(known, sources)),
        lambda: list(callers.check_callers(signatures, sources)),
        lambda: list(wiring.check_params(sources)),
        lambda: list(lightweight.check_lightweight(sources)),
        lambda: list(numbers.check_defaults(sources)),
        lambda: list(shadows.check_modules(sources)),
        lambda: list(schedules.check_schedules(sources)),
        lambda: list(dockerfile.check_dockerignore(sources)),
    ):
        found += _read(check, found) or []
    found += _check_build_args(root, project)
    found += [finding for finding, _ in texts.find(sources)]
    # Where a file cannot be read, compiling may not even end.
    view = View() if sources.unreadable else look()
    if not (sources.unreadable or view.wrong):  # else there is nothing to draw yet
        found += picture.check_pictures(sources)
    found += server.check_server(sources, components, project.server, view)
    found += traps.check_traps(sources, components, view, found)
    notes = [Finding("pipeline.py", 1, view.hindered, _UNSEEN)] if view.hindered else []
    notes += own_data.find(sources)
    # What all steps share is found once for each.
    lasts = view.is_lasting and not view.hindered
    return Examined(sorted(set(found)), sorted(set(notes)), lasts)


def _step_folders(root: Path) -> list[Path]:
    """Return the folders below steps/ that hold anything, also those that lack a file."""
    folders = [path for path in sorted((root / "steps").glob("[!.]*")) if path.is_dir()]
    return [path for path in folders if any(file.name not in IGNORED for file in path.iterdir())]


def _check_step(
    step: Step,
    sources: Sources,
    project: Settings,
    components: list[Component],
    signatures: dict[str, Signature],
    may_be_root: bool,
) -> list[Finding]:
    """Return what is wrong with a step; add its component and signature to those that are read."""
    found: list[Finding] = []
    typed = _read(lambda: read_typed(step, sources, project), found)
    part = _read(lambda: read_component(step, sources), [] if typed else found)
    program = read_program(part, step) if part else Program(missing="main.py")
    code = _read(lambda: script.read_script(step, sources, program), found)
    file = _read(lambda: dockerfile.read_dockerfile(step, sources), found)
    found += _read(lambda: list(requirements.check_requirements(step, sources)), found) or []
    content = read_content(step, sources.root)
    found += check_links(content)
    if code:
        found += code.findings
    if part:
        components.append(part)
    if typed:
        found += typed.findings
        found += component.check_kept(part) if part else []
        if typed.signature:
            signatures[step.name] = typed.signature
    elif part:
        found += component.check_component(part, step, project, program)
        found += flags.check_flags(part, code, program) if code else []
    held = lacking.check_lacking
    found += _read(lambda: list(held(step, sources, project.build_args, program)), found) or []
    if file:
        found += dockerfile.check_dockerfile(file, content, project, may_be_root)
        found += dockerfile.check_entrypoint(file, None if typed else part, program)
    return found


def _read(read: Callable[[], T], found: list[Finding]) -> T | None:
    """Return what ``read`` does, or None after noting why a file cannot be parsed."""
    try:
        return read()
    except UnreadableError as error:
        found.append(error.finding)
        return None


def _read_kubernetes(sources: Sources) -> tuple[set[str], list[Finding]]:
    """Return the steps that ``kubernetes.yaml`` lets be root, and what is wrong with the file."""
    from kfp_workbench.pipeline.kubernetes import (  # which itself takes modules of this package
        FILE,
        schema,
    )

    if not (sources.root / FILE).exists():
        return set(), []
    asked, findings = schema.read(sources)
    users = {name: settings.get("security") for name, settings in asked.by_name.items()}
    return {name for name, user in users.items() if user and user.non_root is False}, findings


def _check_build_args(root: Path, project: Settings) -> Iterator[Finding]:
    lines = (root / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    for name in project.build_args:
        if is_secret(name):
            line = next((n for n, text in enumerate(lines, 1) if text.lstrip().startswith(name)), 1)
            what = f"the build argument {shown(name)} stays in the image, for all who pull it"
            yield Finding("pyproject.toml", line, what, "hand a secret over when the step runs")
