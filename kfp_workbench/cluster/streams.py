"""Reads what is at an address of the server, of whatever size, within limits."""

from collections.abc import Iterator

from kfp_workbench.cluster import limits
from kfp_workbench.cluster.server import Server, call
from kfp_workbench.errors import WorkbenchError

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
    try:
        if "html" in answer.headers.get("Content-Type", ""):
            raise WorkbenchError(f"{server.host} answers with a page")
        chunks = limits.chunks(answer, limit, _SECONDS)
        while chunk := call(server, "read from", lambda: next(chunks, b"")):
            yield chunk
    finally:
        answer.close()
