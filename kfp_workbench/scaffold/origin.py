"""Where a project came from: what it notes in ``[tool.pipeline.template]``."""

import re
from pathlib import Path
from typing import NamedTuple

import kfp_workbench

_ABBREVIATION = re.compile(
    r"[a-z]+:[\w.-]+/[\w.-]+"
)  # cookiecutter's own, such as gh:team/template
_SSH = re.compile(r"[\w.-]+@[\w.-]+:[^/].*")


class Origin(NamedTuple):
    """The template that a project was made from."""

    address: str  # as given to cookiecutter, without a login; empty for a folder
    commit: str  # that was checked out; empty where the template is no repository
    version: str  # of the package


def read(template: str, folder: Path) -> Origin:
    """Return where a project comes from: ``template`` is what cookiecutter was given for it.

    ``folder`` is the template's on this machine.
    """
    return Origin(_address(template), _commit(folder), kfp_workbench.__version__)


def _address(template: str) -> str:
    if _SSH.fullmatch(template) or _ABBREVIATION.fullmatch(template):
        return template
    scheme, mark, rest = template.partition("://")
    if not mark or scheme == "file" or not scheme.replace("+", "").isalnum():
        return ""
    login, at, rest = rest.rpartition("@")
    if "/" in login:
        return ""  # of the host or of the path: it cannot be told
    rest = re.split("[?#]", rest)[0]
    # A name without a password, such as git, is none of a person.
    return (
        f"{scheme}://{login}{at}{rest}"
        if scheme == "ssh" and ":" not in login
        else f"{scheme}://{rest}"
    )


def _commit(folder: Path) -> str:
    """Return the commit that is checked out, without calling git."""
    git = folder / ".git"
    try:
        if git.is_file():  # of a worktree or a submodule
            git = folder / _text(git).removeprefix("gitdir: ")
        head = _text(git / "HEAD")
        if not head.startswith("ref: "):
            return head
        common = git / _text(git / "commondir") if (git / "commondir").exists() else git
        return _reference(common, head.removeprefix("ref: "))
    except (OSError, ValueError):
        return ""


def _reference(git: Path, name: str) -> str:
    """Return the commit that a branch is at, which has a file of its own or a line in a common one."""
    if (git / name).exists():
        return _text(git / name)
    lines = _text(git / "packed-refs").splitlines()
    return next((line.split()[0] for line in lines if line.endswith(f" {name}")), "")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()
