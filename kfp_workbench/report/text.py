"""Text on the page: what may not be in it, and figures as people write them."""

import json
import os
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

# What HTML forbids, and what would turn the direction of the text after it: nothing that is printed.
_FORBIDDEN = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_COLOURS = "\x1b\\[[0-9;]*m"
MOST_FILES = 1000  # of a folder that are counted
VALUE = 4000  # characters of a value that are shown
WORDS = {
    "succeeded": "Succeeded",
    "reused": "Reused",
    "failed": "Failed",
    "interrupted": "Interrupted",
    "running": "Did not end",
    "unfinished": "Did not end",
    "skipped": "Not needed",
    "waiting": "Not reached",
}


def clean(text: object) -> str:
    """Return text as it can stand in a page: a replacement character for each forbidden one."""
    found = str(text)
    if found.isprintable():  # as most are
        return found
    return re.sub(_FORBIDDEN, "\N{REPLACEMENT CHARACTER}", re.sub(_COLOURS, "", found))


def shown(value: Any) -> str:
    """Return a value as text, at most ``VALUE`` characters of it."""
    if isinstance(value, str):
        text = value
    else:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True)
        if len(text) > 80:
            text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2)
    text = clean(text)
    return text if len(text) <= VALUE else f"{text[:VALUE]}… ({len(text):,} characters)"


def figure(value: Any) -> str:
    """Return a number with six digits, as people compare them; anything else as it is."""
    return f"{value:.6g}" if isinstance(value, float) else shown(value)


def moment(text: str) -> str:
    """Return the time of a record, for people."""
    try:
        found = datetime.fromisoformat(text).astimezone(timezone.utc)
    except ValueError:
        return text
    return found.strftime("%-d %B %Y, %H:%M:%S UTC")


def seconds(value: float) -> str:
    """Return a duration, such as ``0.21 s``, ``12.3 s``, ``4 min 5 s`` or ``2 h 3 min``."""
    if value < 10:
        return f"{value:.2f} s"
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(path: Path | None) -> str:
    """Return the size of a file, or of the files in a folder; "" for what is not there."""
    if path is None:
        return ""
    if path.is_file():
        return _bytes(path.stat().st_size)
    total = count = 0
    for parent, _, names in os.walk(path):
        for name in names:
            count += 1
            if count > MOST_FILES:
                return f"more than {MOST_FILES} files"
            total += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118  # fast
    return f"{_bytes(total)} in {count} file{'' if count == 1 else 's'}"


def _bytes(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return (
                f"{count:.0f} {unit}" if unit == "bytes" or count >= 10 else f"{count:.1f} {unit}"
            )
        count /= 1000
    return f"{count:.1f} GB"


def tail(path: Path, lines: int, limit: int) -> str:
    """Return the last lines of a file, at most ``limit`` bytes of it, with a note on what is left out."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            start = max(0, end - limit)
            file.seek(start)
            text = file.read(limit).decode(errors="replace")
    except OSError:
        return "(the log is not there any more)"
    kept = text.splitlines()
    if start or len(kept) > lines:
        kept = ["…", *kept[-lines:]]
    return "\n".join(kept)
