"""SHA-256 without OpenSSL for what is small, as most is: to load that takes longer than to digest it.

What is large is left to OpenSSL, which is some times faster at it.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

LARGE = 32 * 1024  # bytes


def sha256(content: bytes = b"") -> "_Hash":
    """Return what `hashlib.sha256` does."""
    return (_small if len(content) < LARGE else _openssl())(content)


def _openssl() -> "Callable[[bytes], _Hash]":
    from hashlib import sha256

    return sha256


try:
    _small = import_module("_sha2" if sys.version_info >= (3, 12) else "_sha256").sha256
except ImportError:  # a Python that was built without it
    _small = _openssl()
