"""Checks a step's Dockerfile against the project's policy, and its lock file.

Pinned base images, a numeric user that is not root, the command in exec form,
dependencies with hashes, named files, no secret in the image's history. The grammar is
https://docs.docker.com/reference/dockerfile/
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ops import names
from ops.check.component import CONTAINER, Component
from ops.check.findings import Finding, said
from ops.check.sources import Sources
from ops.names import SECRET, shown
from ops.settings import Settings
from ops.steps import Step

_INSTALL = re.compile(r"\bpip[0-9.]*\s+(?:-\S+\s+)*install\b")
_HEREDOC = re.compile(r"<{2}-?\s*[\"']?(\w+)[\"']?")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::-([^}]*))?\})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Instruction(NamedTuple):
    """One instruction of a Dockerfile, its continuation lines joined."""

    line: int
    word: str  # in capitals
    text: str  # what follows, without flags such as --chown=...
    flags: tuple[str, ...]

    def words(self) -> list[str]:
        """Return what follows as words, also when it is a JSON list."""
        listed = json_list(self.text)
        if listed is not None:
            return listed
        try:
            return shlex.split(self.text)
        except ValueError:
            return self.text.split()


class Dockerfile(NamedTuple):
    """A step's Dockerfile; ``last`` are the instructions that make the image itself."""

    path: str
    instructions: list[Instruction]
    last: list[Instruction]

    def found(self, line: int, what: str, cure: str) -> Finding:
        """Return a finding in this file."""
        return Finding(self.path, line, what, cure)


def read_dockerfile(step: Step, sources: Sources) -> Dockerfile:
    """Return a step's Dockerfile; raises UnreadableError."""
    path = step.folder / "Dockerfile"
    instructions = list(_instructions(sources.text(path).splitlines()))
    return Dockerfile(sources.name(path), instructions, _last_stage(instructions))


def check_dockerfile(
    dockerfile: Dockerfile, sources: Sources, settings: Settings
) -> Iterator[Finding]:
    """Find what the policy does not allow."""
    yield from _check_bases(dockerfile, settings.build_args)
    yield from _check_user(dockerfile)
    for instruction in dockerfile.instructions:
        if instruction.word == "RUN":
            yield from _check_run(dockerfile, instruction)
        elif instruction.word in ("COPY", "ADD"):
            yield from _check_copy(dockerfile, instruction, sources)
        elif instruction.word in ("ENV", "ARG"):
            yield from _check_variables(dockerfile, instruction)


def check_entrypoint(dockerfile: Dockerfile, component: Component | None) -> Iterator[Finding]:
    """Find an ENTRYPOINT that is missing, no list, or not the component's command."""
    found = [item for item in dockerfile.last if item.word == "ENTRYPOINT"]
    command = component.container.get("command") if component else None
    cure = f"write ENTRYPOINT {json.dumps(command or ['python', 'main.py'])}"
    if not found:
        line = dockerfile.last[0].line if dockerfile.last else 1
        yield dockerfile.found(line, "has no ENTRYPOINT", cure)
        return
    entrypoint = json_list(found[-1].text)
    if entrypoint is None:
        what = "ENTRYPOINT is no list, so that a shell would run it"
        yield dockerfile.found(found[-1].line, what, cure)
    elif component and command is not None and command != entrypoint:
        what = f"command is not the Dockerfile's ENTRYPOINT {json.dumps(entrypoint)}"
        yield component.found((*CONTAINER, "command"), what, "make them equal")


def check_requirements(step: Step, sources: Sources) -> Iterator[Finding]:
    """Find requirements that are not locked with hashes, or are behind requirements.in."""
    path = step.folder / "requirements.txt"
    locked: set[str] = set()
    for line, text in _logical_lines(sources.text(path).splitlines()):
        name = _NAME.match(text)
        if name and "--hash=sha256:" in text:
            locked.add(_normal(name.group()))
        elif name or text.startswith(("-e", "--editable")):
            what = f"{shown(text.split(';')[0].strip())} is not locked with a hash"
            cure = "list it in requirements.in, then make lock"
            yield Finding(sources.name(path), line, what, cure)
    wanted = step.folder / "requirements.in"
    if not wanted.exists():
        return
    for line, text in _logical_lines(sources.text(wanted).splitlines()):
        name = _NAME.match(text)
        if name and _normal(name.group()) not in locked:
            what = f"{shown(name.group())} is not in requirements.txt"
            yield Finding(sources.name(wanted), line, what, "make lock")


def check_dockerignore(sources: Sources) -> Iterator[Finding]:
    """Find a .dockerignore that does not begin with refusing everything, or takes it back."""
    path = sources.root / ".dockerignore"
    cure = "begin with a line *, then admit by !steps/*/*.py what an image needs"
    patterns = list(_logical_lines(sources.text(path).splitlines())) if path.exists() else []
    if not patterns or patterns[0][1] not in ("*", "**", "**/*"):
        line = patterns[0][0] if patterns else 1
        yield Finding(".dockerignore", line, "admits what no image needs, such as secrets", cure)
    for line, text in patterns:
        if re.fullmatch(r"!/?(\*+/?)*|!/?\.?/?", text):
            yield Finding(".dockerignore", line, f"{shown(text)} admits everything", cure)


def json_list(text: str) -> list[str] | None:
    """Return the texts of an exec form, ``["a", "b"]``, or None."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return value
    return None


def _instructions(lines: Sequence[str]) -> Iterator[Instruction]:
    rest = iter(enumerate(lines, start=1))
    for number, line in rest:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        while text.endswith("\\"):
            _, more = next(rest, (0, ""))
            text = text if more.strip().startswith("#") else f"{text[:-1]} {more.strip()}"
        word, _, text = text.partition(" ")
        if word.upper() in ("RUN", "COPY", "ADD"):
            for end in _HEREDOC.findall(text):
                for _, more in rest:
                    if more.strip() == end:
                        break
                    text += f"\n{more}"
        flags = []
        while match := re.match(r"\s*(--[a-z-]+(?:=\S*)?)\s+", text):
            flags.append(match.group(1))
            text = text[match.end() :]
        yield Instruction(number, word.upper(), text.strip(), tuple(flags))


def _last_stage(instructions: Sequence[Instruction]) -> list[Instruction]:
    """Return what makes the last stage, with the stages that it starts from before it."""
    stages: dict[str, list[Instruction]] = {}
    current: list[Instruction] = []
    for instruction in instructions:
        if instruction.word == "FROM":
            base, _, alias = instruction.text.partition(" ")
            current = [*stages.get(base.lower(), []), instruction]
            stages[alias.strip()[3:].strip().lower() or str(len(stages))] = current
        else:
            current.append(instruction)
    return current


def _check_bases(dockerfile: Dockerfile, build_args: Mapping[str, str]) -> Iterator[Finding]:
    values: dict[str, str] = {}
    stages: set[str] = {"scratch"}
    for instruction in dockerfile.instructions:
        if instruction.word == "ARG" and len(stages) == 1:
            name, _, default = instruction.text.partition("=")
            values[name.strip()] = build_args.get(name.strip(), default.strip("\"' "))
        if instruction.word != "FROM":
            continue
        base, *alias = instruction.text.split() or [""]
        image = _VARIABLE.sub(
            lambda match: values.get(match[1] or match[2], "") or match[3] or "", base
        )
        if image.lower() not in stages and (problem := names.image_problem(image)):
            yield said(dockerfile.path, instruction.line, f"the base image {problem}")
        stages.add(alias[-1].lower() if alias else f"stage {len(stages)}")
    if stages == {"scratch"}:
        yield dockerfile.found(1, "has no FROM", "name a base image")


def _check_user(dockerfile: Dockerfile) -> Iterator[Finding]:
    users = [item for item in dockerfile.last if item.word == "USER"]
    cure = "write USER 65532:0"
    if not users:
        line = dockerfile.last[0].line if dockerfile.last else 1
        yield dockerfile.found(line, "the image runs as its base's user, which may be root", cure)
        return
    user = users[-1].text.partition(":")[0]
    if not re.fullmatch("[0-9]+", user):
        what = f"{shown(user)} is no number, and Kubernetes cannot tell it from root"
        yield dockerfile.found(users[-1].line, what, cure)
    elif int(user) == 0:
        yield dockerfile.found(users[-1].line, "the image runs as root", cure)


def _check_run(dockerfile: Dockerfile, instruction: Instruction) -> Iterator[Finding]:
    listed = json_list(instruction.text)
    script = " ".join(listed) if listed else instruction.text
    for part in re.split(r"&&|\|\||[;|\n]", script):
        if _INSTALL.search(part) and "--require-hashes" not in part:
            what = f"{shown(' '.join(part.split()))} takes what it finds"
            cure = "lock it (make lock) and add --require-hashes --requirement"
            yield dockerfile.found(instruction.line, what, cure)


def _check_copy(
    dockerfile: Dockerfile, instruction: Instruction, sources: Sources
) -> Iterator[Finding]:
    flags = [flag.partition("=")[0] for flag in instruction.flags]
    if "--from" in flags:
        return
    for source in instruction.words()[:-1]:
        if _HEREDOC.match(source):
            return
        if re.match("https?://|git@", source):
            if "--checksum" not in flags:
                what = f"{shown(source)} may be another file tomorrow"
                yield dockerfile.found(instruction.line, what, "add it with --checksum=sha256:...")
        elif source.strip("/") in ("", ".", "*", "steps", "./"):
            what = f"{instruction.word} {shown(source)} takes all there is"
            cure = "name the files that the image needs"
            yield dockerfile.found(instruction.line, what, cure)
        elif not re.search(r"[*?\[$]", source) and not (sources.root / source.strip("/")).exists():
            what = f"{instruction.word} takes {shown(source)}, which is not there"
            cure = "give a path below the project's folder"
            yield dockerfile.found(instruction.line, what, cure)


def _check_variables(dockerfile: Dockerfile, instruction: Instruction) -> Iterator[Finding]:
    words = instruction.words()
    named = [word.partition("=")[0] for word in words if "=" in word] or words[:1]
    for name in named:
        if SECRET.search(name):
            what = f"{instruction.word} {shown(name)} stays in the image, for all who pull it"
            yield dockerfile.found(instruction.line, what, "hand a secret over when the step runs")


def _logical_lines(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Return lines that say something, joined where one continues, with their numbers."""
    rest = iter(enumerate(lines, start=1))
    for number, line in rest:
        text = line.strip()
        while text.endswith("\\"):
            text = f"{text[:-1]}{next(rest, (0, ''))[1].strip()}"
        if text and not text.startswith("#"):
            yield number, text


def _normal(name: str) -> str:
    """Return a distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
