"""What every step needs: JSON that it reads and writes, and errors of one line."""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

Context = dict[str, Any]
MAX_DEPTH = 100  # of lists and objects in each other: KFP reads no more than some hundred


class InputError(ValueError):
    """An input that a step cannot work with; the message is one line."""


class OutputError(RuntimeError):
    """An output that a step publishes wrongly; the message is one line."""


class Parser(argparse.ArgumentParser):
    """An argument parser that complains in one line: step, input, what was wrong."""

    def error(self, message: str) -> NoReturn:
        """Write ``message`` to stderr and exit with status 2."""
        line = " ".join(message.removeprefix("argument ").split())
        self.exit(2, f"{self.prog}: {line}\n")


def json_object(text: str) -> Context:
    """Return the JSON object in ``text``; an ``argparse`` type."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"not valid JSON ({error}): {short(text)}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"not a JSON object: {short(text)}")
    return value


def plain(name: str, value: object) -> Any:
    """Return an output's value as JSON has it; raises OutputError for what JSON or KFP cannot hold.

    The numbers and arrays of numpy become Python's, and an iterator becomes a list. KFP's numbers
    are doubles: a whole number that is none comes back as another one.
    """
    try:
        text = json.dumps(value, allow_nan=False, default=_known)
        found = json.loads(text, parse_int=partial(_whole, name))
        if _fits(found, MAX_DEPTH):
            return found
    except RecursionError:
        pass  # nested deeper still
    except (ValueError, TypeError) as error:
        raise OutputError(f"{name}: cannot be JSON ({error}): {short(value)}") from None
    raise OutputError(f"{name}: is nested more than {MAX_DEPTH} levels deep")


def short(value: object) -> str:
    """Return a value as a message shows it: in ASCII, at most 60 characters."""
    try:
        text = ascii(value)
    except (RecursionError, ValueError):  # nested too deeply, a number of too many digits
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 60 else f"{text[:57]}..."


def write_json(path: Path, value: Context) -> None:
    """Write ``value`` as JSON to ``path``, whole or not at all, with its folders."""
    text = json.dumps(value, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".output-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(scratch, 0o644)  # mkstemp's 0600 would hide it from KFP's launcher
        os.replace(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _whole(name: str, digits: str) -> int:
    number = int(digits)
    if number.bit_length() > 1023 or float(number) != number:
        raise OutputError(
            f"{name}: KFP rounds a number as large as {short(number)}: publish it as text"
        )
    return number


def _known(item: Any) -> Any:
    if isinstance(item, Iterator):
        return [*item]
    if not hasattr(item, "tolist"):
        raise TypeError(f"{type(item).__name__} is none of its types")
    return item.tolist()


def _fits(value: object, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    items = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_fits(item, levels - 1) for item in items)
