"""Lays out calls and signatures as ruff does, so that what is made needs no formatting."""

from collections.abc import Sequence

WIDTH = 100  # of a line; [tool.ruff] of a project says the same


def call(
    head: str, parts: Sequence[str], tail: str = ")", indent: int = 0, *, split: bool = False
) -> str:
    """Return ``head(a, b)tail`` in one line if it fits, else with the parts below, or a line each.

    ``head`` ends with the opening bracket, ``tail`` begins with the closing one; ``split`` gives a
    line to each part in any case, as a comma after the last part does.
    """
    margin = " " * indent
    whole = f"{margin}{head}{', '.join(parts)}{tail}"
    if not parts or (len(whole) <= WIDTH and not split):
        return whole
    below = f"{margin}    {', '.join(parts)}"
    if len(below) > WIDTH or split:
        below = "\n".join(f"{margin}    {part}," for part in parts)
    return f"{margin}{head}\n{below}\n{margin}{tail}"


def literal(value: object) -> str:
    """Return a JSON value as Python has it, in the quotes that ruff prefers."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(key)}: {literal(item)}' for key, item in value.items())}}}"
    return repr(value)


def _quoted(text: str) -> str:
    text_as = repr(text)
    inner, quote = text_as[1:-1], text_as[0]
    if text.count('"') > text.count("'"):
        return (
            text_as if quote == "'" else "'" + inner.replace("'", "\\'").replace('\\"', '"') + "'"
        )
    if quote == '"':
        return text_as
    return '"' + inner.replace("\\'", "'").replace('"', '\\"') + '"'
