"""The flags that a step's script reads, from its ``add_argument`` calls; nothing is run."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from ops.check.findings import Finding
from ops.check.sources import Module, Sources, imports_package
from ops.names import shown
from ops.steps import Step

# https://docs.python.org/3/library/argparse.html#action
WITHOUT_VALUE = {"store_true", "store_false", "store_const", "append_const", "count", "help"}


class Flag(NamedTuple):
    """One argument of a script; a positional one has a name without dashes."""

    names: tuple[str, ...]
    required: bool
    takes_value: bool | None  # None: it may
    repeats: bool  # may be given several times


class Script(NamedTuple):
    """What a step's script reads from its command line."""

    flags: list[Flag]
    findings: list[Finding]

    @property
    def positional(self) -> bool:
        """Tell whether some argument is given by its place."""
        return any(not flag.names[0].startswith("-") for flag in self.flags)

    def flag(self, name: str) -> Flag | None:
        """Return the flag of a name, or None."""
        return next((flag for flag in self.flags if name in flag.names), None)


def read_script(step: Step, sources: Sources) -> Script:
    """Return the flags of a step's ``main.py`` and of its own modules; raises UnreadableError."""
    flags: list[Flag] = []
    findings: list[Finding] = []
    for module in sources.modules(step.folder / "main.py"):
        path = sources.name(module.path)
        if line := imports_package(module, "kfp"):
            cure = "take plain values from flags, no image of a step needs kfp"
            findings.append(Finding(path, line, "a step imports kfp", cure))
        for call in _calls(module):
            flag = _flag(call)
            if flag is None:
                what = "a flag that only running the script would tell"
                cure = 'write it as text: add_argument("--name", ...)'
                findings.append(Finding(path, call.lineno, what, cure))
                continue
            flags.append(flag)
            if _word(call, "type") == "bool":
                what = f"{shown(flag.names[0])} has type=bool, which takes any text for true"
                cure = 'compare the text, such as type=lambda text: text.lower() == "true"'
                findings.append(Finding(path, call.lineno, what, cure))
    return Script(flags, findings)


def _calls(module: Module) -> Iterator[ast.Call]:
    for node in module.nodes:
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
            yield node


def _flag(call: ast.Call) -> Flag | None:
    names = [getattr(argument, "value", None) for argument in call.args]
    if not names or not all(isinstance(name, str) and name for name in names):
        return None
    action = _word(call, "action") or "store"
    if action == "BooleanOptionalAction":
        names += [f"--no-{str(name)[2:]}" for name in names if str(name).startswith("--")]
    return Flag(
        names=tuple(map(str, names)),
        required=_word(call, "required") is True,
        takes_value=_takes_value(call, str(action)),
        repeats=action in ("append", "extend", "append_const", "count"),
    )


def _takes_value(call: ast.Call, action: str) -> bool | None:
    if action in WITHOUT_VALUE or action in ("version", "BooleanOptionalAction"):
        return False
    if action not in ("store", "append", "extend") or _word(call, "nargs") in ("?", "*", 0):
        return None
    return True


def _word(call: ast.Call, name: str) -> object:
    """Return a keyword's constant, or the name of what it refers to, or None."""
    for word in call.keywords:
        if word.arg == name:
            value = word.value
            if isinstance(value, ast.Constant):
                return value.value
            return getattr(value, "id", None) or getattr(value, "attr", None) or "?"
    return None
