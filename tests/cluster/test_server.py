"""The connection to a KFP server: sign-in, certificates, secrets, pages, faults."""

import json
import logging
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import kfp_server_api
import pytest

from kfp_workbench.cluster import faults, runs, transport
from kfp_workbench.cluster import server as servers
from kfp_workbench.cluster.credentials import Credentials, SignInError, Token
from kfp_workbench.cluster.server import Server, call, connect, matching, pages, predicates
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import settings as project
from servers.kfp_server import KfpServer, kfp_server
from shared.baking import make
from shared.credentials import Rotating
from shared.serving import Handler, listening


@pytest.fixture
def server() -> Iterator[KfpServer]:
    with kfp_server() as running:
        yield running


class Cookie(Rotating):
    """Credentials that are a cookie."""

    def headers(self) -> Mapping[str, str]:
        return {"cookie": self.tokens[0]}


def experiments(connected: Server) -> object:
    return call(connected, "list experiments on", connected.client.list_experiments)


def problem(connected: Server) -> WorkbenchError:
    with pytest.raises(WorkbenchError) as caught:
        experiments(connected)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    return caught.value


# Sign-in


def test_a_401_that_a_newer_token_cures_is_not_noticed() -> None:
    with kfp_server(token="new") as server:
        connected = connect(server.url, credentials=Rotating("old", "new"))
        experiments(connected)
        sent = [request.headers["authorization"] for request in server.requests]
        assert sent == ["Bearer old", "Bearer new", "Bearer new"]


def test_a_redirect_to_a_login_is_cured_like_a_401(server: KfpServer) -> None:
    connected = connect(server.url, credentials=Cookie("session=old", "session=new"))
    server.fail("redirect", "/experiments", times=1)
    experiments(connected)
    sent = [request.headers["cookie"] for request in server.calls(at="/experiments")]
    assert sent == ["session=old", "session=new"] and not server.calls(at="/login")
    server.fail("redirect", "/experiments")
    cure = "sign in anew, the token in token.txt is refused, or check KFP_HOST"
    assert cure in str(problem(connected))


@pytest.mark.parametrize("kind", ["401", "redirect"])
def test_a_page_to_sign_in_is_as_good_as_a_401(server: KfpServer, kind: str) -> None:
    connected = connect(server.url, credentials=Rotating("old", "new"))
    server.fail(kind, "/experiments", times=1)
    experiments(connected)
    sent = [request.headers["authorization"] for request in server.calls(at="/experiments")]
    assert sent == ["Bearer old", "Bearer new"]


def test_an_order_is_sent_once_more_after_a_401(server: KfpServer) -> None:
    connected = connect(server.url, credentials=Rotating("old", "new"))
    server.token = "new"
    body = kfp_server_api.V2beta1Experiment(display_name="e")
    create = connected.client._experiment_api.experiment_service_create_experiment
    call(connected, "create an experiment on", lambda: create(experiment=body))
    assert [r.headers["authorization"] for r in server.calls("POST")] == [
        "Bearer old",
        "Bearer new",
    ]
    assert [r.body for r in server.calls("POST")] == [{"display_name": "e"}] * 2
    assert len(server.experiments) == 1


@pytest.mark.parametrize("tokens", [["old"], ["old", "older"], ["old", "older", "oldest"]])
def test_a_login_that_no_refresh_cures_ends(tokens: list[str]) -> None:
    with kfp_server(token="new") as server:
        with pytest.raises(WorkbenchError) as caught:
            connect(server.url, credentials=Rotating(*tokens))
        cure = "sign in anew, the token in token.txt is refused"
        assert str(caught.value) == f"{server.url} asks for a login (401): {cure}"
        assert len(server.requests) == min(len(tokens), 2)


def test_a_cookie_lets_in() -> None:
    with kfp_server(cookie="session=abc") as server:
        experiments(connect(server.url, credentials=Cookie("session=abc")))
        assert {request.headers.get("cookie") for request in server.requests} == {"session=abc"}
        assert not [r for r in server.requests if "authorization" in r.headers]


def test_without_credentials_none_are_sent(server: KfpServer) -> None:
    experiments(connect(server.url))
    names = {name for request in server.requests for name in request.headers}
    assert not names & {"authorization", "cookie"}


# Secrets


@pytest.mark.parametrize("length", [10, 270, 295, 400])
def test_a_secret_is_not_told_even_in_part(server: KfpServer, length: int) -> None:
    """The messages of servers are cut: what is cut must not be half a secret."""
    secret = "s3cret" * 10
    connected = connect(server.url, credentials=Token(secret))

    class Repeating(Handler):
        def serve(self) -> None:
            said = "x" * length + self.headers["Authorization"]
            content = json.dumps({"message": said}).encode()
            self.send_response(400)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with listening(Repeating) as port:
        endpoint = transport.Endpoint(f"http://127.0.0.1:{port}", connected.endpoint.credentials)
        message = str(problem(Server(endpoint, None)))
    assert "s3cret" not in message and len(message) < 450


def test_all_secrets_are_left_out_the_longest_first(server: KfpServer) -> None:
    server.fail("400", "/experiments", echo=True)
    credentials = Rotating("abc", "abcdef")
    connected = connect(server.url, credentials=credentials)
    credentials.tokens = ["abcdef", "abc"]
    assert "the server says 400 to Bearer *** " in f"{problem(connected)} ".replace(")", " ")


# Certificates


@pytest.fixture
def secure(certificate: Path) -> Iterator[KfpServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with kfp_server(ssl=context) as running:
        yield running


def test_a_private_ca_is_trusted_when_it_is_given(secure: KfpServer, certificate: Path) -> None:
    experiments(connect(secure.url, ca=certificate))
    servers.check_access(secure.url, None, ca=certificate)


def test_the_variable_is_heeded_however_it_is_given(
    default: Path, secure: KfpServer, certificate: Path
) -> None:
    env = {"KFP_HOST": secure.url, "ALLOW_UNPINNED": "1"}
    assert make(default, "run", env={**env, "KFP_CA": str(certificate)}).returncode == 0
    assert make(default, "upload", f"KFP_CA={certificate}", env=env).returncode == 0
    assert len(secure.runs) == len(secure.versions) == 1


def test_a_private_ca_is_not_trusted_otherwise(secure: KfpServer) -> None:
    with pytest.raises(
        WorkbenchError, match=r"certificate is not trusted .* set KFP_CA to your CA's"
    ):
        connect(secure.url)
    assert secure.requests == []


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "KFP_CA: {ca}: No such file or directory: give the CA's certificate"),
        ("", "KFP_CA: {ca} has no certificate in PEM format: take the CA's"),
        ("no certificate", "KFP_CA: {ca} has no certificate in PEM format: take the CA's"),
    ],
)
def test_a_ca_that_is_none_is_wrong_input(
    server: KfpServer, tmp_path: Path, content: str | None, line: str
) -> None:
    ca = tmp_path / "ca.pem"
    if content is not None:
        ca.write_text(content)
    with pytest.raises(WorkbenchError) as caught:
        connect(server.url, ca=ca)
    assert (str(caught.value), caught.value.status) == (line.format(ca=ca), 2)
    assert server.requests == []


def test_where_the_ca_is_comes_from_the_settings_or_the_environment(default: Path) -> None:
    assert project.load(default, {}).kfp_ca is None
    assert project.load(default, {"KFP_CA": "certs/ca.pem"}).kfp_ca == default / "certs/ca.pem"
    assert project.load(default, {"KFP_CA": "/etc/ca.pem"}).kfp_ca == Path("/etc/ca.pem")


def test_the_ca_is_a_setting_too(project_copy: Path) -> None:
    pyproject = project_copy / "pyproject.toml"
    text = pyproject.read_text()
    pyproject.write_text(text.replace("kfp_host =", 'kfp_ca = "ca.pem"\nkfp_host =', 1))
    assert project.load(project_copy, {}).kfp_ca == project_copy / "ca.pem"
    pyproject.write_text(text.replace("kfp_host =", "kfp_ca = 1\nkfp_host =", 1))
    with pytest.raises(WorkbenchError, match="takes kfp_ca"):
        project.load(project_copy, {})


@pytest.fixture
def project_copy(default: Path, tmp_path: Path) -> Path:
    """Return a folder with the default project's settings alone."""
    (tmp_path / "pyproject.toml").write_bytes((default / "pyproject.toml").read_bytes())
    return tmp_path


# Faults


@pytest.mark.parametrize(
    ("fault", "kind", "line"),
    [
        ("404", faults.NotFoundError, "it refused (404: the server says 404)"),
        ("409", faults.ConflictError, "it refused (409: the server says 409)"),
        ("aborted", faults.BusyError, "it refused (409: the server says aborted): try again"),
        ("429", faults.BusyError, "it has too much to do (429: the server says 429): try again"),
        ("500", faults.BusyError, "the server failed (500: the server says 500): see its log"),
        ("503", faults.BusyError, "the server failed (503: the server says 503): see its log"),
        ("reset", faults.LostAnswerError, "the connection broke"),
        ("lost", faults.LostAnswerError, "the connection broke"),
        ("torn", faults.LostAnswerError, "the connection broke"),
        ("silent", faults.LostAnswerError, "no answer within 1 s"),
        ("text", faults.StrangeAnswerError, "its answer is not KFP's"),
        ("html", faults.StrangeAnswerError, "its answer is not KFP's"),
        ("null", faults.StrangeAnswerError, "its answer is not KFP's"),
        ("401", SignInError, "asks for a login (401): set KFP_TOKEN, or KFP_USERNAME"),
        ("redirect", SignInError, "redirects (302), as a login page does: set KFP_TOKEN"),
    ],
)
def test_each_fault_has_its_kind_and_its_line(
    server: KfpServer,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    kind: type[WorkbenchError],
    line: str,
) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS", 1.0)
    connected = connect(server.url)
    server.add_experiment()
    server.fail(fault, "/experiments")
    error = problem(connected)
    assert type(error) is kind and line in str(error) and error.status == 1
    assert server.url in str(error)
    assert len(server.calls(at="/experiments")) == 1 and not server.calls(at="/login")


@pytest.mark.parametrize(("said", "seconds"), [("7", 7.0), ("", None), ("soon", None), ("-1", 0.0)])
def test_how_long_a_busy_server_wants_to_be_left_alone(
    server: KfpServer, said: str, seconds: float | None
) -> None:
    connected = connect(server.url)
    server.fail("429", "/experiments", retry_after=said)
    error = problem(connected)
    assert isinstance(error, faults.BusyError) and error.retry_after == seconds


def test_a_page_in_another_encoding_is_told_as_it_is(server: KfpServer) -> None:
    class Latin(Handler):
        def serve(self) -> None:
            self.send_response(502)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"k\xf6\xff!")

    with (
        listening(Latin) as port,
        pytest.raises(WorkbenchError, match="the server failed \\(502: k"),
    ):
        connect(f"http://127.0.0.1:{port}")


def test_the_sdk_says_nothing(
    server: KfpServer,
    default: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert make(default, "compile").returncode == 0
    package = default / "build" / "pipeline.yaml"
    with caplog.at_level(logging.WARNING):
        connected = connect(server.url)
        runs.submit(connected, package, {"context": {}}, experiment="e", run_name="r")
        server.fail("reset")
        problem(connected)
    out, err = capfd.readouterr()
    assert out == err == "" and not caplog.records and len(server.runs) == 1


def test_urllib3_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Its warning of a header that is none, for one, has the address with all that is in it."""

    class Broken(Handler):
        def serve(self) -> None:
            answer = b"HTTP/1.1 200 OK\r\nnone: x\r\nno header\r\nContent-Length: 2\r\n\r\n{}"
            self.wfile.write(answer)
            self.close_connection = True

    logging.getLogger("urllib3").setLevel(logging.NOTSET)
    with listening(Broken) as port, caplog.at_level(logging.WARNING):
        connected = Server(transport.Endpoint(f"http://127.0.0.1:{port}"), None)
        assert getattr(experiments(connected), "experiments", None) is None
    assert not caplog.records


# Listings


@pytest.mark.parametrize(
    "name", ["plain", "a + b", "100 %41", "%", 'quo"te', "é \U0001f680", "a&b=c"]
)
def test_a_name_is_found_whatever_is_in_it(server: KfpServer, name: str) -> None:
    wanted = server.add_experiment(name)
    server.add_experiment(f"{name}x")
    connected = connect(server.url)
    for condition in (matching(display_name=name), predicates([("EQUALS", "display_name", name)])):
        listing = partial(connected.client.list_experiments, filter=condition)
        listed = call(connected, "list experiments on", listing)
        assert [item.experiment_id for item in listed.experiments] == [wanted["experiment_id"]]


@pytest.mark.parametrize("count", [0, 1, 200, 201, 450])
def test_all_pages_are_gone_through(server: KfpServer, count: int) -> None:
    for number in range(count):
        server.add_experiment(f"e{number}")
    connected = connect(server.url)
    listing = connected.client.list_experiments
    found = list(pages(connected, "list experiments on", listing, "experiments"))
    assert [item.display_name for item in found] == [f"e{number}" for number in range(count)]
    assert len(server.calls(at="/experiments")) == max(1, -(-count // 200))


def test_a_listing_that_never_ends_does(server: KfpServer) -> None:
    connected = connect(server.url)
    page = {"experiments": [], "next_page_token": "again"}

    def listing(**_: object) -> object:
        return kfp_server_api.V2beta1ListExperimentsResponse(**page)

    with pytest.raises(WorkbenchError, match="the same page again and again"):
        list(pages(connected, "list experiments on", listing, "experiments"))


# Addresses


@pytest.mark.parametrize(
    ("host", "namespace", "expected"),
    [
        ("http://h:1", None, "http://h:1/#/runs/details/r"),
        ("http://h:1/x", None, "http://h:1/x/#/runs/details/r"),
        ("https://h/pipeline", "team-a", "https://h/_/pipeline/?ns=team-a#/runs/details/r"),
    ],
)
def test_the_address_of_a_run(host: str, namespace: str | None, expected: str) -> None:
    assert servers.run_url(Server(transport.Endpoint(host), namespace), "r") == expected


def test_an_id_cannot_change_the_address() -> None:
    connected = Server(transport.Endpoint("http://h"), None)
    page = servers.pipeline_url(connected, "a/../b?c#d", "v")
    assert page == "http://h/#/pipelines/details/a%2F..%2Fb%3Fc%23d/version/v"


def test_a_path_before_the_api_is_kept() -> None:
    with kfp_server(prefix="/pipeline") as server:
        experiments(connect(f"{server.url}/"))
        assert server.calls(at="/pipeline/apis/v2beta1/experiments")


# What it costs


def test_threads_can_ask_side_by_side(server: KfpServer) -> None:
    for number in range(20):
        server.add_experiment(f"e{number}")
    connected = connect(server.url)
    experiments(connected)
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(experiments(connected))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8


def test_looking_loads_neither_the_client_nor_kubernetes(server: KfpServer) -> None:
    code = (
        "import sys; from kfp_workbench.cluster import server as s\n"
        f"s.look({server.url!r}); s.check_access({server.url!r}, None)\n"
        "assert not {'kfp', 'kubernetes'} & set(sys.modules)"
    )
    folder = Path(servers.__file__).parent.parent.parent
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)


def test_the_token_of_the_environment_is_credentials() -> None:
    credentials: Credentials = Token("t")
    assert credentials.headers() == {"authorization": "Bearer t"}
    assert credentials.secrets() == ["t"] and not credentials.refresh()
