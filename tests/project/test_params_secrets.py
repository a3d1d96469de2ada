"""Secrets among parameters: no message repeats them."""

import json
import re
from pathlib import Path

import pytest

from servers.kfp_server import KfpServer, Request
from servers.kfp_server.refusals import RefusalError
from shared.baking import make
from shared.parameters import NO_ENGINE, Folder, refused, run

SECRET = 'hun"ter 22é'


@pytest.mark.parametrize(
    ("text", "assignments"),
    [
        ("password: [hush-hush]", []),
        ("password: 12345678901", []),
        ("password: !!bool hush-hush", []),
        ("password:\n  !!int hush-hush", []),
        ("password: *hush-hush", []),
        ("x: {password: *hush-hush}", []),
        ("password: %hush-hush", []),
        ("password: !hush-hush x", []),
        ("password: hush-hush: x", []),
        ("password: ${PASSWORD", []),
        ("password: ${A-hush}", []),
        ("pin_code_secret: hush-hush", []),
        ("pin_code_secret: ${WORD}", []),
        ("count: ${DB_PASSWORD}", []),
        ("count: ${A_SECRET_LIST}", []),
        ("names: {password: hush-hush, x: [{token: hush-hush}]}", []),
        ("context: [{password: hush-hush}]", []),
        ("context: {password: {x: 12345678901e999}, a: .inf}", []),
        ("context: {password: 2024-01-01}", []),
        ("count: a ${DB_PASSWORD}", []),
        (".settings: {host: '${DB_PASSWORD}'}", []),
        (".settings: {namespace: 'X ${DB_PASSWORD}'}", []),
        (".settings: {experiment: '" + "x" * 130 + "${DB_PASSWORD}'}", []),
        ("{}", ["password:hush-hush"]),
        ("{}", ["pin_code_secret=hush-hush"]),
        ("{}", ["pin_code_secret=[12345678901]"]),
        ("{}", ["other_password=hush-hush"]),
        ("{}", ['context={"password": "hush-hush", "password": 1}']),
        ("{}", ['names={"password": "hush-hush"}']),
    ],
)
def test_no_message_repeats_a_secret(
    folder: Folder, capsys: pytest.CaptureFixture[str], text: str, assignments: list[str]
) -> None:
    folder.declare()
    environ = {
        "DB_PASSWORD": "hush-hush",
        "WORD": "hush-hush",
        "A_SECRET_LIST": '["hush-hush"]',
        "PASSWORD": "x",
    }
    lines = refused(capsys, lambda: folder.run(text, *assignments, **environ))
    assert not re.search("hush-|12345678901|2024", "\n".join(lines)), lines


def test_no_note_repeats_a_secret(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    number = 2**60 + 1
    folder.read(f"context: {{}}\npin_code_secret: {number}\n")
    assert capsys.readouterr().err == (
        "note: params/prod.yaml:2: pin_code_secret: *** becomes ***: KFP carries doubles\n"
    )


def test_a_secret_on_the_command_line_is_warned_of_once(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    given = folder.run("context: {}", "password=hush-hush", "pin_code_secret=123456")
    assert given.parameters["password"] == "hush-hush"
    assert given.secrets == {"hush-hush", "123456"}
    assert capsys.readouterr().err == (
        "note: -p password, pin_code_secret: command lines are seen by others (ps, the shell's "
        "history): write `password: ${PASSWORD}` in params/prod.yaml, and export that\n"
    )
    folder.run("context: {}\npassword: ${PASSWORD}", PASSWORD="hush-hush")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "place", "cure"),
    [
        ("password: hush-hush", "2: password", "password: ${PASSWORD}"),
        ("context: {url: x, db-token: hush}", "2: context.db-token", "db-token: ${DB_TOKEN}"),
        (
            "context: {credentials: {user: hush}}",
            "2: context.credentials.user",
            "user: ${CREDENTIALS_USER}",
        ),
        ("names: [{secrets: [hush]}]", "2: names[0].secrets[0]", "${SECRETS_0}"),
        ("password: $${hush}", "2: password", "password: ${PASSWORD}"),
    ],
)
def test_a_secret_that_is_written_down_is_noted(
    folder: Folder, capsys: pytest.CaptureFixture[str], text: str, place: str, cure: str
) -> None:
    folder.declare()
    folder.run(f"# why\n{text}")
    said = capsys.readouterr().err
    assert said == f"note: params/prod.yaml:{place} looks like a secret: write {cure}\n"


@pytest.mark.parametrize(
    "text",
    [
        "password: ''",
        "password: ${PASSWORD}",
        "password: Bearer ${PASSWORD}",
        "pin_code_secret: 1",
        "text: hush",
        "context: {secret_name: hush, max_tokens: '5'}",
    ],
)
def test_what_is_no_secret_or_written_elsewhere_is_not_noted(
    folder: Folder, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    folder.declare()
    folder.run(text, PASSWORD="hush")
    assert capsys.readouterr().err == ""


def test_a_missing_secret_is_not_asked_for_on_the_command_line(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.declare("password")
    (line,) = refused(capsys, folder.read, "{}")
    assert line.endswith(
        "has no value: write `password: ${PASSWORD}` in params/prod.yaml, and export that"
    )


def test_what_is_hidden_is_known(folder: Folder) -> None:
    text = """
context: {url: "db://u:${DB_PASSWORD}@h", deep: [{api_key: 12345}], plain: "${WORD}",
  credentials: {user: someone, of: [team]}}
names: ${A_SECRET_LIST}
.settings: {experiment: "x ${A_TOKEN}"}
"""
    environ = {"DB_PASSWORD": SECRET, "WORD": "abc", "A_SECRET_LIST": '["inner"]'}
    given = folder.run(text, **environ, A_TOKEN="t0ken")
    assert given.secrets == {
        *(SECRET, "12345", "someone", "team", "inner", '["inner"]', "t0ken"),
    }


def test_a_local_run_prints_no_secret(project: Path) -> None:
    """What a step prints of it neither, on the screen and in its log."""
    script = project / "steps" / "add" / "main.py"
    noise = "import sys\nprint(sys.argv, flush=True)\nimport logging\n"
    script.write_text(script.read_text().replace("import logging\n", noise, 1))
    text = 'context: {numbers: [1], password: "${DB}", url: "db://u:${DB_PASSWORD}@h"}\n'
    (project / "params" / "prod.yaml").write_text(text)
    env = {**NO_ENGINE, "DB": SECRET, "DB_PASSWORD": "hush-hush"}
    result = make(project, "local", "ENV=prod", "RUNNER=process", env=env)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["Output"] == {
        "numbers": [1.0],
        "password": "***",
        "url": "db://u:***@h",
        "sum": 1.0,
        "average": 1.0,
    }
    assert "note: the result holds a secret parameter: it is shown as ***" in result.stderr
    (log,) = (project / "build" / "local").glob("*/logs/*-add.log")
    for printed in (result.stdout, result.stderr, log.read_text()):
        assert "hush" not in printed and "ter 22" not in printed
    assert "add | ['main.py', '--executor-input', '{" in result.stderr and "@h" in log.read_text()


def test_a_server_that_repeats_a_secret_does_not_get_it_printed(
    project: Path, server: KfpServer
) -> None:
    def refuse(request: Request) -> None:
        if request.method == "POST" and request.path.endswith("/runs"):
            given = json.dumps(request.body["runtime_config"]["parameters"])
            raise RefusalError(400, 3, f"I do not take {given}")

    server.before = refuse
    (project / "params" / "prod.yaml").write_text('context: {password: "${X}"}\n')
    result = run(project, "ENV=prod", KFP_HOST=server.url, X=SECRET)
    assert result.returncode != 0 and result.stdout == ""
    assert 'I do not take {"context": {"password": "***"}}' in result.stderr
    assert "ter 22" not in result.stderr


def test_a_forgotten_flag_does_not_repeat_a_secret(default: Path) -> None:
    for arguments in ("password=hush hush", "--password=hush", "-p a=1 'db_password: hush'"):
        result = make(default, "local", f"ARGS={arguments}", env=NO_ENGINE)
        assert result.returncode != 0 and "hush" not in result.stderr
        assert "password" in result.stderr
