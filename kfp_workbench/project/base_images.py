"""What a Dockerfile's images are made from, and which Python those have."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kfp_workbench.project.instructions import Instruction, parse

_VARIABLE = r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})"
# python:3.12-slim, lambda/python:3.12, uv:python3.12-trixie
_PYTHON = re.compile(r"(?:^|/)python:(3\.\d+)|python-?(3\.\d+)")


class Base(NamedTuple):
    """What one stage of a Dockerfile begins with."""

    line: int
    image: str  # with the values of variables in it
    is_stage: bool  # an earlier one, or scratch
    root: str  # the image that it comes down to


def bases(instructions: Sequence[Instruction], build_args: Mapping[str, str]) -> list[Base]:
    """Return what each stage begins with."""
    values: dict[str, str] = {}
    roots = {"scratch": ""}  # of the stages by their names, in small letters
    found: list[Base] = []
    for instruction in instructions:
        if instruction.word == "ARG" and not found:
            for word in instruction.words():
                name, _, default = word.partition("=")
                values[name] = build_args.get(name, filled(default, values))
        if instruction.word == "FROM":
            text, *alias = instruction.text.split() or [""]
            image = filled(text, values)
            root = roots.get(image.lower(), image)
            found.append(Base(instruction.line, image, image.lower() in roots, root))
            roots[alias[-1].lower() if alias else str(len(found) - 1)] = root
    return found


def python_of(dockerfile: Path, build_args: Mapping[str, str]) -> str | None:
    """Return the version of Python, as in ``3.12``, that an image has by its base's name."""
    try:
        text = dockerfile.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    found = bases(list(parse(text)), build_args)
    match = _PYTHON.search(found[-1].root) if found else None
    return match[1] or match[2] if match else None


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with the values of the variables in it."""
    if "$" not in text:
        return text
    return re.sub(_VARIABLE, lambda match: values.get(match[1] or match[2]) or match[3] or "", text)
