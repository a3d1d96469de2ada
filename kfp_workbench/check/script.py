"""The flags that a step's script reads, from its ``add_argument`` calls; nothing is run."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from kfp_workbench.project.findings import Finding
from kfp_workbench.project.names import shown
from kfp_workbench.project.sources import Module, Sources, imports_package
from kfp_workbench.project.steps import Step

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

    path: str
    flags: list[Flag]
    findings: list[Finding]
    readable: bool  # some add_argument call was found

    @property
    def positional(self) -> bool:
        """Tell whether some argument is given by its place."""
        return any(not flag.names[0].startswith("-") for flag in self.flags)

    def flag(self, name: str) -> Flag | None:
        """Return the flag of a name, or None."""
        return next((flag for flag in self.flags if name in flag.names), None)


def read_script(step: Step, sources: Sources) -> Script:
    """Return the flags of a step's ``main.py`` and of its own modules; raises UnreadableError.

    A flag that an imported module adds is required only if the script gets to the call.
    """
    flags: list[Flag] = []
    findings: list[Finding] = []
    modules = sources.modules(step.folder / "main.py")
    for module in modules:
        if line := imports_package(module, "kfp"):
            cure = "take plain values from flags, no image of a step needs kfp"
            findings.append(Finding(sources.name(module.path), line, "a step imports kfp", cure))
    if any(getattr(node, "module", None) == "common.step" for node in modules[0].imports):
        flags = [Flag(("--executor-input",), required=True, takes_value=True, repeats=False)]
        return Script(sources.name(modules[0].path), flags, findings, readable=True)
    added = [(module, call) for module in modules for call in module.calls if _adds_flag(call)]
    elsewhere = any(module is not modules[0] for module, _ in added)
    passed_by = _not_reached(*modules) if elsewhere else set()
    for module, call in added:
        path = sources.name(module.path)
        flag = _flag(call)
        if flag is None:
            what = "a flag that only running the script would tell"
            cure = 'write it as text: add_argument("--name", ...)'
            findings.append(Finding(path, call.lineno, what, cure))
            continue
        flags.append(flag._replace(required=False) if id(call) in passed_by else flag)
        if _word(call, "type") == "bool":
            what = f"{shown(flag.names[0])} has type=bool, which takes any text for true"
            cure = 'compare the text, such as type=lambda text: text.lower() == "true"'
            findings.append(Finding(path, call.lineno, what, cure))
    return Script(sources.name(modules[0].path), flags, findings, bool(added))


def _adds_flag(call: ast.Call) -> bool:
    return getattr(call.func, "attr", "") == "add_argument"


def _not_reached(main: Module, *imported: Module) -> set[int]:
    """Return the calls, by their id, in imported functions that neither main.py nor they call.

    What is in no function runs with the import, and of a class all may.
    """
    inside = {
        id(node): name
        for module in imported
        for name, function in module.functions.items()
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
    }
    calls = [call for module in imported for call in module.calls]
    bound = dict(pair for module in (main, *imported) for pair in _bound(module))
    waiting = set(_called(main.calls, bound)) - main.functions.keys()
    waiting |= set(_called((call for call in calls if id(call) not in inside), bound))
    reached: set[str] = set()
    while waiting:
        reached |= waiting
        within = (call for call in calls if id(call) in inside and inside[id(call)] in waiting)
        waiting = set(_called(within, bound)) - reached
    return {call for call, name in inside.items() if name not in reached}


def _bound(module: Module) -> Iterator[tuple[str, str]]:
    """Return the names that a module's imports bind, and what these are called at their place."""
    for node in module.imports:
        for alias in node.names:
            yield (alias.asname or alias.name).partition(".")[0], alias.name


def _called(calls: Iterable[ast.Call], bound: Mapping[str, str]) -> Iterator[str]:
    """Return the names of the functions that are called, by themselves or as part of an import."""
    for call in calls:
        function: ast.AST = call.func
        if isinstance(function, ast.Name):
            yield bound.get(function.id, function.id)
        elif isinstance(function, ast.Attribute):
            name = function.attr
            while isinstance(function, ast.Attribute):
                function = function.value
            if isinstance(function, ast.Name) and function.id in bound:
                yield name


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
