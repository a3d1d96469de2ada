"""Checks a step's lock file, and that it is not behind what it is made from.

The format is https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown
from kfp_workbench.project.sources import Sources
from kfp_workbench.project.steps import Step

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# What pip takes no hash for: folders and repositories. Archives at an address have one.
_UNLOCKABLE = re.compile(
    r"(?:-e|--editable)\b|[.]{0,2}/|[.]|(?:[\w.-]+\s*(?:\[[^]]*\])?\s*@\s*)?(?:\w+\+\w+:|file:)"
)
_LOGIN = re.compile(r"(\w[\w+.-]*)://([^\s/@]+)@([^\s/]*)")


def check_requirements(step: Step, sources: Sources) -> Iterator[Finding]:
    """Find requirements that are not locked with hashes, or are behind requirements.in."""
    path = step.folder / "requirements.txt"
    text, name = sources.text(path), sources.name(path)
    yield from _check_logins(name, text)
    locked: set[str] = set()
    for line, requirement in _requirements(text):
        distribution = _NAME.match(requirement)
        if "--hash=sha256:" in requirement:
            locked.add(_normal(distribution.group()) if distribution else requirement)
        elif _UNLOCKABLE.match(requirement):
            yield _unlockable(name, line, requirement)
        elif not requirement.startswith("-"):
            what = f"{_shown(requirement)} is not locked with a hash"
            yield Finding(name, line, what, "list it in requirements.in, then make lock")
    if os.path.lexists(step.folder / "requirements.in"):
        yield from _check_wanted(step.folder / "requirements.in", text, locked, sources)


def _check_wanted(
    path: Path, lock: str, locked: Collection[str], sources: Sources
) -> Iterator[Finding]:
    text, name = sources.text(path), sources.name(path)
    yield from _check_logins(name, text)
    for line, requirement in _requirements(text):
        wanted = re.match(rf"https?://\S+|{_NAME.pattern}", requirement)
        if _UNLOCKABLE.match(requirement):
            yield _unlockable(name, line, requirement)
        elif wanted and ";" not in requirement:  # of one with a marker, there may be no need
            found = wanted.group()
            if found not in lock if "://" in found else _normal(found) not in locked:
                yield Finding(
                    name, line, f"{_shown(found)} is not in requirements.txt", "make lock"
                )


def _check_logins(name: str, text: str) -> Iterator[Finding]:
    """Find addresses with a password, or a token in the place of a name; ``${VARIABLE}`` is none."""
    for line, content in enumerate(text.splitlines(), start=1):
        for scheme, login, host in _LOGIN.findall(content):
            user, _, password = login.partition(":")
            secret = password or (user if scheme.startswith("http") else "")  # ssh://git@ has none
            if secret and not re.fullmatch(r"\$\{\w+\}", secret):
                what = f"the address of {shown(host)} holds a login, and anyone may read this file"
                yield Finding(name, line, what, "take it from the environment, as ${TOKEN}")


def _unlockable(name: str, line: int, requirement: str) -> Finding:
    what = f"{_shown(requirement)} is not locked with a hash, and cannot be"
    return Finding(name, line, what, "publish it to an index, and require it from there")


def _shown(requirement: str) -> str:
    """Return a requirement as a message quotes it: without markers, hashes and logins."""
    return shown(_LOGIN.sub(r"\1://\3", requirement.split(";")[0].split(" --")[0].strip()))


def _requirements(text: str) -> Iterator[tuple[int, str]]:
    """Return lines that say something, joined where one continues, with their numbers."""
    rest = iter(enumerate(text.splitlines(), start=1))
    for number, line in rest:
        requirement = line.strip()
        while requirement.endswith("\\"):
            requirement = f"{requirement[:-1]}{next(rest, (0, ''))[1].strip()}"
        requirement = re.sub(r"(^|\s)#.*", "", requirement).strip()
        if requirement:
            yield number, requirement


def _normal(name: str) -> str:
    """Return a distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
