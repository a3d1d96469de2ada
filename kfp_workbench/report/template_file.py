"""Loads a template, compiled by an earlier run if it can: that takes as long as a small step."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, Template

from kfp_workbench.project.settings import ROOT

KEPT = ROOT / "build" / "page"  # what it was compiled to, named for the template and its content


def load(path: Path, filters: Mapping[str, Callable[..., object]]) -> Template:
    """Return a template in which all that is filled in is text, never markup."""
    with suppress(OSError):
        KEPT.mkdir(parents=True, exist_ok=True)
    environment = Environment(
        loader=FileSystemLoader(path.parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=FileSystemBytecodeCache(str(KEPT)) if os.access(KEPT, os.W_OK) else None,
    )
    environment.filters.update(filters)
    return environment.get_template(path.name)
