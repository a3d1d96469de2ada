"""Ways to sign in: tokens, cookies and passwords, and what the environment says of them."""

import base64
import itertools
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from kfp_workbench.cluster import signin
from kfp_workbench.cluster.signin import credentials
from servers.kubeflow_server import PASSWORD, USER
from shared.signing_in import HOST, LOGIN, TOKEN, refused


def test_nobody() -> None:
    found = credentials(HOST, {})
    assert (found.headers(), found.refresh(), found.secrets()) == ({}, False, [])
    assert found.describe() == "no sign-in"


@pytest.mark.parametrize(
    ("environ", "headers", "hidden"),
    [
        ({"KFP_TOKEN": f" {TOKEN}\n"}, {"authorization": f"Bearer {TOKEN}"}, [TOKEN]),
        (
            {"KFP_COOKIE": "session=s3cret=; _x=1;"},
            {"cookie": "session=s3cret=; _x=1"},
            ["session=s3cret=; _x=1", "s3cret="],
        ),
        ({"KFP_COOKIE": "a=b:c/d e"}, {"cookie": "a=b:c/d e"}, ["a=b:c/d e"]),
    ],
)
def test_what_the_environment_holds(
    environ: Mapping[str, str], headers: Mapping[str, str], hidden: list[str]
) -> None:
    found = credentials(HOST, environ)
    assert found.headers() == headers and not found.refresh()
    assert found.secrets()[: len(hidden)] == hidden
    assert found.describe() == next(iter(environ))


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first-token\n")
    found = credentials(HOST, {"KFP_TOKEN_FILE": str(file)})
    assert found.describe() == f"KFP_TOKEN_FILE ({file})"
    assert found.headers() == {"authorization": "Bearer first-token"}
    assert not found.refresh()
    stamp = file.stat().st_mtime_ns
    file.write_text("other-token\n")
    os.utime(file, ns=(stamp, stamp))  # the clock of a file system may be coarse
    assert found.refresh() and not found.refresh()
    assert found.headers() == {"authorization": "Bearer other-token"}
    file.write_text("third-token")
    assert found.headers() == {"authorization": "Bearer third-token"}
    assert found.secrets() == ["first-token", "other-token", "third-token"]


@pytest.mark.parametrize("content", [None, b"", b"half a", b"\xff\x00", b"x" * 99_999])
def test_a_file_that_is_being_written(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token"
    file.write_text("good-token")
    found = credentials(HOST, {"KFP_TOKEN_FILE": str(file)})
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    assert not found.refresh()
    assert found.headers() == {"authorization": "Bearer good-token"}


def test_kubernetes_swaps_a_link(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(f"token-{name}")
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "token").symlink_to("data/token")
    found = credentials(HOST, {"KF_PIPELINES_SA_TOKEN_PATH": str(tmp_path / "token")})
    assert found.headers() == {"authorization": "Bearer token-one"}
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").replace(tmp_path / "data")
    assert found.headers() == {"authorization": "Bearer token-two"}


def test_a_pod_has_its_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    monkeypatch.setattr(signin, "SERVICE_ACCOUNT", file)
    assert credentials(HOST, {}).headers() == {}
    file.write_text(TOKEN)
    found = credentials(HOST, {})
    assert found.headers() == {"authorization": f"Bearer {TOKEN}"}
    assert found.describe() == f"the service account's token ({file})"
    other = credentials(HOST, {"KFP_TOKEN": "mine", "KF_PIPELINES_SA_TOKEN_PATH": str(file)})
    assert other.headers() == {"authorization": "Bearer mine"}, "what is set wins"


def test_a_token_that_has_expired_is_called_so() -> None:
    for end, said in ((1_700_000_000, "2023-11-14 22:13 UTC"), (99_999_999_999, "")):
        claims = base64.urlsafe_b64encode(json.dumps({"exp": end}).encode()).decode().rstrip("=")
        text = credentials(HOST, {"KFP_TOKEN": f"h.{claims}.s"}).describe()
        assert text == (f"KFP_TOKEN, which expired {said}," if said else "KFP_TOKEN")


@pytest.mark.parametrize("token", ["a.b.c", "a.e30.c", "a.bnVsbA.c", "a.eyJleHAiOiJ4In0.c", "..."])
def test_a_token_with_nothing_to_read_is_a_token(token: str) -> None:
    assert credentials(HOST, {"KFP_TOKEN": token}).describe() == "KFP_TOKEN"


ONE = {
    "KFP_TOKEN": TOKEN,
    "KFP_TOKEN_FILE": "/dev/null",
    "KFP_COOKIE": "session=s3cret",
    "KFP_USERNAME": USER,
}


@pytest.mark.parametrize("pair", itertools.combinations(ONE, 2))
def test_ways_that_contradict_each_other(pair: tuple[str, str]) -> None:
    environ = {name: ONE[name] for name in pair}
    line = refused(lambda: credentials(HOST, environ), 2)
    assert line == f"{pair[0]} and {pair[1]} are set, and only one can sign in: unset the others"
    empty = {**environ, pair[1]: " "}
    if pair[0] == "KFP_TOKEN":
        assert credentials(HOST, empty).describe() == "KFP_TOKEN", "what is empty is not set"


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        (
            {"KFP_TOKEN_FILE": "~nobody-here/token"},
            "KFP_TOKEN_FILE: '~nobody-here/token': No such file or directory: correct or unset it",
        ),
        (
            {"KFP_USERNAME": USER, "KFP_PASSWORD_FILE": "~nobody-here/word"},
            "KFP_PASSWORD_FILE: '~nobody-here/word': No such file or directory: correct or unset it",
        ),
        ({"KFP_USERNAME": USER}, "KFP_USERNAME is set, KFP_PASSWORD is not: set it, or none"),
        ({"KFP_PASSWORD": "p"}, "KFP_PASSWORD is set, KFP_USERNAME is not: set it, or none"),
        (
            {"KFP_PASSWORD_FILE": "/p"},
            "KFP_PASSWORD_FILE is set, KFP_USERNAME is not: set it, or none",
        ),
        ({"KFP_CONNECTOR": "x"}, "KFP_CONNECTOR is set, KFP_USERNAME is not: set it, or none"),
        (
            {**LOGIN, "KFP_PASSWORD_FILE": "/p"},
            "KFP_PASSWORD and KFP_PASSWORD_FILE are set: unset one",
        ),
        (
            {"KFP_USERNAME": USER, "KFP_PASSWORD_FILE": "/nowhere/p"},
            "KFP_PASSWORD_FILE: '/nowhere/p': No such file or directory: correct or unset it",
        ),
        (
            {"KFP_USERNAME": USER, "KFP_PASSWORD_FILE": "/dev/null"},
            "KFP_PASSWORD_FILE: '/dev/null' is empty: write the password",
        ),
        (
            {"KFP_TOKEN": TOKEN, "KFP_PASSWORD": PASSWORD},
            "KFP_TOKEN and KFP_PASSWORD are set, and only one can sign in: unset the others",
        ),
        (
            {**ONE, "KFP_PASSWORD": PASSWORD},
            "KFP_TOKEN and KFP_TOKEN_FILE and KFP_COOKIE and KFP_USERNAME are set, and only one "
            "can sign in: unset the others",
        ),
        (
            {"KFP_TOKEN": f"Bearer {TOKEN}"},
            "KFP_TOKEN has a space or a character that no token has: set it anew",
        ),
        (
            {"KFP_TOKEN": f"{TOKEN}\r\nX-Evil: 1"},
            "KFP_TOKEN has a space or a character that no token has: set it anew",
        ),
        (
            {"KFP_TOKEN_FILE": "/nowhere/t"},
            "KFP_TOKEN_FILE: '/nowhere/t': No such file or directory: correct or unset it",
        ),
        ({"KFP_TOKEN_FILE": "/"}, "KFP_TOKEN_FILE: '/': Is a directory: correct or unset it"),
        ({"KFP_TOKEN_FILE": "/dev/null"}, "KFP_TOKEN_FILE: '/dev/null' is empty: write the token"),
        (
            {"KFP_TOKEN_FILE": "/dev/zero"},
            "KFP_TOKEN_FILE: '/dev/zero' is too large: give another file",
        ),
        (
            {"KF_PIPELINES_SA_TOKEN_PATH": "/nowhere/t"},
            "KF_PIPELINES_SA_TOKEN_PATH: '/nowhere/t': No such file or directory: correct or unset it",
        ),
        *(
            (
                {"KFP_COOKIE": cookie},
                'KFP_COOKIE is no cookie: give it as the browser sends it: "name=value; name2=value2"',
            )
            for cookie in ("s3cret", "a=b\r\nX: 1", "a=b\nc=d", "a=\xe9", "Cookie: a=b", ";", "=x")
        ),
    ],
)
def test_what_cannot_be(environ: Mapping[str, str], line: str) -> None:
    assert refused(lambda: credentials(HOST, environ), 2) == line
