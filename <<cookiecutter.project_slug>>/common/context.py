"""What a step needs to take a context as an argument and write one to a file."""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any, NoReturn

Context = dict[str, Any]


class InputError(ValueError):
    """An input that a step cannot work with; the message is one line."""


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
        raise argparse.ArgumentTypeError(f"not valid JSON ({error}): {_short(text)}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"not a JSON object: {_short(text)}")
    return value


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


def _short(text: str) -> str:
    return ascii(text if len(text) <= 60 else f"{text[:57]}...")
