"""No answer is endless, in size or in time, and no order is too long for a slow line."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import kfp_server_api
import pytest

from kfp_workbench.cluster import following, limits, streams, transport
from kfp_workbench.cluster.server import Server, call, check_access, look
from kfp_workbench.cluster.tasks import Tasks
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import progress
from shared.serving import Handler, listening

MB = 2**20
GREAT = 1000 * MB  # bytes that are sent if nobody stops it


@contextmanager
def answering(part: bytes, pause: float = 0.0, status: int = 200) -> Iterator[str]:
    """Run a server that answers everything with a part again and again; yields its address."""

    class Endless(Handler):
        def serve(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(GREAT))
            self.end_headers()
            try:
                for _ in range(GREAT // len(part)):
                    self.wfile.write(part)
                    self.wfile.flush()
                    time.sleep(pause)
            except OSError:  # nobody wants more
                self.close_connection = True

    with listening(Endless) as port:
        yield f"http://127.0.0.1:{port}"


def server_at(url: str) -> Server:
    return Server(transport.Endpoint(url), None)


def follow_once(url: str) -> None:
    tasks = Tasks([], progress.make(lambda: []))
    following.Follower(server_at(url), "r", tasks, print).look()


ASKING: dict[str, Callable[[str], object]] = {
    "look at": look,
    "list experiments on": lambda url: check_access(url, None),
    "look at the run on": follow_once,
}


@pytest.mark.parametrize("doing", ASKING)
def test_an_answer_that_is_too_large_is_one_line(
    monkeypatch: pytest.MonkeyPatch, doing: str
) -> None:
    monkeypatch.setattr(limits, "MAX_ANSWER", MB)
    with answering(b"[" * MB) as url, pytest.raises(WorkbenchError) as caught:
        ASKING[doing](url)
    said = "its answer is not KFP's (it has more than 1 MB)"
    assert str(caught.value) == f"cannot {doing} {url}: {said}" and caught.value.status == 1


@pytest.mark.parametrize("doing", ASKING)
def test_an_answer_that_comes_in_drops_ends(monkeypatch: pytest.MonkeyPatch, doing: str) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.3)
    with answering(b"[", pause=0.02) as url, pytest.raises(WorkbenchError) as caught:
        ASKING[doing](url)
    assert str(caught.value).endswith("its answer is not KFP's (it takes longer than 0 s)")


def test_a_log_that_comes_in_drops_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_SECONDS", 0.3)
    with answering(b"x", pause=0.02) as url:
        parts = streams.read(server_at(url), "/log", MB)
        with pytest.raises(WorkbenchError, match="it takes longer than"):
            list(parts)


@pytest.mark.parametrize("doing", ASKING)
def test_of_an_error_the_beginning_is_enough(monkeypatch: pytest.MonkeyPatch, doing: str) -> None:
    monkeypatch.setattr(limits, "MAX_ERROR", MB)
    with answering(b"too much " * 1000, status=500) as url, pytest.raises(WorkbenchError) as caught:
        ASKING[doing](url)
    assert str(caught.value).startswith(f"cannot {doing} {url}: the server failed (500: too much")
    assert len(str(caught.value)) < 500


def test_a_large_order_has_the_time_that_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is for each part: a line that takes some of it at a time is slow, and no fault."""
    got = []

    class Slow(Handler):
        def serve(self) -> None:
            left = int(self.headers["Content-Length"])
            while left > 0:
                left -= len(self.rfile.read(min(left, MB)))
                time.sleep(0.1)
            got.append(left)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.5)
    package = tmp_path / "pipeline.yaml"
    package.write_bytes(b"x" * 20 * MB)  # more than what is on its way at any time
    with listening(Slow) as port:
        server = server_at(f"http://127.0.0.1:{port}")
        send = kfp_server_api.PipelineUploadServiceApi(server.api).upload_pipeline_version
        call(server, "upload to", lambda: send(str(package), name="v", pipelineid="p"))
    assert got == [0]
