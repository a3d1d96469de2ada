"""ZIP archives whose bytes depend on nothing but names and contents.

As small as wheels need it: files only, stored as they are, all of one date and mode. To import zipfile
takes longer than all else that a hook does with a wheel.
"""

from binascii import crc32
from collections.abc import Mapping
from struct import pack

# https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.7, 4.3.12 and 4.3.16.
_LOCAL, _CENTRAL, _END = b"PK\3\4", b"PK\1\2", b"PK\5\6"
_UNIX = 3 << 8  # whose modes the external attributes are
_NEEDED = 20  # version 2.0 of the format
_UTF_8 = 1 << 11
_STORED = 0
_TIME, _DATE = 0, (2020 - 1980) << 9 | 2 << 5 | 2
_MODE = 0o100644 << 16


def archive(files: Mapping[str, bytes]) -> bytes:
    """Return a ZIP archive of ``files``: contents by name, in the order of the mapping."""
    parts: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for name, content in files.items():
        path = name.encode()
        size = len(content)
        common = pack(
            "<5H3I2H",
            *(_NEEDED, _UTF_8, _STORED, _TIME, _DATE),
            *(crc32(content), size, size, len(path), 0),
        )
        parts += (_LOCAL, common, path, content)
        rest = pack("<3H2I", 0, 0, 0, _MODE, offset)
        directory += (_CENTRAL, pack("<H", _UNIX | _NEEDED), common, rest, path)
        offset += len(_LOCAL) + len(common) + len(path) + size
    index = b"".join(directory)
    end = pack("<4H2IH", 0, 0, len(files), len(files), len(index), offset, 0)
    return b"".join((*parts, index, _END, end))
