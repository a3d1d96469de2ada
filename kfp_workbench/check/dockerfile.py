"""Checks a step's Dockerfile against the project's policy.

Pinned base images, a numeric user that is not root, the command in exec form,
dependencies with hashes, named files, no secret in the image's history.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from kfp_workbench.check.command import Program
from kfp_workbench.check.content import Content
from kfp_workbench.images import dockerignore
from kfp_workbench.project import base_images, names
from kfp_workbench.project.components import CONTAINER, Component
from kfp_workbench.project.findings import Finding, said
from kfp_workbench.project.instructions import Instruction, is_heredoc, json_list, parse
from kfp_workbench.project.names import shown
from kfp_workbench.project.secrecy import is_secret
from kfp_workbench.project.settings import Settings
from kfp_workbench.project.sources import Sources
from kfp_workbench.project.steps import Step

# Options of pip before its verb may have a value: pip --cache-dir /tmp install.
_INSTALL = re.compile(r"\bpip[0-9.]*\s+(?:-\S+\s+(?:(?!-|install\b)\S+\s+)?)*install\b")

_OPTION = re.compile("-[BEIOPRSbdqsuvx]+")  # of an interpreter, before its script; none has a value


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
    instructions = list(parse(sources.text(path)))
    return Dockerfile(sources.name(path), instructions, _last_stage(instructions))


def check_dockerfile(
    dockerfile: Dockerfile, content: Content, settings: Settings, may_be_root: bool = False
) -> Iterator[Finding]:
    """Find what the policy does not allow; ``may_be_root`` is what ``kubernetes.yaml`` says."""
    yield from _check_bases(dockerfile, settings.build_args)
    if not may_be_root:
        yield from _check_user(dockerfile)
    for instruction in dockerfile.instructions:
        if instruction.word == "RUN":
            yield from _check_run(dockerfile, instruction)
        elif instruction.word in ("COPY", "ADD"):
            yield from _check_copy(dockerfile, instruction, content)
        elif instruction.word in ("ENV", "ARG"):
            yield from _check_variables(dockerfile, instruction)


def check_entrypoint(
    dockerfile: Dockerfile, component: Component | None, program: Program
) -> Iterator[Finding]:
    """Find an ENTRYPOINT that is missing, no list, or not what the component's command begins with.

    A command that holds the program itself has none to be equal to.
    """
    if program.is_inline:
        return
    found = [item for item in dockerfile.last if item.word == "ENTRYPOINT"]
    words = component.words("command") if component else []
    command = list(itertools.takewhile(lambda word: isinstance(word, str), words))
    cure = f"write ENTRYPOINT {json.dumps(command or ['python', 'main.py'])}"
    if not found:
        line = dockerfile.last[0].line if dockerfile.last else 1
        yield dockerfile.found(line, "has no ENTRYPOINT", cure)
        return
    entrypoint = json_list(found[-1].text)
    if entrypoint is None:
        what = "ENTRYPOINT is no list, so that a shell would run it"
        yield dockerfile.found(found[-1].line, what, cure)
    elif component and words and not _begins(command, entrypoint):
        what = f"command is not the Dockerfile's ENTRYPOINT {json.dumps(entrypoint)}"
        yield component.found((*CONTAINER, "command"), what, "make them equal")


def _begins(command: Sequence[str], entrypoint: Sequence[str]) -> bool:
    """Tell whether a command begins with an entrypoint, options of Python itself aside."""
    wanted, given = (
        words[:1] + list(itertools.dropwhile(_OPTION.fullmatch, words[1:]))
        for words in (list(entrypoint), list(command))
    )
    return bool(wanted) and given[: len(wanted)] == wanted


def check_dockerignore(sources: Sources) -> Iterator[Finding]:
    """Find a .dockerignore that does not begin with refusing everything, or takes it back."""
    path = sources.root / ".dockerignore"
    cure = "begin with a line *, then admit by !steps/*/*.py what an image needs"
    patterns = list(dockerignore.numbered(sources.text(path))) if path.exists() else []
    if not patterns or patterns[0][1] not in ("*", "**", "**/*"):
        line = patterns[0][0] if patterns else 1
        yield Finding(".dockerignore", line, "admits what no image needs, such as secrets", cure)
    for line, pattern in patterns:
        if problem := dockerignore.pattern_problem(pattern):
            yield said(".dockerignore", line, problem)
        elif any(dockerignore.admits(["**", pattern], name) for name in ("any", "any/thing")):
            yield Finding(".dockerignore", line, f"{shown(pattern)} admits everything", cure)


def _last_stage(instructions: Sequence[Instruction]) -> list[Instruction]:
    """Return what makes the last stage, with the stages that it starts from before it."""
    stages: dict[str, list[Instruction]] = {}
    current: list[Instruction] = []
    for instruction in instructions:
        if instruction.word == "FROM":
            base, *alias = instruction.text.lower().split() or [""]
            current = [*stages.get(base, []), instruction]
            stages[alias[-1] if alias else str(len(stages))] = current
        else:
            current.append(instruction)
    return current


def _check_bases(dockerfile: Dockerfile, build_args: Mapping[str, str]) -> Iterator[Finding]:
    found = base_images.bases(dockerfile.instructions, build_args)
    for base in found:
        if not base.is_stage and (problem := names.image_problem(base.image)):
            yield said(dockerfile.path, base.line, f"the base image {problem}")
    if not found:
        yield dockerfile.found(1, "has no FROM", "name a base image")


def _check_user(dockerfile: Dockerfile) -> Iterator[Finding]:
    users = [item for item in dockerfile.last if item.word == "USER"]
    cure = "write USER 65532:0"
    if not users:
        line = dockerfile.last[0].line if dockerfile.last else 1
        yield dockerfile.found(line, "the image runs as its base's user, which may be root", cure)
        return
    user = " ".join(users[-1].words()).partition(":")[0]
    if not re.fullmatch("[0-9]+", user):
        what = f"{shown(user)} is no number, and Kubernetes cannot tell it from root"
        yield dockerfile.found(users[-1].line, what, cure)
    elif int(user) == 0:
        yield dockerfile.found(users[-1].line, "the image runs as root", cure)


def _check_run(dockerfile: Dockerfile, instruction: Instruction) -> Iterator[Finding]:
    listed = json_list(instruction.text)
    script = " ".join(listed) if listed else f"{instruction.text}\n{instruction.body}"
    for part in re.split(r"&&|\|\||[;|\n]", script):
        if _INSTALL.search(part) and "--require-hashes" not in part:
            what = f"{shown(' '.join(part.split()))} takes what it finds"
            cure = "lock it (make lock) and add --require-hashes --requirement"
            yield dockerfile.found(instruction.line, what, cure)


def _check_copy(
    dockerfile: Dockerfile, instruction: Instruction, content: Content
) -> Iterator[Finding]:
    flags = [flag.partition("=")[0] for flag in instruction.flags]
    if "--from" in flags:
        return
    for source in instruction.words()[:-1]:
        if re.match("https?://|git@", source):
            if "--checksum" not in flags:
                what = f"{shown(source)} may be another file tomorrow"
                yield dockerfile.found(instruction.line, what, "add it with --checksum=sha256:...")
        elif not is_heredoc(source) and (problem := content.copy_problem(source)):
            yield said(dockerfile.path, instruction.line, f"{instruction.word} {problem}")


def _check_variables(dockerfile: Dockerfile, instruction: Instruction) -> Iterator[Finding]:
    words = instruction.words()
    if instruction.word == "ENV" and words and "=" not in words[0]:
        words = words[:1]  # the old form, ENV NAME and a value of many words
    for name in (word.partition("=")[0] for word in words):
        if is_secret(name):
            what = f"{instruction.word} {shown(name)} stays in the image, for all who pull it"
            yield dockerfile.found(instruction.line, what, "hand a secret over when the step runs")
