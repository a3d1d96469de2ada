"""Signing in to the servers of the tests."""

import datetime
import ipaddress
import ssl
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kfp_workbench.cluster.credentials import Credentials
from kfp_workbench.cluster.signin import credentials
from kfp_workbench.errors import WorkbenchError
from servers.kubeflow_server import PASSWORD, USER

TOKEN = "eyJhbGciOi.s3cret-token"
HOST = "http://127.0.0.1:1"
LOGIN = {"KFP_USERNAME": USER, "KFP_PASSWORD": PASSWORD}


def user(host: str, ca: Path | None = None, connector: str = "") -> Credentials:
    """Return the credentials of the user that the servers know."""
    return credentials(host, {**LOGIN, "KFP_CONNECTOR": connector}, ca)


def status(host: str, found: Credentials) -> int:
    """Return what KFP's API says to these credentials."""
    answer = requests.get(
        f"{host}/apis/v2beta1/healthz",
        headers=dict(found.headers()),
        timeout=10,
        allow_redirects=False,
    )
    return int(answer.status_code)


def refused(call: Callable[[], object], code: int = 1) -> str:
    """Return the one line of an error, which holds nothing secret, its traceback neither."""
    with pytest.raises(WorkbenchError) as caught:
        call()
    line = str(caught.value)
    assert caught.value.status == code and "\n" not in line
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame for frame in shown.stack if "/kfp_workbench/" in frame.filename]
    shown.stack = traceback.StackSummary.from_list([])
    variables = [
        text for frame in ours for name, text in (frame.locals or {}).items() if name != "environ"
    ]
    text = "\n".join([line, *shown.format(), *variables])
    for secret in (PASSWORD, TOKEN):
        assert secret not in text
    return line


class Authority:
    """A private CA, in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path, self.folder, self._key = folder / f"{name}.pem", folder, _key()
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        basic = x509.BasicConstraints(ca=True, path_length=None)
        self._certificate = _certificate(self._name, self._name, self._key, self._key, basic)
        self.path.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def server(self) -> ssl.SSLContext:
        """Return what a server on this machine needs, with a certificate of this CA."""
        key = _key()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        names = x509.SubjectAlternativeName([address])
        certificate = _certificate(subject, self._name, key, self._key, names)
        both = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (self.folder / "server.pem").write_bytes(both)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem")
        return context


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - day).not_valid_after(now + day)
    return builder.add_extension(extension, critical=True).sign(signer, hashes.SHA256())
