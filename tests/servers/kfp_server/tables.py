"""Rows by id and by name, filters and pages, as the backend has them.

https://github.com/kubeflow/pipelines/tree/master/backend/src/apiserver/list and /filter
"""

import base64
import itertools
import json
import operator
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote

from servers.kfp_server.refusals import RefusalError, invalid

Row = dict[str, Any]
MAX_PAGE = 200
DEFAULT_PAGE = 20
_START = datetime(2026, 1, 1, tzinfo=timezone.utc)
_ticks = itertools.count()
OPERATIONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "EQUALS": operator.eq,
    "NOT_EQUALS": operator.ne,
    "IS_SUBSTRING": lambda value, wanted: wanted in (value or ""),
}


def now() -> str:
    """Return a time that no other call has returned, later than all before."""
    return (_START + timedelta(seconds=next(_ticks))).strftime("%Y-%m-%dT%H:%M:%SZ")


class Table:
    """Rows with a unique id; ``hidden`` rows are there, but nothing shows them."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._rows: dict[str, Row] = {}
        self._named: dict[str, dict[str, Row]] = {}

    def add(self, row: Row) -> Row:
        """Add a row; it gets an id and a time of creation, unless it has them."""
        row = {self.key: str(uuid.uuid4()), "created_at": now(), **row}
        self._rows[row[self.key]] = row
        self._named.setdefault(row["display_name"], {})[row[self.key]] = row
        return row

    def remove(self, identifier: str) -> None:
        row = self._rows.pop(identifier)
        del self._named[row["display_name"]][identifier]

    def get(self, identifier: str | None) -> Row | None:
        row = self._rows.get(identifier or "")
        return None if row is None or row.get("hidden") else row

    def named(self, name: str, *, hidden: bool = False) -> list[Row]:
        """Return the rows with a display name, and the hidden ones if need be."""
        found = self._named.get(name, {}).values()
        return [row for row in found if hidden or not row.get("hidden")]

    def __iter__(self) -> Iterator[Row]:
        return (row for row in list(self._rows.values()) if not row.get("hidden"))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Row:
        return list(self)[index]


def parse_filter(encoded: str) -> list[tuple[str, str, Any]]:
    """Return a filter's predicates: operation, field, value.

    ``encoded`` was decoded once, with the query; the backend does it a second time, as
    Go's `url.QueryUnescape` does.
    """
    if not encoded:
        return []
    for index, character in enumerate(encoded):
        pair = encoded[index + 1 : index + 3]
        if character == "%" and not (len(pair) == 2 and set(pair) <= set("0123456789abcdefABCDEF")):
            raise invalid(f"failed to decode filter spec: invalid URL escape {pair!r}")
    text = unquote(encoded.replace("+", " "))
    try:
        predicates = json.loads(text)["predicates"]
    except (ValueError, KeyError, TypeError):
        problem = f"proto: syntax error (line 1:1): invalid value {text}"
        raise invalid(f'failed to parse valid filter from "{text}": {problem}') from None
    return [_predicate(predicate) for predicate in predicates]


def _predicate(predicate: Row) -> tuple[str, str, Any]:
    numbers = {1: "EQUALS", 2: "NOT_EQUALS", 9: "IS_SUBSTRING"}
    name = str(numbers.get(predicate["operation"], predicate["operation"]))
    values = [predicate[key] for key in ("stringValue", "string_value") if key in predicate]
    if name not in OPERATIONS or len(values) != 1:
        raise invalid(f"invalid predicate {predicate}")
    return name, predicate["key"], values[0]


def listing(
    table: Table,
    query: Mapping[str, list[str]],
    kind: str,
    fields: Iterable[str],
    accept: Callable[[Row], bool],
) -> tuple[list[Row], int, str]:
    """Return a page of rows, how many there are in all, and the next page's token.

    ``kind`` is what the backend calls them; ``fields`` may be filtered and sorted by.
    """
    try:
        return _listing(table, query, kind, fields, accept)
    except RefusalError as refusal:
        raise refusal.within("Failed to create list options") from None


def _listing(
    table: Table,
    query: Mapping[str, list[str]],
    kind: str,
    fields: Iterable[str],
    accept: Callable[[Row], bool],
) -> tuple[list[Row], int, str]:
    predicates = parse_filter(_one(query, "filter"))
    allowed = {*fields, "created_at", "display_name", table.key}
    for _, key, _ in predicates:
        if key not in allowed:
            raise invalid(f"no support for filtering on unrecognized field {key}")
    equals = [value for name, key, value in predicates if (name, key) == ("EQUALS", "display_name")]
    found = [
        row
        for row in (table.named(equals[0]) if equals else table)
        if accept(row)
        and all(OPERATIONS[name](row.get(key), value) for name, key, value in predicates)
    ]
    words = _one(query, "sort_by").lower().split()
    field = words[0] if words else "created_at"
    if field not in allowed or words[1:] not in ([], ["asc"], ["desc"]):
        raise invalid(f'Invalid sorting field: "{field}" on listable type {kind}')
    found.sort(key=lambda row: (row.get(field) or "", row[table.key]))
    if words[1:] == ["desc"]:
        found.reverse()
    return _page(found, table.key, query)


def _page(found: list[Row], key: str, query: Mapping[str, list[str]]) -> tuple[list[Row], int, str]:
    try:
        size = int(_one(query, "page_size") or 0)
    except ValueError:
        raise invalid("the page size is no number") from None
    if size < 0:
        raise invalid(f"The page size should be greater than 0. Got {size}")
    size = min(size or DEFAULT_PAGE, MAX_PAGE)
    start, token = 0, _one(query, "page_token")
    if token:
        first = _decode(token)
        # Like the backend's, a token names the next page's first row.
        start = next((at for at, row in enumerate(found) if row[key] == first), len(found))
    page = found[start : start + size]
    rest = found[start + size :][:1]
    return page, len(found), _encode(rest[0][key]) if rest else ""


def _encode(identifier: str) -> str:
    return base64.b64encode(json.dumps({"KeyFieldValue": identifier}).encode()).decode()


def _decode(token: str) -> str:
    try:
        return str(json.loads(base64.b64decode(token, validate=True))["KeyFieldValue"])
    except (ValueError, KeyError, TypeError):
        told = "Invalid page token"
        cause = f"illegal base64 data at input byte {len(token) // 4 * 4}"
        raise RefusalError(400, 3, f"InvalidInputError: {told}: {cause}", told) from None


def _one(query: Mapping[str, list[str]], name: str) -> str:
    return query.get(name, [""])[0]
