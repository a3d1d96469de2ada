"""Amounts as Kubernetes writes them: the same amount has one form.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

_POWERS = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
MOST = 2**63 - 1  # Kubernetes has no more of anything
FARTHEST = 100  # an exponent, beyond which an amount is nothing, or the most
_AMOUNT = r"([+-]?[0-9]*\.?[0-9]+|[+-]?[0-9]+\.)(?:[eE]([+-]?[0-9]+)|([A-Za-z]*))"


def canonical(text: str) -> str:
    """Return an amount in its one form; raises ValueError for what is none."""
    match = re.fullmatch(_AMOUNT, text)
    suffix = match[3] or "" if match else "?"
    if match is None or suffix not in {**_POWERS, **_BINARY}:
        raise ValueError(f"{text} is no amount")
    from fractions import Fraction  # most pipelines have no amounts

    number = Fraction(match[1])
    if match[2]:
        power = max(-FARTHEST, min(int(match[2]), FARTHEST))
        return _decimal(number * Fraction(10) ** power, exponents=True)
    if suffix not in _BINARY:
        return _decimal(number * Fraction(1000) ** _POWERS[suffix])
    amount = _capped(number * 1024 ** _BINARY[suffix])
    if amount.denominator != 1 or abs(amount) < 1024:
        return _decimal(amount)
    return _counted(int(amount), 1024, [*_BINARY], "")


def _decimal(amount: "Fraction", *, exponents: bool = False) -> str:
    amount = _capped(amount)
    billionths = -(-amount * 10**9 // 1) if amount > 0 else amount * 10**9 // 1  # no finer
    names = [f"e{3 * power}" if power else "" for power in _POWERS.values()]
    return _counted(int(billionths), 1000, (names if exponents else [*_POWERS])[1:], "n")


def _capped(amount: "Fraction") -> "Fraction":
    from fractions import Fraction

    return max(Fraction(-MOST), min(amount, Fraction(MOST)))


def _counted(number: int, base: int, suffixes: list[str], suffix: str) -> str:
    """Return a number with the largest suffix that leaves it whole."""
    if not number:
        return "0"
    for larger in suffixes:
        if number % base:
            break
        number, suffix = number // base, larger
    return f"{number}{suffix}"
