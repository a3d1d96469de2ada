"""Jinja2 extension that keeps answers literal, however cookiecutter is called.

cookiecutter renders every value given on the command line or in a user
configuration as if it were a part of the template: an answer such as
``<< ''.__class__ >>`` would run. Here only text that the template itself ships is
rendered; anything else comes out as it went in. It also brings the filters and
the global that template files and hooks need.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from jinja2.ext import Extension

TEMPLATE = Path(__file__).resolve().parent.parent
PROJECT = "<<cookiecutter.project_slug>>"
# Everything that CommonMark or GitHub's dialect would read as markup.
MARKDOWN = frozenset("\\`*_[]<>#~|$&:+-=.)")


class Answers(Extension):
    """Renders the template's own text only; named in ``_extensions``."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters["quoted"] = quoted
        environment.filters["markdown"] = markdown
        environment.filters["folder"] = folder
        environment.globals["template_folder"] = str(TEMPLATE)

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Return ``source``, made literal unless the template ships it.

        Template files are loaded by name; all that cookiecutter renders without
        one are the defaults, the hooks, the file names, and answers.
        """
        if source == PROJECT:
            return source.replace("slug", "slug | folder")
        if name is not None or "<" not in source or _is_ours(source):
            return source
        escaped = "".join(f"\\U{ord(character):08x}" for character in source)
        return f'<< "{escaped}" >>'


def folder(slug: str) -> str:
    """Return a folder's name for a slug: itself, if it is one.

    cookiecutter makes the folder before a hook can refuse the slug, and would leave
    the upper ones of ``a/b`` behind.
    """
    return re.sub(r"[^A-Za-z0-9_-]", "_", slug)[:100] or "_"


def quoted(text: str) -> str:
    """Return ``text`` as it stands between double quotes in TOML and in YAML."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def markdown(text: str) -> str:
    """Return ``text`` so that Markdown shows it as it was typed.

    White space at the ends goes, as it would on the page.
    """
    text = text.strip()
    escaped = []
    for index, character in enumerate(text):
        if character in MARKDOWN and _is_markup(text, index):
            escaped.append("\\")
        escaped.append(character)
    return "".join(escaped)


def _is_markup(text: str, index: int) -> bool:
    character, before, after = text[index], text[:index], text[index + 1 : index + 2]
    if character in "+-=":
        return not before
    if character in ".)":
        return before.isdigit()
    if character == ":":
        return after.isalnum()
    return True


@cache
def _own_texts() -> frozenset[str]:
    answers: dict[str, Any] = json.loads(
        (TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8")
    )
    hooks = [path.read_text(encoding="utf-8") for path in TEMPLATE.glob("hooks/*.py")]
    return frozenset([*hooks, *(v for v in answers.values() if isinstance(v, str))])


def _is_ours(source: str) -> bool:
    """Tell whether ``source`` is a default or a hook."""
    return source in _own_texts()
