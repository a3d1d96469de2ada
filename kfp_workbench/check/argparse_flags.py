"""The flags that a program reads with argparse, from its ``add_argument`` calls; nothing is run.

https://docs.python.org/3/library/argparse.html
"""

import ast
import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from kfp_workbench.check.options import Flag, Reading, keyword, last_name, text
from kfp_workbench.project.sources import Module

WITHOUT_VALUE = {"store_true", "store_false", "store_const", "append_const", "count", "help"}
WITHOUT_VALUE |= {"version", "BooleanOptionalAction"}
# Of a parser: they make it read other words than its calls tell.
_CHANGING = ("prefix_chars", "fromfile_prefix_chars")
_MAKING = ("add_parser", "add_argument_group", "add_mutually_exclusive_group", "add_subparsers")
_EVERY = ""  # the owner of what all sub-commands have


@functools.lru_cache(64)  # what steps share is asked for each of them
def added(module: Module) -> list[ast.Call]:
    """Return the calls in a module that add a flag."""
    return [call for call in module.calls if last_name(call.func) == "add_argument"]


def reached(modules: Sequence[Module]) -> set[int]:
    """Return the calls that add a flag and that a program gets to, by their id."""
    elsewhere = any(added(module) for module in modules[1:])
    passed_by = _not_reached(*modules) if elsewhere else set()
    return {id(call) for module in modules for call in added(module)} - passed_by


def read(modules: Sequence[Module]) -> Reading:
    """Return the flags of a program, its main module first.

    A flag that an imported module adds is required only if the program gets to the call, and one
    of a sub-command, only with that.
    """
    calls = [call for module in modules for call in module.calls]
    commands = [_command(call) for call in calls if last_name(call.func) == "add_parser"]
    own = {name for module in modules for name in _defined(module)}
    got_to = reached(modules)
    is_sure = bool(got_to) and all(commands) and not any(map(_is_open, calls))
    flags: list[Flag] = []
    for module in modules:
        parsers = _Parsers(module)
        is_sure = is_sure and not parsers.handed_on(own)
        for call in added(module):
            owner = parsers.owner(call.func) if commands else _EVERY
            if found := _flag(call):
                required = found.required and id(call) in got_to and owner is not None
                flags.append(found._replace(required=required, command=owner or None))
            else:
                is_sure = False
    if commands:
        flags.append(Flag(("command",), False, None, False))
    abbreviates = all(keyword(call, "allow_abbrev") is not False for call in calls)
    return Reading(flags, frozenset(name for name in commands if name), is_sure, abbreviates)


def _defined(module: Module) -> Iterator[str]:
    """Return the names of a module's functions and classes, at any depth."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return (node.name for node in module.nodes if isinstance(node, kinds))


def _is_open(call: ast.Call) -> bool:
    """Tell whether a call lets a program read more than is added by calls with a text."""
    if last_name(call.func) in ("parse_known_args", "parse_known_intermixed_args"):
        return True
    parents = next((word.value for word in call.keywords if word.arg == "parents"), None)
    others = ast.walk(parents) if parents else ()
    return any(isinstance(node, ast.Attribute) for node in others) or any(
        word.arg in _CHANGING for word in call.keywords
    )


def _command(call: ast.Call) -> str | None:
    return text(call.args[0]) if call.args else None


class _Parsers:
    """The parsers of a module, and the groups in them, by the variables that hold them."""

    def __init__(self, module: Module) -> None:
        self._calls = module.calls
        self._made: list[tuple[int, str, ast.Call]] = []
        for node in module.nodes:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                for target in node.targets:
                    if isinstance(target, ast.Name) and _makes_parser(node.value):
                        self._made.append((node.lineno, target.id, node.value))
        self._made.sort(key=lambda made: made[0])

    def owner(self, function: ast.AST) -> str | None:
        """Return the sub-command of the parser that a method is called of.

        Nothing for the one that all sub-commands share, None where that cannot be told.
        """
        call = getattr(function, "value", None)
        for _ in range(9):  # groups in groups
            if isinstance(call, ast.Name):
                call = self._holds(call)
            if not isinstance(call, ast.Call):
                return None
            name = last_name(call.func)
            if name == "add_parser":
                return _command(call)
            if name not in _MAKING:
                return _EVERY if name.endswith("Parser") else None
            call = getattr(call.func, "value", None)
        return None

    def _holds(self, name: ast.Name) -> ast.Call | None:
        """Return the call whose result a variable was given last, above."""
        found = [call for line, held, call in self._made if held == name.id and line <= name.lineno]
        return found[-1] if found else None

    def handed_on(self, own: Collection[str]) -> bool:
        """Tell whether a parser is handed to a function that is not the program's own."""
        held = {name for _, name, _ in self._made}
        for call in self._calls:
            given = [*call.args, *(word.value for word in call.keywords)]
            names = {node.id for node in given if isinstance(node, ast.Name)}
            if held & names and last_name(call.func) not in own:
                return True
        return False


def _makes_parser(call: ast.Call) -> bool:
    name = last_name(call.func)
    return name in _MAKING or name.endswith("Parser")


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
    """Return the flag that a call adds, or None where only running the program would tell."""
    names = [text(argument) for argument in call.args]
    if not names or not all(names) or any(word.arg is None for word in call.keywords):
        return None
    action = str(keyword(call, "action") or "store")
    if action == "BooleanOptionalAction":
        names += [f"--no-{str(name)[2:]}" for name in names if str(name).startswith("--")]
    return Flag(
        names=tuple(map(str, names)),
        required=keyword(call, "required") is True,
        takes_value=_takes_value(call, action),
        repeats=action in ("append", "extend", "append_const", "count"),
    )


def _takes_value(call: ast.Call, action: str) -> bool | None:
    if action in WITHOUT_VALUE:
        return False
    if action not in ("store", "append", "extend") or keyword(call, "nargs") in ("?", "*", 0):
        return None
    return True
