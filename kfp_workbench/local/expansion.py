"""What Argo and Kubernetes make of texts on their way to a container.

Argo fills in its own ``{{tags}}``; Kubernetes, in each command line, ``$(NAME)`` from the container's
variables and ``$$`` for ``$``. By
https://github.com/kubernetes/kubernetes/blob/v1.34.0/third_party/forked/golang/expansion/expand.go and
https://github.com/argoproj/argo-workflows/tree/v4.0.8/util/template.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_REFERENCE = re.compile(r"\$(?:(?P<escaped>\$)|\((?P<name>[^)]*)\))")
_TAG = re.compile(r"\{\{(.*?)(\}\}|\Z)", re.DOTALL)  # what follows in the workflow ends any
# Tags that a server knows, or would know somewhere else: it refuses these.
_ARGO = ("item.", "steps.", "inputs.", "outputs.", "pod.", "workflow.", "tasks.")
_NODE = "node.name"  # of a workflow's, which there is none of here
# While a pipeline runs: an expression, what Argo waits for, and what is not known here.
_STUMBLES = ("=", "steps.", "tasks.", _NODE)


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Return a text as Kubernetes hands it to a container with these variables."""

    def replacement(match: re.Match[str]) -> str:
        return "$" if match["escaped"] else variables.get(match["name"], match[0])

    return _REFERENCE.sub(replacement, text) if "$" in text else text


def expand_all(value: Any, variables: Mapping[str, str]) -> Any:
    """Return a JSON value with all its texts, keys among them, expanded."""
    return texts_replaced(value, lambda text: expand(text, variables))


def environment(pairs: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    """Return variables, each expanded by those before it."""
    found = dict(others)
    for name, text in pairs.items():
        found[name] = expand(text, found)
    return found


def texts_replaced(value: Any, replace: Callable[[str], str]) -> Any:
    """Return a JSON value with all its texts, keys among them, replaced."""
    if isinstance(value, str):
        return replace(value)
    if isinstance(value, dict):
        return {replace(key): texts_replaced(item, replace) for key, item in value.items()}
    return [texts_replaced(item, replace) for item in value] if isinstance(value, list) else value


def texts(value: Any) -> Iterator[str]:
    """Yield all texts of a JSON value, keys among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(key)  # which YAML may have as a number
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def tags(text: str) -> Iterator[str]:
    """Yield the tags of a text that Argo fills in, or stumbles over; KFP's begin with ``$``.

    One that the text does not close ends with ``…``, for what follows belongs to it.
    """
    if "{{" in text:
        for match in _TAG.finditer(text):
            tag = match[1].strip()
            if match[1].startswith("=") or tag.startswith(_ARGO) or tag == _NODE:
                yield tag if match[2] else f"{tag}…"


def stumbled_over(value: Any) -> str | None:
    """Return the first tag of a task's value that Argo cannot do with, or None."""
    found = (tag for text in texts(value) for tag in tags(text))
    return next((tag for tag in found if tag.startswith(_STUMBLES)), None)


def fill_in(text: str, known: Mapping[str, str]) -> str:
    """Return a text with Argo's tags that are known filled in."""
    if "{{" not in text:
        return text

    def replacement(match: re.Match[str]) -> str:
        return known.get(match[1].strip(), match[0]) if match[2] else match[0]

    return _TAG.sub(replacement, text)
