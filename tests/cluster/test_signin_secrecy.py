"""Runs by each way to sign in, and secrets that nobody gets to see."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest
import requests

from kfp_workbench.cluster import runs
from kfp_workbench.cluster.credentials import SignInError
from kfp_workbench.cluster.server import connect
from kfp_workbench.cluster.signin import credentials
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import venvs
from kfp_workbench.local.containers import ContainerRunner
from kfp_workbench.project import secrecy
from kfp_workbench.project.steps import Step
from servers.kfp_server import kfp_server
from servers.kubeflow_server import PASSWORD, USER, Kubeflow, Reply, Request, kubeflow
from shared.baking import PROJECT, environment, files_of, make
from shared.jobs import job, run
from shared.signing_in import HOST, LOGIN, TOKEN, Authority, user

# A run, each way


def ways(folder: Path, server: Kubeflow) -> dict[str, dict[str, str]]:
    """Return the variables of each way to sign in, with something good in them."""
    for name in ("token", "password"):
        (folder / name).write_text({"token": TOKEN, "password": PASSWORD}[name])
    session = "5e55101" * 8
    server.sessions.add(session)
    return {
        "token": {"KFP_TOKEN": TOKEN},
        "token-file": {"KFP_TOKEN_FILE": str(folder / "token")},
        "cookie": {"KFP_COOKIE": f"{server.session}={session}"},
        "service-account": {"KF_PIPELINES_SA_TOKEN_PATH": str(folder / "token")},
        "dex": LOGIN,
        "dex-file": {"KFP_USERNAME": USER, "KFP_PASSWORD_FILE": str(folder / "password")},
    }


WAYS = ("token", "token-file", "cookie", "service-account", "dex", "dex-file")


@pytest.mark.parametrize("way", WAYS)
def test_a_run_is_submitted(
    default: Path, package: Path, tmp_path: Path, authority: Authority, way: str
) -> None:
    """Through the gateway, encrypted, and no way leaves a trace of its secret."""
    with (
        kfp_server(multi_user=True) as kfp,
        kubeflow(backend=kfp.url, tokens={TOKEN}, context=authority.server()) as gateway,
    ):
        settings = {
            "KFP_HOST": gateway.url,
            "KFP_CA": str(authority.path),
            "KFP_NAMESPACE": "team-a",
            "ALLOW_UNPINNED": "1",
            "HOME": str(tmp_path),
        }
        environ = ways(tmp_path, gateway)[way]
        result = subprocess.run(
            [sys.executable, "-m", "kfp_workbench", "run"],
            cwd=default,
            env=environment({**settings, **environ}),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == 0, result.stderr
        (run,) = kfp.runs
        assert json.loads(result.stdout)["run_id"] == run["run_id"]
        assert len(gateway.passwords) == (1 if way.startswith("dex") else 0)
        hidden = [TOKEN, PASSWORD, *gateway.sessions]
    written = {**files_of(default / "build"), **files_of(tmp_path)}
    kept = {name: text for name, text in written.items() if name not in ("token", "password")}
    for text in (result.stdout.encode(), result.stderr.encode(), *kept.values()):
        assert not [secret for secret in hidden if secret.encode() in text]


@pytest.mark.parametrize("proxy", ["oauth2-proxy", "authservice"])
def test_a_session_that_ends_while_it_is_needed(package: Path, proxy: str) -> None:
    """The one answers 401 then, the other one with a redirect."""
    with kfp_server() as kfp, kubeflow(proxy=proxy, backend=kfp.url) as gateway:
        connected = connect(gateway.url, credentials=user(gateway.url))
        gateway.sessions.clear()
        numbers = {"context": {"numbers": [1]}}
        runs.submit(connected, package, numbers, experiment="e", run_name="r")
        assert len(kfp.runs) == 1 and gateway.passwords == [PASSWORD] * 2


@pytest.mark.parametrize(
    ("way", "line"),
    [
        ("token", "sign in anew, KFP_TOKEN is refused"),
        ("token-file", "sign in anew, KFP_TOKEN_FILE ({folder}/token) is refused"),
        ("cookie", "sign in anew, KFP_COOKIE is refused"),
        ("dex", "refuses the password of 'user@example.com': check KFP_USERNAME and"),
    ],
)
@pytest.mark.parametrize("proxy", ["oauth2-proxy", "authservice"])
def test_who_is_not_let_in_is_told_why(tmp_path: Path, proxy: str, way: str, line: str) -> None:
    with kubeflow(proxy=proxy, users={}) as gateway:
        found = credentials(gateway.url, ways(tmp_path, gateway)[way])
        gateway.sessions.clear()
        with pytest.raises(SignInError) as caught:
            connect(gateway.url, credentials=found)
    assert line.format(folder=tmp_path) in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_repeats_what_it_is_sent(tmp_path: Path, way: str) -> None:
    """The message of KFP, and how it is cut, shows no part of any secret."""
    with kubeflow(tokens={TOKEN}) as gateway:
        found = credentials(gateway.url, ways(tmp_path, gateway)[way])
        for length in (0, 250, 299):

            def repeat(request: Request, length: int = length) -> Reply:
                said = [request.headers.get(name, "") for name in ("authorization", "cookie")]
                text = "x" * length + " ".join([*said, PASSWORD if "dex" in way else ""])
                return Reply(400, json.dumps({"message": text}))

            gateway.instead["/apis/v2beta1/healthz"] = repeat
            with pytest.raises(WorkbenchError) as caught:
                connect(gateway.url, credentials=found)
            line = str(caught.value)
            assert "***" in line or length == 299
            for secret in (TOKEN, PASSWORD, *gateway.sessions):
                assert not [secret[:n] for n in range(3, len(secret)) if secret[:n] in line]


# Secrets


@pytest.mark.parametrize(
    "environ", [{"KFP_TOKEN": TOKEN}, {"KFP_COOKIE": f"session={TOKEN}"}, LOGIN]
)
def test_no_object_shows_its_secret(environ: Mapping[str, str]) -> None:
    found = credentials(HOST, environ)
    texts = [repr(found), str(found), found.describe()]
    if environ is not LOGIN:
        texts.append(repr(found.headers()))
    assert not [text for text in texts if TOKEN in text or PASSWORD in text]


@pytest.mark.parametrize(
    "text",
    [
        PASSWORD,
        f"({PASSWORD!r})",
        json.dumps({"password": PASSWORD}),
        json.dumps({"password": PASSWORD}, ensure_ascii=False),
        requests.models.RequestEncodingMixin._encode_params({"password": PASSWORD}),
        requests.utils.quote(PASSWORD),
        "s3cret &#43;&amp;&#34;%é pass",
        "s3cret +&amp;&quot;%é pass",
    ],
)
def test_a_secret_is_hidden_however_a_server_echoes_it(text: str) -> None:
    shown = secrecy.Mask([PASSWORD], shortest=1)(text)
    assert "s3cret" not in shown and "***" in shown


def test_of_two_secrets_the_longer_one_is_hidden_first() -> None:
    assert secrecy.Mask(["abc", "", "session=abcdef"], shortest=1)("a session=abcdef") == "a ***"


def test_steps_and_builds_get_no_way_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*secrecy.SIGN_IN, "MAKEFLAGS", "MAKEOVERRIDES"):
        monkeypatch.setenv(name, "s3cret")
    given: list[Any] = []

    def run(words: Any, **more: Any) -> Any:
        given.append(more.get("env"))
        if "install" in words:
            raise WorkbenchError("not here")
        return real(words, **more)

    real = subprocess.run
    monkeypatch.setattr("kfp_workbench.setup.installers.subprocess.run", run)
    folder = tmp_path / "steps" / "add"
    folder.mkdir(parents=True)
    (folder / "requirements.txt").write_text("numpy")
    with pytest.raises(WorkbenchError, match="not here"):
        venvs.python_folder(Step("add", folder), tmp_path)
    assert given
    for environ in given:
        assert "s3cret" not in environ.values() and "PATH" in environ


def test_containers_get_no_way_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in secrecy.SIGN_IN:
        monkeypatch.setenv(name, "s3cret")
    given: dict[str, Any] = {}

    def create(image: str, **options: Any) -> None:
        given.update(options)
        raise docker.errors.DockerException("not here")

    images = SimpleNamespace(get=lambda image: None)
    client = SimpleNamespace(containers=SimpleNamespace(create=create), images=images, info=dict)
    own = {"SEED": "1"}
    made = job("add:1", ["python", "main.py"], tmp_path, own, is_rooted=True)
    assert run(ContainerRunner(client, "run"), made)[0] == 125
    assert given["environment"] == own and "s3cret" not in str(given)


SIGN_IN = {*secrecy.SIGN_IN, "KFP_CONNECTOR", "KFP_CA"}


def test_make_runs_nothing_that_a_secret_holds(project: Path) -> None:
    """Not even where it stands on make's command line: see `literally` there."""
    text = (PROJECT / "Makefile").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("SIGN_IN := ")]
    assert set(line.split()[2:]) == SIGN_IN
    for value in ("$(shell touch pwned)", "$$(touch pwned)", "`touch pwned`", "'; touch pwned; '"):
        given = [f"{name}={value}" for name in SIGN_IN]
        assert make(project, "help", *given).returncode == 0
        assert make(project, "help", env=dict.fromkeys(SIGN_IN, value)).returncode == 0
    assert not (project / "pwned").exists()


@pytest.mark.parametrize("where", ["command line", "environment"])
def test_make_hands_a_secret_on_as_it_is(project: Path, where: str) -> None:
    value = "a$b $$c #d 'e' \"f\" \\g %h"
    said = "import os, sys; sys.stdout.write(os.environ['KFP_PASSWORD'])"
    (project / "said.py").write_text(said)
    words = [f"KFP_PASSWORD={value}"] if where == "command line" else []
    env = {} if words else {"KFP_PASSWORD": value}
    result = make(project, "check", f"WORKBENCH={sys.executable} said.py", *words, env=env)
    assert (result.stdout, result.returncode) == (value, 0)
