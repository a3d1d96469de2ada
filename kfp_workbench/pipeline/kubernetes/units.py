"""Amounts of CPU, memory and time, written as Kubernetes writes them.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from typing import TYPE_CHECKING

from kfp_workbench.project.names import shown

if TYPE_CHECKING:
    from fractions import Fraction

_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_DECIMAL = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
_SUFFIXES = {**_DECIMAL, **_BINARY}
_AMOUNT = r"([0-9]{1,18}(?:\.[0-9]{1,9})?)([A-Za-z]*)"
_DURATION = r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?"
LARGEST = 2**63 - 1  # what Kubernetes counts in
LONGEST = 2**31 - 1  # seconds; of a pod's activeDeadlineSeconds
SMALLEST_MEMORY = 2**20


class UnfitError(ValueError):
    """A value that cannot be taken: what is wrong with it, and the cure."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(f"{what}: {cure}")
        self.what, self.cure = what, cure


def cpu(value: object) -> int:
    """Return thousandths of a core for ``2``, ``0.5`` or ``500m``; raises UnfitError."""
    cure = "write cores, such as 2, 0.5 or 500m"
    number, suffix = _split(value, "CPU", cure)
    if suffix not in ("", "m"):
        raise UnfitError(f"{shown(value)} is no amount of CPU", cure)
    thousandths = number * (1 if suffix else 1000)
    if thousandths.denominator != 1:
        raise UnfitError(f"{shown(value)} is finer than 1m, a thousandth of a core", cure)
    return _counted(thousandths, value, cure)


def cpu_text(thousandths: int) -> str:
    """Return an amount of CPU as Kubernetes writes it."""
    cores, rest = divmod(thousandths, 1000)
    return f"{thousandths}m" if rest else str(cores)


def memory(value: object) -> int:
    """Return bytes for ``512Mi``, ``1.5Gi`` or ``2G``; raises UnfitError."""
    cure = "write a number with Ki, Mi, Gi, Ti (or k, M, G, T), such as 512Mi or 4Gi"
    number, suffix = _split(value, "memory", cure)
    if suffix not in _SUFFIXES:
        raise UnfitError(f"{shown(value)} is no amount of memory", cure)
    amount = _counted(-(-number * _SUFFIXES[suffix] // 1), value, cure)
    if amount < SMALLEST_MEMORY:
        raise UnfitError(f"{shown(value)} is {amount} bytes, too few for any step", cure)
    return amount


def memory_text(amount: int) -> str:
    """Return an amount of memory as both Kubernetes and kfp take it, as short as can be."""
    sizes = {**_BINARY, **_DECIMAL}
    del sizes["k"]  # kfp would have it K, and Kubernetes refuse that
    texts = [f"{amount // size}{suffix}" for suffix, size in sizes.items() if amount % size == 0]
    return min(texts, key=len)


def duration(value: object) -> int:
    """Return seconds for ``90s``, ``30m`` or ``1h30m``; raises UnfitError."""
    cure = "write one such as 90s, 30m or 1h30m"
    match = re.fullmatch(_DURATION, value) if isinstance(value, str) else None
    if match is None or not value:
        what = "has no unit" if isinstance(value, (int, float)) else "is no duration"
        raise UnfitError(f"{shown(value)} {what}", cure)
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if not 0 < total <= LONGEST:
        raise UnfitError(f"{shown(value)} is {total} seconds, and 1 to {LONGEST} can be", cure)
    return total


def duration_text(seconds: int) -> str:
    """Return a duration as people write it."""
    parts = zip((seconds // 3600, seconds // 60 % 60, seconds % 60), "hms", strict=True)
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def _split(value: object, what: str, cure: str) -> tuple["Fraction", str]:
    text = value if isinstance(value, str) else ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        text = f"{value:.9f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    match = re.fullmatch(_AMOUNT, text)
    if match is None:
        raise UnfitError(f"{shown(value)} is no amount of {what}", cure)
    from fractions import Fraction  # most pipelines have no amounts

    return Fraction(match[1]), match[2]


def _counted(amount: "Fraction | int", value: object, cure: str) -> int:
    if not 0 < amount <= LARGEST:
        what = "is nothing" if not amount else "is more than Kubernetes can count"
        raise UnfitError(f"{shown(value)} {what}", cure)
    return int(amount)
