"""What a server says of an error, without what is around its reason."""

import json
import time
from collections.abc import Iterator

import pytest

from kfp_workbench.cluster import faults, reasons
from kfp_workbench.cluster.server import Server, call, connect
from kfp_workbench.cluster.transport import Endpoint
from kfp_workbench.errors import WorkbenchError
from servers.kfp_server import kfp_server
from shared.golden import FOLDER as GOLDEN
from shared.serving import Handler, listening

# As a 2.15.0 and a 2.17.0 answered, shortened.
STACK = """
github.com/kubeflow/pipelines/backend/src/common/util.Wrap
	github.com/kubeflow/pipelines/backend/src/common/util/error.go:361
google.golang.org/grpc.(*Server).serveStreams.func2.1
	google.golang.org/grpc@v1.82.1/server.go:1078
runtime.goexit
	runtime/asm_amd64.s:1771"""
UNKNOWN = 'failed to unmarshal kubernetes config: proto: (line 1:32): unknown field "x"'
STORE = (
    "Failed to store run r to table: Error 1366 (22007): Incorrect string value: "
    "'\\xF0\\x9F\\x8E\\x89' for column `mlpipeline`.`run_details`.`PipelineRuntimeManifest` at row 1"
)
ARGO = "Failed to validate workflow for (): templates.root.tasks.x failed to resolve {{pod.name}}"
SAID = {
    "stack": (
        f"Internal error: {UNKNOWN}\nFailed to compile job{STACK}\nFailed to create a new run{STACK}",
        UNKNOWN,
    ),
    "stack-of-one-line": (f"Internal error: it broke{STACK}", "it broke"),
    "two-lines-and-a-stack": (f"Internal error: one\ntwo\nFailed{STACK}", "one\ntwo"),
    "wrappers": (
        f"Failed to create a new run: Failed to create a run: InternalServerError: {STORE}",
        STORE,
    ),
    "kinds-in-each-other": (
        "[ExperimentServer]: Failed: InternalServerError: Failed to convert: Invalid input error: "
        "Experiment must have a non-empty name",
        "Experiment must have a non-empty name",
    ),
    "none": ("The name recorded already exists: choose another", ""),
    "colons": ("unknown field: a: b", ""),
    "lines": ("one\n\ttwo\nthree", ""),
    "nothing-after-a-kind": ("Failed: InternalServerError: ", ""),
}


@pytest.mark.parametrize(("said", "reason"), SAID.values(), ids=SAID)
def test_the_reason_is_what_is_innermost(said: str, reason: str) -> None:
    assert reasons.innermost(said) == (reason or said)


def answer(status: int, **body: object) -> WorkbenchError:
    """Return what becomes of a server's answer."""

    class Refusing(Handler):
        def serve(self) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with kfp_server() as server, listening(Refusing) as port:
        connected = connect(server.url)
        refusing = Server(Endpoint(f"http://127.0.0.1:{port}"), connected.namespace)
        with pytest.raises(WorkbenchError) as caught:
            call(refusing, "start a run on", refusing.client.list_experiments)
    line = str(caught.value)
    assert line.isprintable() and "\n" not in line and ".go" not in line
    return caught.value


def test_a_stack_is_not_shown() -> None:
    said = f"Internal error: {UNKNOWN}\nFailed to compile job{STACK}"
    error = answer(500, code=13, message=said, details=[{"code": 2, "message": said}])
    assert isinstance(error, faults.BusyError)
    assert str(error).endswith(f"the server failed (500: {UNKNOWN}): see its log, try again")


@pytest.mark.parametrize(
    ("reason", "cure"),
    [(STORE, "a text has a character beyond U+FFFF, leave that out"),
     (ARGO, "put a space between the braces of that text")],
)  # fmt: skip
def test_a_text_that_is_refused_all_the_same_is_not_sent_again(reason: str, cure: str) -> None:
    details = [{"code": 13, "message": "Internal Server Error"}]
    error = answer(500, code=13, message=f"InternalServerError: {reason}", details=details)
    assert type(error) is WorkbenchError and str(error).endswith(
        f"it refused (500: {reason}): {cure}"
    )


def recorded() -> Iterator[str]:
    """Return all that a real server said of errors."""
    for path in sorted(GOLDEN.glob("records*/*.json")):
        for run in json.loads(path.read_text(encoding="utf-8")).get("runs", []):
            if run["state"] == "refused":
                yield run["why"]
    for exchange in json.loads((GOLDEN / "api.json").read_text(encoding="utf-8")):
        body = exchange["answer"]
        if exchange["status"] >= 400 and isinstance(body, dict):
            yield from filter(None, (body.get("message"), body.get("error_message")))


@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no records of a real server are in {GOLDEN}")
def test_what_a_real_server_said_comes_down_to_one_reason() -> None:
    found = [(said, reasons.innermost(said)) for said in recorded()]
    assert len(found) > 20
    for said, reason in found:
        assert reason and reason in said and "\n" not in reason
        assert reasons.innermost(reason) == reason


def test_a_long_answer_is_read_once() -> None:
    began = time.monotonic()
    assert reasons.innermost("x" * 200_000) == "x" * 200_000
    assert time.monotonic() - began < 2, "not once for each letter"
