"""Fills in the template of a step's file, as Jinja does.

Most templates ask for names alone, ``{{ step }}``; only for another one is Jinja loaded, which takes
longer than all else that is done for a new project.
"""

from collections.abc import Mapping

from kfp_workbench.errors import WorkbenchError


def render(name: str, template: str, values: Mapping[str, str]) -> str:
    """Return ``template``, the text of the file ``name``, with ``values`` in their places.

    Raises WorkbenchError (2) when it is no template, or asks for another value.
    """
    first, *parts = template.split("{{")
    filled = [first]
    for part in parts:
        key, end, rest = part.partition("}}")
        value = values.get(key.strip(" ")) if end else None
        if value is None:
            return _by_jinja(name, template, values)
        filled += (value, rest)
    if "{%" in template or "{#" in template:
        return _by_jinja(name, template, values)
    return "".join(filled)


def _by_jinja(name: str, template: str, values: Mapping[str, str]) -> str:
    from jinja2 import Environment, StrictUndefined, TemplateError

    # Not HTML: every value is a checked name.
    environment = Environment(keep_trailing_newline=True, undefined=StrictUndefined)  # noqa: S701
    try:
        return environment.from_string(template).render(values)
    except TemplateError as error:
        problem = " ".join(str(error).split())
        known = ", ".join(f"{{{{ {value} }}}}" for value in values)
        raise WorkbenchError(f"{name}: {problem}: mend it; it may use {known}", 2) from None
