"""What people call the parts of a compiled pipeline: edges, constants, loops and conditions."""

import json
import re
from collections.abc import Mapping
from typing import Any

Names = Mapping[str, str]  # what people call the inputs of a graph, by their names in the file

CHANNEL = "pipelinechannel--"  # how a name begins that KFP made up
PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\['([^']*)'\]\}\}")
_VALUE = r"inputs\.parameter_values\['([^']*)'\]"
_CAST = re.compile(rf"\b(?:int|double|string|bool)\({_VALUE}\)|{_VALUE}")
_SELECTOR = re.compile(r'parseJson\(string_value\)((?:\["[^"]*"\])+)')


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Return a key that sorts step-2 before step-10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(int(part), "") if part[0] in "0123456789" else (-1, part) for part in parts], name


def picked(value: Mapping[str, Any]) -> str:
    """Return which part of a value a task takes, such as ``.rate``."""
    match = _SELECTOR.fullmatch(value.get("parameterExpressionSelector", ""))
    return (
        "".join(f".{key}" for key in re.findall(r'\["([^"]*)"\]', match.group(1))) if match else ""
    )


def edge_text(source: str, target: str, picked: str = "", shown: bool = True) -> str:
    """Return the text of an edge: both names, or one where they say the same.

    ``shown`` is False where the edge begins or ends at a node with that name.
    """
    if target.startswith(CHANNEL):
        return source + picked if shown or picked else ""
    if (source + picked).lower() == target.lower():
        return target if shown else ""
    if shown:
        return f"{source}{picked} → {target}"
    return f"{picked} → {target}" if picked else target


def constant(value: Any, names: Names) -> str:
    """Return a constant as JSON, text without quotes; whole numbers without a fraction."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return PLACEHOLDER.sub(lambda match: f"{{{names.get(match[1], match[1])}}}", text)


def loop_title(task: Mapping[str, Any], items: Mapping[str, Any], names: Names) -> str:
    """Return the title of a loop: what it is over, and how many iterations run at a time."""
    source = items.get("inputParameter") or items.get("inputArtifact")
    of = names.get(source, source) if source else items.get("raw", "")
    limit = task.get("iteratorPolicy", {}).get("parallelismLimit")
    return f"for each of {of}" + (f", {limit} at a time" if limit else "")


def branch_title(condition: str, tasks: Mapping[str, Any], names: Names) -> str:
    """Return a condition as people read it: that of an Elif is behind those it follows."""
    earlier: list[str] = []
    for key in sorted(tasks, key=natural):
        own = tasks[key].get("triggerPolicy", {}).get("condition")
        if own is None:
            continue
        before = " && ".join(f"!({other})" for other in earlier)
        rest = own.removeprefix(before).removeprefix(" && ") if before else own
        if own == condition:
            if rest == own:
                return f"if {_readable(own, names)}"
            return f"else if {_readable(rest, names)}" if rest else "else"
        earlier.append(rest)
    return f"if {_readable(condition, names)}"


def _readable(condition: str, names: Names) -> str:
    text = _CAST.sub(lambda match: names.get(match[1] or match[2], match[1] or match[2]), condition)
    return text.replace(" && ", " and ").replace(" || ", " or ").replace("!(", "not (")
