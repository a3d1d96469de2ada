"""What differs from a cluster on purpose: refusals that stand in ``differences.yaml``, with the reason."""

import re
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("differences.yaml")


def reason(refusal: str) -> str | None:
    """Return why a run is refused on purpose, or None for a refusal that nobody foresaw."""
    known: dict[str, str] = yaml.safe_load(FILE.read_text(encoding="utf-8")) or {}
    return next((why for words, why in known.items() if re.search(words, refusal)), None)
