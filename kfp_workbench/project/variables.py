"""Environment variables in the values of a YAML file: ``${NAME}``.

``$${`` is a literal ``${``. What comes from a variable is data: nothing in it is replaced
again, and it is no YAML.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kfp_workbench.project.documents import Place, Problem, written
from kfp_workbench.project.secrecy import is_secret

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_LITERAL = "$${ for a literal ${"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def used(value: Any) -> list[str]:
    """Return the names of the variables in a value, also within lists and objects."""
    if isinstance(value, str):
        return [match[1] for match in _REFERENCE.finditer(value) if match[1] is not None]
    items = value.values() if isinstance(value, dict) else value
    return [name for item in items for name in used(item)] if _is_nested(value) else []


def secrets(value: Any, environ: Mapping[str, str]) -> frozenset[str]:
    """Return what those variables in a value hold whose names look secret."""
    return frozenset(environ[name] for name in used(value) if is_secret(name) and name in environ)


def literals(place: Place, value: Any) -> Iterator[Problem]:
    """Find texts that stand in the file and, by the names that lead to them, are secrets."""
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from literals((*place, key), item)
    elif isinstance(value, str) and value and not used(value):
        parts = [str(part) for part in place]
        first = next((number for number, part in enumerate(parts) if is_secret(part)), None)
        if first is not None:
            variable = re.sub(r"\W", "_", "_".join(parts[first:]), flags=re.ASCII).upper()
            key = "" if isinstance(place[-1], int) else f"{parts[-1]}: "
            what = f"{written(place)} looks like a secret: write {key}${{{variable}}}"
            yield Problem(place, what)


def sole(value: Any) -> str | None:
    """Return the variable's name when a value is ``${NAME}`` and no more, or None."""
    match = re.fullmatch(rf"\$\{{({_NAME.pattern})\}}", value) if isinstance(value, str) else None
    return match[1] if match else None


def replace(
    value: Any, place: Place, environ: Mapping[str, str] | None
) -> tuple[Any, list[Problem]]:
    """Return a value with every variable replaced, and why some cannot be.

    With ``environ`` None the variables need not be set: only the way they are written is
    looked at, and the value stays as it is.
    """
    problems: list[Problem] = []
    return _replaced(value, place, environ, problems), problems


def _replaced(
    value: Any, place: Place, environ: Mapping[str, str] | None, problems: list[Problem]
) -> Any:
    if isinstance(value, dict):
        return {k: _replaced(v, (*place, k), environ, problems) for k, v in value.items()}
    if isinstance(value, list):
        return [_replaced(v, (*place, i), environ, problems) for i, v in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    found = [Problem(place, f"{written(place)}: {text}") for text in _problems(value, environ)]
    problems += found
    if found or environ is None:
        return value
    return _REFERENCE.sub(lambda m: "${" if m[1] is None else environ[m[1]], value)


def _problems(text: str, environ: Mapping[str, str] | None) -> list[str]:
    found = {}
    for match in _REFERENCE.finditer(text):
        name = match[1]
        if name is None or name in found:
            continue
        if not match[2] or not _NAME.fullmatch(name):
            # What stands there may be part of a password.
            found[name] = "has a ${ without a name and a }: write ${NAME}, or " + _LITERAL
        elif environ is not None and name not in environ:
            found[name] = f"the variable {name} is not set: export it, or write {_LITERAL}"
    return list(found.values())


def _is_nested(value: Any) -> bool:
    return isinstance(value, (dict, list))
