"""What goes to a server and comes from it, within limits: no request takes for ever, or all memory."""

import contextlib
import io
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

MAX_ANSWER = 128 * 2**20  # bytes; 200 schedules, each with its pipeline, are the most there is
MAX_ERROR = 2**20  # of what comes with an error: the rest says no more
SECONDS = 120.0  # that an answer may take, however it is spread
_CHUNK = 64 * 1024


class Answer(NamedTuple):
    """An answer that has been read, as the SDK takes one."""

    status: int
    reason: str
    headers: Mapping[str, str]
    data: bytes

    def getheaders(self) -> Mapping[str, str]:
        """Return all headers."""
        return self.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """Return one header."""
        return self.headers.get(name, default)


def kept(urlopen: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``urlopen`` of a urllib3.PoolManager within limits.

    What it answers has been read, but where ``preload_content`` is False and all went well: that
    is for `chunks`. It raises ValueError as that does.
    """

    def limited(method: str, url: str, **named: Any) -> Any:
        preloads = named.get("preload_content", True)
        answer = urlopen(method, url, **{**named, **_in_parts(named), "preload_content": False})
        if not 200 <= answer.status < 300:
            return Answer(answer.status, answer.reason, answer.headers, _beginning(answer))
        if not preloads:
            return answer
        return Answer(answer.status, answer.reason, answer.headers, content(answer))

    return limited


def content(answer: Any) -> bytes:
    """Return all of a urllib3.HTTPResponse that was not read; raises ValueError as `chunks` does."""
    return b"".join(chunks(answer, MAX_ANSWER, SECONDS))


def chunks(answer: Any, limit: int, seconds: float) -> Iterator[bytes]:
    """Yield what a urllib3.HTTPResponse has as it comes, and close it.

    Raises ValueError for more than ``limit`` bytes, and when it takes longer than ``seconds``.
    """
    size, until = 0, time.monotonic() + seconds
    try:
        while chunk := answer.read1(_CHUNK):  # waits for no more than there is
            size += len(chunk)
            if size > limit:
                raise ValueError(f"it has more than {limit // 2**20} MB")
            if time.monotonic() > until:
                raise ValueError(f"it takes longer than {seconds:.0f} s")
            yield chunk
    finally:
        answer.close()


def _in_parts(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body as a file, and its length.

    It is sent in parts, each of which has the time limit that a text has as a whole.
    """
    body = named.get("body")
    if not body:
        return {}
    text = body.encode() if isinstance(body, str) else body
    headers = {**named["headers"], "Content-Length": str(len(text))}
    return {"body": io.BytesIO(text), "headers": headers}


def _beginning(answer: Any) -> bytes:
    found = []
    with contextlib.suppress(ValueError):
        for chunk in chunks(answer, MAX_ERROR, SECONDS):
            found.append(chunk)
    return b"".join(found)
