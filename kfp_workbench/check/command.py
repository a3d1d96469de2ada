"""What a component's command line runs: a script of the step, a program in its text, or neither."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from kfp_workbench.check.words import Word, command_line
from kfp_workbench.files import is_file
from kfp_workbench.project.components import Component
from kfp_workbench.project.documents import Place
from kfp_workbench.project.steps import Step

_PYTHON = re.compile(r"(?:.*/)?(?:python|pypy)[0-9.]*")
_SHELL = re.compile(r"(?:.*/)?(?:ba|da|a|k|z)?sh")
# https://docs.python.org/3/using/cmdline.html
_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")
# A shell's script that puts its $0 into a file, and has Python run that: what kfp 1 generated, ...
_FROM_WORD = re.compile(r"\$0\b.*>.*\bpython[0-9.]*\s.*\"\$@\"", re.DOTALL)
# ... and one that runs the words after it, when it has installed something, say.
_CALLING = re.compile(r".*&&\s*\"\$0\" \"\$@\"\s*", re.DOTALL)


class Program(NamedTuple):
    """What reads the arguments of a command line, as far as that can be told.

    ``script`` is a Python file of the step, ``source`` a program in the component's text; where
    there is neither, what runs is not the step's own, or cannot be told.
    """

    place: Place = ()  # of the word that names the program, or is it
    arguments: Sequence[Word] = ()
    script: Path | None = None
    source: str | None = None
    missing: str | None = None  # a script that the step should have and has not
    is_inline: bool = False  # the command holds what it runs, in whatever language

    @property
    def name(self) -> str:
        """Return what messages call the program."""
        return self.script.name if self.script else "its program"


def read_program(component: Component, step: Step) -> Program:
    """Return what a component's command runs."""
    return _read(command_line(component), step)


def _read(words: list[Word], step: Step) -> Program:
    words = _past_env(words)
    first = words[0].text if words else None
    if first is None:
        return Program()
    if _PYTHON.fullmatch(first):
        return _python(words, step)
    if _SHELL.fullmatch(first):
        return _shell(words, step)
    return _script(words, step) if first.endswith(".py") else Program()


def _past_env(words: list[Word]) -> list[Word]:
    """Return the words after ``env`` and the variables that it sets."""
    if words and str(words[0].text).rpartition("/")[2] == "env":
        words = words[1:]
        while words and re.match(r"[A-Za-z_]\w*=", words[0].text or ""):
            words = words[1:]
    return words


def _python(words: list[Word], step: Step) -> Program:
    """Return what an interpreter runs: its options come before that."""
    rest = words[1:]
    while rest and (option := rest[0].flag):
        if re.fullmatch("-[A-Za-z]*c", option):
            source = rest[1].text if rest[1:] else None
            place = rest[1].place if rest[1:] else ()
            return Program(place, rest[2:], source=source, is_inline=True)
        if re.fullmatch("-[A-Za-z]*m", option):
            return _module(rest[1:], step)
        rest = rest[2 if option in _WITH_VALUE else 1 :]
    return _script(rest, step)


def _module(words: list[Word], step: Step) -> Program:
    """Return the module that ``python -m`` runs, where it is one file of the step."""
    if not words or words[0].text is None:
        return Program()
    place = words[0].text.replace(".", "/")
    for name in (f"{place}.py", f"{place}/__main__.py"):
        if is_file(step.folder / name):
            return Program(words[0].place, words[1:], script=step.folder / name)
    return Program()


def _script(words: list[Word], step: Step) -> Program:
    """Return a script by its path in the image, which need not be that in the step's folder."""
    name = words[0].text if words else None
    if name is None or not name.endswith(".py"):
        return Program()
    given = Path(name)
    found = [step.folder / name] if not given.is_absolute() else []
    if not any(map(is_file, found)):
        found = [path for path in step.folder.rglob(given.name) if path.is_file()]
    if len(found) == 1:
        return Program(words[0].place, words[1:], script=found[0])
    elsewhere = found or given.is_absolute() or is_file(step.folder.parent.parent / name)
    return Program(words[0].place, missing=None if elsewhere else name)


def _shell(words: list[Word], step: Step) -> Program:
    """Return what a shell runs with ``-c``: perhaps what stands in the words after its script."""
    rest = words[1:]
    while rest and (option := rest[0].flag):
        if re.fullmatch("-[A-Za-z]*c[A-Za-z]*", option):
            script = rest[1].text if rest[1:] else None
            if script and _FROM_WORD.search(script) and rest[2:]:
                return Program(rest[2].place, rest[3:], source=rest[2].text, is_inline=True)
            if script and _CALLING.fullmatch(script):
                return _read(rest[2:], step)._replace(is_inline=True)
            return Program(is_inline=True)
        rest = rest[2 if option in ("-o", "+o") else 1 :]
    return Program()
