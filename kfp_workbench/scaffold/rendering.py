"""Fills in the template of a step's file, as Jinja does.

Most templates ask for names alone, ``{{ step }}``; only for another one is Jinja loaded, which takes
longer than all else that is done for a new project.
"""

from collections.abc import Mapping


def render(template: str, values: Mapping[str, str]) -> str:
    """Return ``template`` with ``values`` in their places; raises jinja2's TemplateError."""
    first, *parts = template.split("{{")
    filled = [first]
    for part in parts:
        name, end, rest = part.partition("}}")
        value = values.get(name.strip(" ")) if end else None
        if value is None:
            return _by_jinja(template, values)
        filled += (value, rest)
    if "{%" in template or "{#" in template:
        return _by_jinja(template, values)
    return "".join(filled)


def _by_jinja(template: str, values: Mapping[str, str]) -> str:
    from jinja2 import Environment, StrictUndefined

    # Not HTML: every value is a checked name.
    environment = Environment(keep_trailing_newline=True, undefined=StrictUndefined)  # noqa: S701
    return environment.from_string(template).render(values)
