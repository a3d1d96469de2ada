"""Reads ``security``: as whom a step runs.

Where nothing is said, `ops.kubernetes.hardening` says that it is not root.
"""

from typing import Any

from ops.kubernetes.model import Security
from ops.kubernetes.reader import Place, Reader

LARGEST_ID = 2**31 - 1  # of a user or a group: Kubernetes refuses greater ones
_KEYS = ("run_as_non_root", "run_as_user", "run_as_group")


def read(reader: Reader, place: Place, value: Any) -> Security:
    """Read ``{run_as_non_root: true, run_as_user: 1000, run_as_group: 1000}``, or some of it."""
    parts = reader.known(place, value, _KEYS)
    if value == {}:
        reader.note(place, "is empty", f"write some of {', '.join(_KEYS)}")
    non_root = None
    if "run_as_non_root" in parts:
        non_root = reader.flag((*place, "run_as_non_root"), parts["run_as_non_root"])
    user, group = (_id(reader, place, parts, key) for key in ("run_as_user", "run_as_group"))
    if user == 0 and non_root is not False:
        cure = "write another user, or run_as_non_root: false as well"
        reader.note((*place, "run_as_user"), "0 is root, and run_as_non_root is true", cure)
    return Security(non_root, user, group)


def _id(reader: Reader, place: Place, parts: dict[str, Any], key: str) -> int | None:
    """Return the number of a user or a group; None for none, also after noting why."""
    if key not in parts:
        return None
    noted = len(reader.findings)
    number = reader.whole((*place, key), parts[key], 0, LARGEST_ID)
    return number if len(reader.findings) == noted else None
