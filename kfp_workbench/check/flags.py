"""Checks the command line that a component makes against the flags that its program reads."""

from collections.abc import Collection, Iterator, Sequence

from kfp_workbench.check.command import Program
from kfp_workbench.check.options import Flag
from kfp_workbench.check.script import Script
from kfp_workbench.check.words import Word
from kfp_workbench.project.components import CONTAINER, Component
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown

END = Word((), None)


def check_flags(component: Component, script: Script, program: Program) -> Iterator[Finding]:
    """Find where a program is not given what it reads, or given what it does not.

    Nothing is said of one whose flags cannot be read for sure.
    """
    if script.is_sure:
        values = {word.text for word in program.arguments if word.text and not word.flag}
        flags = script.chosen(values)
        check = _Check(component, flags, program.name, script.reading.abbreviates)
        yield from check.run(program.arguments)


class _Check:
    """One pass over a command line."""

    def __init__(
        self, component: Component, flags: Sequence[Flag], name: str, abbreviates: bool
    ) -> None:
        self._component, self._flags, self._name = component, flags, name
        self._abbreviates = abbreviates
        self._positional = any(not flag.names[0].startswith("-") for flag in flags)
        self._given: set[str] = set()

    def run(self, arguments: Sequence[Word]) -> Iterator[Finding]:
        """Find what is wrong, from the first word to the last."""
        last: Flag | None = None
        waiting: Word | None = None  # the last flag, while it lacks its value
        started = False
        for word in (*arguments, END):
            name = word.flag
            if waiting and (name or word is END):
                what = f"{shown(waiting.text)} has no value"
                cure = "put a text or a placeholder after it"
                yield self._component.found(waiting.place, what, cure)
            if name:
                last = self._flag(name)
                yield from self._check_flag(word, name, last)
                self._given.update(last.names if last else [])
            elif word is not END and not self._positional:
                yield from self._check_value(word, last, started)
            started = started or bool(name)
            waiting = word if name and last and self._waits(word, name, last) else None
        yield from self._check_required()

    def _flag(self, name: str) -> Flag | None:
        """Return the flag of a name; a short one may have its value, or others, joined to it."""
        short = name[:2] if not name.startswith("--") else ""
        for wanted in (name, short):
            for flag in self._flags:
                if wanted in flag.names:
                    return flag
        if not self._abbreviates or not name.startswith("--"):
            return None
        begun = [flag for flag in self._flags if any(full.startswith(name) for full in flag.names)]
        return begun[0] if len(begun) == 1 else None

    def _waits(self, word: Word, name: str, flag: Flag) -> bool:
        is_whole = name in flag.names or name.startswith("--")  # else the value is joined to it
        return bool(flag.takes_value) and is_whole and "=" not in str(word.text)

    def _check_flag(self, word: Word, name: str, flag: Flag | None) -> Iterator[Finding]:
        if flag is None:
            known = ", ".join(flag.names[-1] for flag in self._flags) or "none"
            what = f"args gives {shown(name)}, which {self._name} does not read"
            cure = f"add it there, or use one of its flags, {known}"
            yield self._component.found(word.place, what, cure)
        elif self._is_again(flag.names) and not flag.repeats and not word.optional:
            what = f"args gives {shown(name)} twice"
            cure = f"give it once, {self._name} takes the last only"
            yield self._component.found(word.place, what, cure)

    def _is_again(self, names: Collection[str]) -> bool:
        return not self._given.isdisjoint(names)

    def _check_value(self, word: Word, last: Flag | None, started: bool) -> Iterator[Finding]:
        if last and last.takes_value is False:
            what = f"{shown(last.names[-1])} takes no value"
            yield self._component.found(word.place, what, "put a --flag before this one")
        elif not started:
            what = "args begins with a value that no flag takes"
            yield self._component.found(word.place, what, "put a --flag before it")

    def _check_required(self) -> Iterator[Finding]:
        for flag in self._flags:
            if flag.required and not self._is_again(flag.names):
                what = f"{self._name} needs {flag.names[-1]}, which args does not give"
                cure = f"add {flag.names[-1]} and its value"
                yield self._component.found((*CONTAINER, "args"), what, cure)
