"""Signing in where the connection is encrypted, or should be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.kubeflow_server import Kubeflow, kubeflow
from shared.signing_in import Authority, refused, user


@pytest.fixture
def secure(authority: Authority) -> Iterator[Kubeflow]:
    with kubeflow(context=authority.server()) as running:
        yield running


def test_a_private_ca(secure: Kubeflow, authority: Authority) -> None:
    found = user(secure.url, authority.path)
    assert found.headers()["cookie"].startswith("oauth2_proxy_kubeflow=")


@pytest.mark.parametrize("own", [True, False])
def test_a_certificate_that_is_not_trusted(secure: Kubeflow, tmp_path: Path, own: bool) -> None:
    other = Authority(tmp_path, "other").path if own else None
    line = refused(user(secure.url, other).headers)
    assert line.startswith(f"{secure.url}: its certificate is not trusted (")
    assert "(unable to get local issuer certificate)" in line
    assert line.endswith("check KFP_HOST, or set KFP_CA to your CA's certificate")
    assert secure.requests == []


@pytest.mark.parametrize("path", ["/oauth2/start", "/dex/auth/local/login"])
def test_from_https_to_http_is_no_way(
    secure: Kubeflow, stranger: Kubeflow, authority: Authority, path: str
) -> None:
    secure.detours[path] = f"{stranger.url}/dex/auth/local/login"
    line = refused(user(secure.url, authority.path).headers)
    assert f"leads to {stranger.url}, where the password would go unencrypted" in line
    assert stranger.requests == []
