"""Tells which modules look at nothing but files when they are loaded: those that keep to what is known here."""

import ast
from pathlib import Path

# Packages whose use here depends on nothing but files.
_KNOWN = {
    *("__future__", "abc", "collections", "copy", "dataclasses", "enum", "functools", "itertools"),
    *("json", "math", "operator", "pathlib", "re", "string", "textwrap", "types", "typing"),
    *("kfp", "typing_extensions", "yaml"),
}
# Names that ask the machine for more: what is there, when it changed, who and where one is.
_ASKING = {
    *(
        "__import__",
        "absolute",
        "compile",
        "cwd",
        "eval",
        "exec",
        "exists",
        "expanduser",
        "getattr",
    ),
    *("globals", "group", "home", "input", "is_dir", "is_file", "is_symlink", "lstat", "owner"),
    *("resolve_name", "samefile", "stat", "vars", "walk", "load_component_from_url", "sys", "os"),
    *("environ", "getenv", "now", "random", "time", "today", "uuid4", "urandom", "utcnow"),
}


def is_plain(path: Path) -> bool:
    """Tell whether a module keeps to what is known here."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError):
        return False
    return not any(_looks_around(node, path.parent) for node in ast.walk(tree))


def _looks_around(node: ast.AST, folder: Path) -> bool:
    if isinstance(node, ast.Import):
        return not all(_is_known(alias.name, folder) for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        names = {alias.name for alias in node.names}
        return bool(names & _ASKING) or not (node.level or _is_known(node.module or "", folder))
    name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
    return name in _ASKING


def _is_known(module: str, folder: Path) -> bool:
    first = module.partition(".")[0]
    return first in _KNOWN or any((folder / f"{first}{end}").exists() for end in (".py", ""))
