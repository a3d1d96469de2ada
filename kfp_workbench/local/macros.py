"""Macros in the parameters that a run is given: a server fills them in before it starts the run.

By https://github.com/kubeflow/pipelines/blob/2.17.0/backend/src/common/util/parameter_formatter.go: those of
a run that no schedule has started. ``[[CurrentTime.…]]`` has a layout of Go's (https://pkg.go.dev/time#Layout).
"""

import re
from typing import Any

_MACRO = r"\[\[(?P<name>.*?)\]\]|\{\{\$\.currentTime\.strftime\('(?P<format>.*?)'\)\}\}"
_MARKS = ("[[", "{{$.")  # what a text with a macro has, one of them
_DEFAULT = "20060102150405"
# What the parts of a layout stand for, longer ones before their parts.
_PARTS = {
    r"January": "%B",
    r"Jan(?![a-z])": "%b",
    r"Monday": "%A",
    r"Mon(?![a-z])": "%a",
    r"MST": "UTC",
    r"2006": "%Y",
    r"002": "%j",
    r"01": "%m",
    r"02": "%d",
    r"03": "%I",
    r"04": "%M",
    r"05": "%S",
    r"06": "%y",
    r"15": "%H",
    r"PM": "%p",
    r"-07:00": "+00:00",
    r"-0700": "+0000",
    r"-07": "+00",
    r"Z07:?00": "Z",
    r"_2(?!006)": "%e",
    r"1": "%-m",
    r"2": "%-d",
    r"3": "%-I",
    r"4": "%-M",
    r"5": "%-S",
    r"%": "%%",
}


def filled(value: Any, run_id: str) -> Any:
    """Return a text with its macros filled in; any other value as it is."""
    if not isinstance(value, str) or not any(mark in value for mark in _MARKS):
        return value
    from datetime import datetime, timezone  # few runs are given a macro

    now = datetime.now(timezone.utc)

    def replacement(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return now.strftime(match["format"])
        if name == "RunUUID":
            return run_id
        if name == "CurrentTime":
            return now.strftime(_format(_DEFAULT))
        kind, dot, layout = name.partition(".")
        return now.strftime(_format(layout)) if dot and kind == "CurrentTime" else match[0]

    return re.sub(_MACRO, replacement, value)


def _format(layout: str) -> str:
    """Return what strftime takes for a layout of Go's."""
    formats = tuple(_PARTS.values())
    pattern = "|".join(f"({part})" for part in _PARTS)
    return re.sub(pattern, lambda match: formats[(match.lastindex or 1) - 1], layout)
