"""The flags that a program reads with click, from its decorators; nothing is run.

https://click.palletsprojects.com/en/stable/options/
"""

import ast
import re
from collections.abc import Iterator, Sequence

from kfp_workbench.check.options import Flag, Reading, keyword, last_name, text
from kfp_workbench.project.sources import Module

_PARAMETERS = ("option", "argument")
_COMMANDS = ("command", "group")
_KNOWN = (*_PARAMETERS, *_COMMANDS, "pass_context", "pass_obj", "version_option", "help_option")
# Of a command or an option: they make it read other words, or read them from elsewhere.
_CHANGING = ("context_settings", "cls", "add_help_option")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def read(modules: Sequence[Module]) -> Reading | None:
    """Return the flags of a program, or None of one that has no decorators of click."""
    functions = [function for module in modules for function in _commands(module)]
    if not functions:
        return None
    groups = [function for function in functions if _mark(function, "group")]
    flags: list[Flag] = []
    commands: set[str] = set()
    is_sure = len(functions) == 1 or bool(groups)
    for function in functions:
        names = _names(function) if groups and function is not groups[0] else [None]
        commands.update(name for name in names if name)
        for mark in function.decorator_list:
            is_sure = is_sure and _is_known(mark)
            if isinstance(mark, ast.Call) and last_name(mark.func) in _PARAMETERS:
                found = _flag(mark)
                is_sure = is_sure and found is not None
                flags += [found._replace(command=name) for name in names if found]
    if commands:
        flags.append(Flag(("command",), False, None, False))
    return Reading(flags, frozenset(commands), is_sure)


def _commands(module: Module) -> Iterator[_Function]:
    """Return the functions of a module that are commands, or groups of them."""
    imported = {
        name.partition(".")[0]
        for node in module.imports
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else
                     [alias.name for alias in node.names])
    }  # fmt: skip
    if "click" in imported:
        for node in module.nodes:
            if isinstance(node, _Function) and any(_mark(node, kind) for kind in _COMMANDS):
                yield node


def _mark(function: _Function, kind: str) -> ast.expr | None:
    """Return a function's decorator of a kind, with or without a call."""
    for mark in function.decorator_list:
        if last_name(mark.func if isinstance(mark, ast.Call) else mark) == kind:
            return mark
    return None


def _names(function: _Function) -> list[str | None]:
    """Return what a command may be called: newer versions of click take a suffix off."""
    mark = _mark(function, "command") or _mark(function, "group")
    given = None
    if isinstance(mark, ast.Call):
        given = text(mark.args[0]) if mark.args else keyword(mark, "name")
    if given:
        return [str(given)]
    name = function.name.lower().replace("_", "-")
    return [*dict.fromkeys((name, re.sub("-(command|cmd|group|grp)$", "", name)))]


def _is_known(mark: ast.expr) -> bool:
    """Tell whether a decorator reads no more than its text says."""
    name = last_name(mark.func if isinstance(mark, ast.Call) else mark)
    words = mark.keywords if isinstance(mark, ast.Call) else []
    return name in _KNOWN and not any(word.arg is None or word.arg in _CHANGING for word in words)


def _flag(mark: ast.Call) -> Flag | None:
    """Return what a decorator adds, or None where only running the program would tell."""
    names = [text(argument) for argument in mark.args]
    if not names or not all(names):
        return None
    if last_name(mark.func) == "argument":
        return Flag((str(names[0]),), False, True, True)
    written = [part.strip() for name in names for part in str(name).split("/")]
    flags = tuple(part for part in written if part.startswith("-"))
    if not flags:
        return None
    counts = keyword(mark, "count") is True
    is_switch = counts or keyword(mark, "is_flag") is True or any("/" in str(n) for n in names)
    return Flag(
        names=flags,
        required=keyword(mark, "required") is True and keyword(mark, "envvar") is None,
        takes_value=not is_switch and keyword(mark, "flag_value") is None,
        repeats=counts or keyword(mark, "multiple") is True,
    )
