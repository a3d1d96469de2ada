"""Reads what is at an address of the server, of whatever size, within limits."""

import time
from collections.abc import Iterator

from kfp_workbench.cluster.server import Server, call
from kfp_workbench.errors import WorkbenchError

CHUNK = 64 * 1024  # bytes
_SECONDS = 20.0  # that reading may take


def read(server: Server, path: str, limit: int) -> Iterator[bytes]:
    """Yield what is at an address of the server, up to ``limit`` bytes.

    Raises WorkbenchError (1) when the server cannot be reached, refuses or fails, and for a page,
    for what is longer, or takes too long.
    """
    request = server.api.rest_client.request
    url = f"{server.host}{path}"
    answer = call(
        server, "read from", lambda: request("GET", url, headers={}, _preload_content=False)
    )
    size, until = 0, time.monotonic() + _SECONDS
    try:
        if "html" in answer.headers.get("Content-Type", ""):
            raise WorkbenchError(f"{server.host} answers with a page")
        while chunk := call(server, "read from", lambda: answer.read(CHUNK)):
            size += len(chunk)
            if size > limit or time.monotonic() > until:
                raise WorkbenchError(f"{server.host} says too much")
            yield chunk
    finally:
        answer.close()
