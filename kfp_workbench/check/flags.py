"""Checks the command line that a component makes against the flags that its script reads."""

import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from kfp_workbench.check.script import Flag, Script
from kfp_workbench.project.components import CONTAINER, Component
from kfp_workbench.project.documents import Place
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown


class Word(NamedTuple):
    """One word of the command line that ``args`` makes."""

    place: Place
    text: str | None  # None: what a placeholder stands for
    optional: bool  # below an `if`


END = Word((), None, False)


def check_flags(component: Component, script: Script) -> Iterator[Finding]:
    """Find where the command line that ``args`` makes is not what the script reads."""
    if not script.readable:
        if any(_flag_name(word) for word in _command_line(component)):
            what = "has no add_argument call, so that its flags cannot be read"
            yield Finding(script.path, 1, what, "take them with argparse, as templates/step/ does")
        return
    given: set[str] = set()
    last: Flag | None = None
    waiting: Word | None = None  # the last flag, while it lacks its value
    started = False
    for word in (*_command_line(component), END):
        name = _flag_name(word)
        if waiting and (name or word is END):
            what = f"{shown(waiting.text)} has no value"
            yield component.found(waiting.place, what, "put a text or a placeholder after it")
        if name:
            last = script.flag(name)
            yield from _check_flag(component, word, name, script, given)
            given.update(last.names if last else [])
        elif last and last.takes_value is False and not script.positional and word is not END:
            what = f"{shown(last.names[-1])} takes no value"
            yield component.found(word.place, what, "put a --flag before this one")
        elif not started and not script.positional and word is not END:
            what = "args begins with a value that no flag takes"
            yield component.found(word.place, what, "put a --flag before it")
        started = started or bool(name)
        waiting = word if name and last and last.takes_value and "=" not in str(word.text) else None
    for flag in script.flags:
        if flag.required and not given & set(flag.names):
            what = f"main.py needs {flag.names[-1]}, which args does not give"
            cure = f"add {flag.names[-1]} and its value"
            yield component.found((*CONTAINER, "args"), what, cure)


def _check_flag(
    component: Component, word: Word, name: str, script: Script, given: Collection[str]
) -> Iterator[Finding]:
    flag = script.flag(name)
    if flag is None:
        known = ", ".join(flag.names[-1] for flag in script.flags) or "none"
        what = f"args gives {shown(name)}, which main.py does not read"
        yield component.found(word.place, what, f"add it there, or use one of its flags, {known}")
    elif not set(flag.names).isdisjoint(given) and not flag.repeats and not word.optional:
        what = f"args gives {shown(name)} twice"
        yield component.found(word.place, what, "give it once, main.py takes the last only")


def _command_line(component: Component) -> list[Word]:
    """Return the words that a script gets: those after it in ``command``, then ``args``."""
    command, args = (component.container.get(key) for key in ("command", "args"))
    command = command if isinstance(command, list) else []
    scripts = [number for number, word in enumerate(command) if str(word).endswith(".py")]
    words = list(_words(args if isinstance(args, list) else [], (*CONTAINER, "args")))
    if not scripts:
        return words
    return [*_words(command, (*CONTAINER, "command"))][scripts[0] + 1 :] + words


def _flag_name(word: Word) -> str | None:
    """Return the flag that a word gives, without a value that is joined to it."""
    match = re.match(r"--?[A-Za-z][^=]*", word.text or "")
    return match.group() if match else None


def _words(items: Any, place: Place, optional: bool = False) -> Iterator[Word]:
    for number, item in enumerate(items if isinstance(items, list) else [items]):
        here = (*place, number) if isinstance(items, list) else place
        content = item.get("if") if isinstance(item, dict) else None
        if isinstance(content, dict):
            for branch in ("then", "else"):
                if branch in content:
                    yield from _words(content[branch], (*here, "if", branch), True)
        elif isinstance(item, dict) and isinstance(item.get("concat"), list):
            first = item["concat"][:1]
            text = first[0] if first and isinstance(first[0], str) and "=" in first[0] else None
            yield Word(here, text, optional)
        else:
            yield Word(here, None if isinstance(item, dict) else str(item), optional)
