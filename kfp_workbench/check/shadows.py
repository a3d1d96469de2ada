"""Finds modules of the project that hide those of Python, of kfp, or of what kfp needs."""

import sys
from collections.abc import Iterator
from pathlib import Path

from kfp_workbench.files import is_file
from kfp_workbench.project.findings import Finding
from kfp_workbench.project.sources import Sources

# What a project's environment holds and what runs in it imports; a test compares it with the lock.
INSTALLED = frozenset(
    (
        *("certifi", "charset_normalizer", "click", "click_option_group", "croniter", "dateutil"),
        *("cron_descriptor", "cryptography", "docker", "docstring_parser", "google", "idna"),
        *("google_crc32c", "iniconfig", "jinja2", "kfp", "kfp_server_api", "kfp_workbench"),
        *("kubernetes", "markdown_it", "markupsafe", "mdurl", "mypy", "mypy_extensions"),
        *("oauthlib", "opentelemetry", "packaging", "pathspec", "pluggy", "proto", "pyasn1"),
        *("pyasn1_modules", "pygments", "pytest", "requests", "requests_oauthlib", "rich"),
        *("requests_toolbelt", "ruff", "setuptools", "six", "tabulate", "typing_extensions"),
        *("tzdata", "urllib3", "uv", "vl_convert", "websocket", "yaml"),
    )
)
# Modules of Python's own that nothing takes from it.
_UNUSED = frozenset(("antigravity", "idlelib", "test", "this", "turtledemo"))


def check_modules(sources: Sources) -> Iterator[Finding]:
    """Find modules at the top of the project that others' code would get in place of its own."""
    for path in sorted(sources.root.iterdir()):
        if (name := _module(path)) is None or name in _UNUSED:
            continue
        is_python = name in sys.stdlib_module_names
        if is_python or name in INSTALLED:
            whose = "Python's own" if is_python else "an installed"
            what = f"has the name of {whose} module {name}, and is taken for that"
            file = path if path.is_file() else path / "__init__.py"
            yield Finding(sources.name(file), 1, what, "give it another name")


def _module(path: Path) -> str | None:
    """Return the name by which Python imports what stands at a path, or None."""
    if path.suffix == ".py":
        return path.stem if is_file(path) else None
    return path.name if is_file(path / "__init__.py") else None
