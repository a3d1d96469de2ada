"""A request as it came in."""

from dataclasses import dataclass
from typing import Any


@dataclass
class Request:
    """One request; ``body`` is parsed JSON, or an upload's file as text."""

    method: str
    path: str  # still percent-encoded, without the query
    query: dict[str, list[str]]
    headers: dict[str, str]  # names in lower case
    body: Any
    is_broken: bool = False  # the body, which is no JSON

    def value(self, name: str) -> str:
        """Return a parameter of the query, or the empty text."""
        return self.query.get(name, [""])[0]
