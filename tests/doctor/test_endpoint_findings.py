"""What `make doctor` finds of KFP and the way there, with servers of our own."""

import importlib.metadata
import importlib.util
import ssl
from pathlib import Path

import pytest

from kfp_workbench.cluster.server import Health
from kfp_workbench.doctor import endpoint
from kfp_workbench.errors import WorkbenchError
from servers.kfp_server import KfpServer, kfp_server
from servers.kubeflow_server import PASSWORD, USER, kubeflow
from shared.machines import Machine, is_

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def sdk() -> str:
    return importlib.metadata.version("kfp")


def test_versions_of_kfp(machine: Machine, server: KfpServer) -> None:
    machine.set(KFP_HOST=server.url)
    minor = ".".join(sdk().split(".")[:2])
    for version in (sdk(), f"v{minor}.99"):
        server.version = version
        text = f"{server.url} has KFP '{version}', the SDK is {sdk()}"
        assert is_(machine.look()["KFP"], "ok", text)
    for version in ("1.8.5", f"{minor}9.0", "2.0.5"):
        server.version = version
        cure = f"set kfp=={'.'.join(version.split('.')[:2])}.* in requirements-dev.in"
        assert is_(machine.look()["KFP"], "warn", f"has KFP '{version}'", cure)
    server.version = ""
    assert is_(machine.look()["KFP"], "ok", "answers, but not its version")
    assert {request.method for request in server.requests} == {"GET"}, "nothing was made"


def test_no_kfp(machine: Machine) -> None:
    host = machine.environ["KFP_HOST"]
    forward = f"kubectl port-forward -n kubeflow svc/ml-pipeline-ui {host.rpartition(':')[2]}:80"
    text = f"{host}: no server answers there: connect your cluster ({forward}), or set KFP_HOST"
    assert is_(machine.look()["KFP"], "FAIL", text)


@pytest.mark.parametrize("at", ["healthz", "experiments"])
@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("401", "asks for a login (401): set KFP_TOKEN, or KFP_USERNAME and KFP_PASSWORD"),
        ("403", "ask for access, or set KFP_TOKEN"),
        ("500", "the server failed (500: the server says 500)"),
        ("redirect", "redirects (302), as a login page does: set KFP_TOKEN"),
    ],
)
def test_a_kfp_that_refuses(
    machine: Machine, server: KfpServer, at: str, fault: str, text: str
) -> None:
    machine.set(KFP_HOST=server.url)
    server.fail(fault, at)
    what = "sign-in" if fault in ("401", "redirect") else "KFP"
    assert is_(machine.look()[what], "FAIL", text)


def test_what_is_no_kfp(machine: Machine, server: KfpServer) -> None:
    machine.set(KFP_HOST=server.url)
    server.fail("html")
    assert is_(machine.look()["KFP"], "FAIL", "is no KFP endpoint: set KFP_HOST")


def test_the_token(machine: Machine) -> None:
    with kfp_server(token="s3cret-token") as server:
        machine.set(KFP_HOST=server.url, KFP_TOKEN="s3cret-token\n")
        found = machine.look()
        assert is_(found["KFP"], "ok", "has KFP")
        assert is_(found["sign-in"], "ok", "KFP_TOKEN is accepted")
        machine.set(KFP_TOKEN="s3cret-old")
        refused = machine.look()["sign-in"]
        assert is_(refused, "FAIL", "sign in anew, KFP_TOKEN is refused")
        machine.set(KFP_TOKEN="s3cret\nold")
        broken = machine.look()["sign-in"]
        assert is_(broken, "FAIL", "KFP_TOKEN has a space or a character that no token has")
        assert "s3cret" not in refused.text + broken.text


def test_signing_in_to_dex(machine: Machine, server: KfpServer) -> None:
    with kubeflow(backend=server.url) as gateway:
        machine.set(KFP_HOST=gateway.url, KFP_USERNAME=USER, KFP_PASSWORD=PASSWORD)
        found = machine.look()
        assert is_(found["KFP"], "ok", f"{gateway.url} has KFP")
        assert is_(found["sign-in"], "ok", f"KFP_USERNAME ({USER}, by Dex) is accepted")
        machine.set(KFP_PASSWORD="s3cret")
        wrong = machine.look()
        assert is_(wrong["sign-in"], "FAIL", f"refuses the password of '{USER}': check KFP_USER")
        assert "s3cret" not in wrong["sign-in"].text and "KFP" not in wrong
        machine.set(KFP_TOKEN="t")
        assert is_(machine.look()["sign-in"], "FAIL", "KFP_TOKEN and KFP_USERNAME are set")


def test_no_sign_in(machine: Machine, server: KfpServer) -> None:
    machine.set(KFP_HOST=server.url)
    assert is_(machine.look()["sign-in"], "ok", "none is set, and none is asked for")


def test_a_sign_in_that_cannot_be_tried(machine: Machine) -> None:
    machine.set(KFP_COOKIE="session=s3cret")
    found = machine.look()
    assert is_(found["KFP"], "FAIL", "no server answers there")
    assert is_(found["sign-in"], "ok", "KFP_COOKIE is set; whether it is good, only KFP can tell")


@pytest.mark.parametrize(
    ("host", "level"),
    [
        ("http://kfp.example.com", "warn"),
        ("http://10.0.0.1:8080", "warn"),
        ("http://[fd00::1]", "warn"),
        ("https://kfp.example.com", "ok"),
        ("http://localhost:8080", "ok"),
        ("http://[::1]:8080", "ok"),
        ("http://ml-pipeline:8888", "ok"),
        ("http://ml-pipeline.kubeflow.svc:8888", "ok"),
    ],
)
def test_a_token_that_everybody_can_read_on_its_way(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, host: str, level: str
) -> None:
    monkeypatch.setattr("kfp_workbench.cluster.server.look", lambda *_: Health("2.17.0", None))
    monkeypatch.setattr("kfp_workbench.cluster.server.check_access", lambda *_: None)
    machine.set(KFP_HOST=host, KFP_TOKEN="s3cret")
    text = f"KFP_TOKEN is accepted, but goes to {host} unencrypted: use https"
    assert is_(machine.look()["sign-in"], level, text if level == "warn" else "is accepted")


@pytest.mark.parametrize(
    ("content", "level", "text"),
    [
        (
            '{"namespace": "team-a"}',
            "warn",
            "~/.config/kfp/context.json is not read here, its namespace is 'team-a': "
            "set KFP_NAMESPACE if that is meant",
        ),
        ("{ broken", "ok", "~/.config/kfp/context.json is broken; it is not read here"),
        ("[]", "ok", "is broken"),
        ("[" * 60000, "ok", "is broken"),
        ('{"namespace": ""}', "", ""),
        (None, "", ""),
    ],
)
def test_the_memory_of_the_sdk(
    machine: Machine,
    server: KfpServer,
    tmp_path: Path,
    content: str | None,
    level: str,
    text: str,
) -> None:
    machine.set(KFP_HOST=server.url, HOME=str(tmp_path))
    if content is not None:
        context = tmp_path / ".config" / "kfp" / "context.json"
        context.parent.mkdir(parents=True)
        context.write_text(content)
    found = machine.look()
    assert found["KFP"].level == "ok" and ("context" in found) == bool(level)
    assert not level or is_(found["context"], level, text)
    machine.set(KFP_NAMESPACE="team-b")
    assert "context" not in machine.look(), "there is nothing to choose"


PROXY = {"HTTPS_PROXY": "http://me:s3cret@proxy.example.com:3128"}
BUNDLE = {"SSL_CERT_FILE": "/etc/own.pem"}


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize(
    ("host", "environ", "text", "cure"),
    [
        (
            "https://kfp.example.com",
            PROXY,
            "HTTPS_PROXY set, but KFP is asked directly",
            "let this machine reach it, or forward a port",
        ),
        (
            "https://kfp.example.com",
            {"all_proxy": "socks5://x"},
            "all_proxy set, but KFP is asked directly",
            "let this machine reach it",
        ),
        (
            "https://kfp.example.com",
            {**PROXY, **BUNDLE},
            "SSL_CERT_FILE set, but not used for KFP's certificate",
            "set KFP_CA",
        ),
        ("https://kfp.example.com", {**PROXY, "NO_PROXY": ".example.com"}, "", ""),
        ("http://kfp.example.com", {**PROXY, **BUNDLE}, "", ""),
        ("https://localhost:8443", PROXY, "", ""),
        ("https://kfp.example.com", {**BUNDLE, "KFP_CA": "ca.pem"}, "", ""),
    ],
)
def test_what_is_set_in_vain(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    is_there: bool,
    host: str,
    environ: dict[str, str],
    text: str,
    cure: str,
) -> None:
    def look(*_: object) -> Health:
        if not is_there:
            raise WorkbenchError("no server answers")
        return Health("2.17.0", None)

    names = [*PROXIES, "NO_PROXY", *endpoint.CERTIFICATES]
    for name in [name for low in names for name in (low.lower(), low.upper())]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("kfp_workbench.cluster.server.look", look)
    monkeypatch.setattr("kfp_workbench.cluster.server.check_access", lambda *_: None)
    machine.set(KFP_HOST=host, **environ)
    found = machine.look()
    assert ("unused" in found) == bool(text)
    if text:
        assert is_(found["unused"], "ok" if is_there else "warn", text)
        assert (cure in found["unused"].text) != is_there
        assert "s3cret" not in found["unused"].text


def test_a_private_ca(machine: Machine, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with kfp_server(ssl=context) as server:
        machine.set(KFP_HOST=server.url)
        assert is_(machine.look()["KFP"], "FAIL", "its certificate is not trusted", "set KFP_CA")
        machine.set(KFP_CA=str(certificate))
        assert is_(machine.look()["KFP"], "ok", "has KFP")
        machine.set(KFP_CA="nowhere.pem")
        assert is_(machine.look()["KFP"], "FAIL", "nowhere.pem: No such file or directory")


def test_namespaces(machine: Machine, server: KfpServer) -> None:
    machine.set(KFP_HOST=server.url)
    server.multi_user = True
    assert is_(machine.look()["KFP"], "FAIL", "several namespaces: set KFP_NAMESPACE to yours")
    machine.set(KFP_NAMESPACE="team-a")
    assert machine.look()["KFP"].level == "ok"
    server.multi_user = False
    text = "it has no namespaces, the namespace 'team-a' is not used"
    assert is_(machine.look()["KFP"], "ok", text)
