"""What looks secret, and how it is kept off the screen."""

import json

import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import secrecy

SECRET = 'hun"ter 22é'


@pytest.mark.parametrize(
    "name",
    [
        *("password", "PASSWORD", "db_password", "dbPassword", "password2", "password_prod"),
        *("passwd", "passphrase", "smtp_pass", "pwd", "mysqlpassword", "passwords"),
        *("secret", "client_secret", "secret_key", "clientSecret", "secret-value", "secrets"),
        *("token", "TOKEN", "hf_token", "HF_TOKEN", "githubToken", "token_github", "api_tokens"),
        *("api_key", "apikey", "apiKey", "API_KEY", "API-KEY", "x_api_key", "openai_apikey"),
        *("private_key", "private_key_pem", "access_key", "AWS_SECRET_ACCESS_KEY", "ssh_key"),
        *("credential", "credentials", "db_creds", "credentials_json", "session_cookie"),
        *("connection_string", "encryption_key", "jwt", "authorization"),
    ],
)
def test_names_that_look_secret(name: str) -> None:
    assert secrecy.is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *("tokenizer", "max_tokens", "maxTokens", "tokens", "num_token", "n_tokens", "pad_token"),
        *("eos_token_id", "token_count", "token_classification", "token_ids", "tokenized"),
        *("password_file", "token_file", "TOKEN_PATH", "secret_name", "credentials_path"),
        *("password_length", "min_password_length", "token_url", "secret_version", "token_type"),
        *("key", "keys", "public_key", "primary_key", "cache_key", "sort_key", "access_key_id"),
        *("monkey", "keyboard", "author", "compass", "bypass", "pass_rate", "passenger", "passes"),
        *("secretary", "cookies", "context", "numbers", "threshold", "bearing", ""),
    ],
)
def test_names_that_do_not(name: str) -> None:
    assert not secrecy.is_secret(name)


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        repr(SECRET),
        json.dumps({"a": [SECRET]}),
        "https://u:hun%22ter%2022%C3%A9@host",
        f"x{SECRET}x{SECRET}",
    ],
)
def test_secrets_are_masked_however_they_are_written(written: str) -> None:
    masked = secrecy.Mask([SECRET, "hun"])(f"before {written} after")
    assert "***" in masked and "ter" not in masked.replace("after", "")
    assert masked.startswith("before ") and masked.endswith(" after")


def test_what_is_masked_and_what_is_not() -> None:
    mask = secrecy.Mask(["abc", "", "two\nlines of it", "12345", "longer secret", "longer"])
    assert mask("abc") == "abc", "too short to be told from other words"
    assert mask("line: lines of it") == "line: ***"
    assert mask("longer secret") == "***"
    assert mask.result({"a": [12345, 1, True, None, "x 12345"], "k12345": 1.5}) == {
        "a": ["***", 1, True, None, "x ***"],
        "k***": 1.5,
    }
    assert secrecy.Mask()("anything") == "anything"
    assert secrecy.Mask(["no \udcff UTF-8"])("x no \udcff UTF-8") == "x ***"


def test_values_are_shown_without_secrets() -> None:
    given = {"password": "x", "context": {"api_key": [1], "n": [{"token": 1, "m": 2}]}, "t": "u"}
    assert secrecy.hide(given) == {
        "password": "***",
        "context": {"api_key": "***", "n": [{"token": "***", "m": 2}]},
        "t": "u",
    }
    assert secrecy.hide("x", "password") == "***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password=hush", "password=***"),
        ("unrecognized arguments: password=hush hush", "unrecognized arguments: password=***"),
        ("a=b db_password : hush", "a=b db_password : ***"),
        ('{"n": 1, "api_key": ["hush"]}', '{"n": 1, "api_key": ***'),
        ("argument --env: a=b", "argument --env: a=b"),
        ("the password", "the password"),
    ],
)
def test_what_is_assigned_to_a_secret_name_is_hidden(text: str, shown: str) -> None:
    assert secrecy.hide_assignments(text) == shown


def test_an_error_keeps_its_kind_and_status() -> None:
    class OtherError(WorkbenchError):
        pass

    with (
        pytest.raises(OtherError, match=r"^a \*\*\* b$") as caught,
        secrecy.Mask(["hush"]).errors(),
    ):
        raise OtherError("a hush b", 2)
    assert caught.value.status == 2 and caught.value.__suppress_context__
