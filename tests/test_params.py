"""Parameters, and the environments that runs go to: ``params/<ENV>.yaml``, ``-p``, variables."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import bake, make, submitted
from kfp_server import KfpServer, Request, kfp_server
from kfp_server.refusals import RefusalError
from test_submitted_caching import cached

from ops import environments, params, settings, values
from ops.check import check_project
from ops.errors import OpsError

KINDS = {
    "context": "STRUCT",
    "text": "STRING",
    "count": "NUMBER_INTEGER",
    "ratio": "NUMBER_DOUBLE",
    "on": "BOOLEAN",
    "names": "LIST",
    "password": "STRING",
    "pin_code_secret": "NUMBER_INTEGER",
}
SECRET = 'hun"ter 22é'
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}


class Folder:
    """A compiled pipeline, as far as parameters go, and its params/prod.yaml."""

    def __init__(self, path: Path) -> None:
        self.file = path / "params" / "prod.yaml"
        self.file.parent.mkdir()
        self.package = path / "pipeline.yaml"
        self.declare("context")

    def declare(self, *required: str) -> None:
        """Declare all parameters; those that are not required are optional."""
        declared = {
            name: {"parameterType": kind, **({} if name in required else {"isOptional": True})}
            for name, kind in KINDS.items()
        }
        spec = {"root": {"inputDefinitions": {"parameters": declared}}}
        self.package.write_text(json.dumps(spec), encoding="utf-8")

    def read(self, text: str, *assignments: str, **environ: str) -> dict[str, Any]:
        self.file.write_text(text, encoding="utf-8")
        return params.read_parameters(self.package, self.file, assignments, environ)

    def run(self, text: str, *assignments: str, **environ: str) -> environments.Environment:
        """Read what `make run` does."""
        self.file.write_text(text, encoding="utf-8")
        return environments.read(
            self.package, self.file, assignments, submitting=True, environ=environ
        )


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def refused(
    capsys: pytest.CaptureFixture[str], read: Any, *arguments: str, **env: str
) -> list[str]:
    """Return the lines that a refusal prints, without the last one if there are several."""
    with pytest.raises(OpsError) as caught:
        read(*arguments, **env)
    assert caught.value.status == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    if not lines:
        return [str(caught.value)]
    assert str(caught.value) == f"{len(lines)} problems, see above: nothing was started"
    return lines


# What is refused, and where


PROBLEMS: dict[str, tuple[str, str]] = {
    "no-yaml": ("context: {}\nx: [1", "3: no valid YAML: "),
    "no-mapping": ("# why\n- 1", "2: holds no parameters by name: write one `name: value` per line"),
    "infinite": (
        "context:\n  numbers:\n  - 1\n  - 1e400\n",
        "4: context.numbers[1]: inf is beyond the numbers that KFP can carry (doubles): write "
        "another",
    ),
    "too-large": (f"context: {{n: [1{'0' * 400}]}}", "1: context.n[0]: 1000"),
    "date": (
        "context: {day: 2024-01-31}",
        "1: context.day: datetime.date(2024, 1, 31) is a date: JSON has none, put it in quotes",
    ),
    "no-date": ("context: {day: 2024-13-45}", "1: no valid YAML: '2024-13-45' is no timestamp"),
    "key-no-text": (
        "context:\n  a: 1\n  1: 2\n",
        "3: context: the key 1 is a whole number: put it in quotes",
    ),
    "twice": ("context: {}\n\ncontext: {}", "3: no valid YAML: the key 'context' is there twice"),
    "twice-within": ("context:\n  a: 1\n  a: 2", "3: no valid YAML: the key 'a' is there twice"),
    "missing": ("{}", "1: parameter 'context' has no value: add it to params/prod.yaml or ARGS="),
    "unknown": ("context: {}\nnope: 1", "2: the pipeline has no parameter 'nope': it has context, "),
    "settings-misspelt": ("context: {}\n.seting: 1", "secret; settings stand under .settings"),
    "name-no-text": ("context: {}\non: 1", "2: YAML reads this name as True: put it in quotes"),
    "another-type": (
        "context: [1]",
        "1: context: [1] is a list, not a JSON object: write a JSON object",
    ),
    "no-text": ("context: {}\ntext: 1", "2: text: 1 is a whole number, not text: put it in quotes"),
    "no-number": ("context: {}\ncount: true", "true or false, not a whole number: write a whole"),
    "no-integer": ("context: {}\ncount: 1.0", "count: 1.0 is a number, not a whole number"),
    "nothing": (
        "context: {}\ncount:",
        "2: count: None is nothing, not a whole number: give one, or take the line out",
    ),
    "nul": ('context: {}\ntext: "a\\0b"', "2: text: has a NUL character, which no command line"),
    "unset": (
        'context:\n  a: ["${NOT_SET}"]\n',
        "2: context.a[0]: the variable NOT_SET is not set: export it, or write $${ for a "
        "literal ${",
    ),
    "malformed": (
        "context: {}\ntext: ${NAME:-x}",
        "2: text: has a ${ without a name and a }: write ${NAME}, or $${ for a literal ${",
    ),
    "unclosed": ("context: {}\ntext: a ${", "2: text: has a ${ without a name and a }: "),
    "unquoted": ("context: {a: ${HOME}}", 'within [ ] and { }, put "${NAME}" in quotes'),
    "part-of-a-number": (
        "context: {}\ncount: 1${ONE}",
        "2: count: '11' is text, not a whole number: write a whole number",
    ),
    "variable-no-number": (
        "context: {}\ncount: ${WORD}",
        "2: count: ${WORD} is 'abc', which is not a whole number: export one that fits",
    ),
    "variable-of-another-type": (
        "context: {}\nnames: ${ONE}",
        "2: names: 1 is a whole number, not a JSON list: write a JSON list",
    ),
    "variable-with-a-key-twice": ("context: ${TWICE}", "which has the key 'a' twice"),
    "variable-nested-without-end": ("context: ${DEEP}", "is nested more than 100 levels deep"),
    "variable-no-unicode": (
        "context: {}\ntext: ${BYTES}",
        "2: text: has a character that is no Unicode: leave it out",
    ),
}  # fmt: skip
ENVIRON = {
    "ONE": "1",
    "WORD": "abc",
    "TWICE": '{"a": 1, "a": 2}',
    "DEEP": f'{{"a": {"[" * 200}{"]" * 200}}}',
    "BYTES": "\udcff",
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_a_problem_is_one_line_with_its_place(
    folder: Folder, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    text, words = PROBLEMS[case]
    (line,) = refused(capsys, folder.read, text, **ENVIRON)
    if words.partition(": ")[0].isdigit():
        assert line.startswith(f"params/prod.yaml:{words}")
    else:
        assert re.match(r"params/prod\.yaml:\d+: ", line) and words in line
    assert line.isprintable() and len(line) < 300


@pytest.mark.parametrize(
    ("assignment", "line"),
    [
        ("nope=1", "-p: the pipeline has no parameter 'nope': it has context, "),
        (".settings={}", "-p: the pipeline has no parameter '.settings': it has context, "),
        ("context=1", "-p: context: 1 is a whole number, not a JSON object: write a JSON object"),
        ("context={", "-p: context: '{' is not a JSON object"),
        ("context", "-p 'context': write -p name=value"),
        ("=1", "-p '=1': write -p name=value"),
        ('context={"n": [NaN]}', "-p: context.n[0]: nan is beyond the numbers"),
        ('context={"a": 1, "a": 2}', "has the key 'a' twice"),
        ('context={"a": "\\ud800"}', "-p: context.a: has a character that is no Unicode"),
        ('context={"\\ud800": 1}', "-p: context: a key has a character that is no Unicode"),
        ("context=" + "[" * 900 + "]" * 900, "is nested more than 100 levels deep"),
        ("count=${ONE}", "-p: count: '${ONE}' is not a whole number"),
    ],
)
def test_what_is_wrong_on_the_command_line_says_so(
    folder: Folder, capsys: pytest.CaptureFixture[str], assignment: str, line: str
) -> None:
    (found,) = refused(capsys, lambda: folder.read("context: {}", assignment, ONE="1"))
    assert line in found and found.isprintable()


def test_all_problems_are_said_at_once_by_line(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    text = """\
# Production
.settings:
  caching: maybe
  hots: x
nope: 1
context:
  numbers: [1, .inf]
  when: 2024-01-01
count: ${COUNT}
text: [1]
"""
    folder.declare("context", "names")
    lines = refused(capsys, folder.run, text, "ratio=x", "on=1")
    assert [line.partition(": ")[0] for line in lines] == [
        *(f"params/prod.yaml:{number}" for number in (2, 3, 4, 5, 7, 8, 9, 10)),
        *("-p", "-p"),
    ]
    assert "parameter 'names' has no value" in lines[0]


def test_a_thousand_problems_are_not_all_shown(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(OpsError, match=r"^1000 problems, see above"):
        folder.read(f"context: {{n: [{', '.join(['.inf'] * 1000)}]}}")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 51 and lines[-1] == "... and 950 more"


def test_each_environment_has_its_parameters(project: Path) -> None:
    """End to end: nothing is started when something is wrong."""
    (project / "params" / "prod.yaml").write_text("context: {numbers: [10]}\n")

    def local(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return make(project, "local", "RUNNER=process", *arguments, env=NO_ENGINE)

    assert json.loads(local("ENV=prod").stdout)["Output"]["average"] == 10
    for arguments, line in (
        (["ENV=stage"], "error: params/stage.yaml: No such file or directory: make it"),
        (["ENV=../x"], "error: ENV='../x': use letters, digits"),
        (["ARGS=-p nope=1 -p context=1"], "error: 2 problems, see above: nothing was started"),
    ):
        result = local(*arguments)
        assert result.returncode != 0 and result.stdout == "" and ": started" not in result.stderr
        lines = [text for text in result.stderr.splitlines() if not text.startswith("make:")]
        assert lines[-1].startswith(line)
        assert len([text for text in lines if text.startswith("error: ")]) == 1


def test_a_rounded_integer_is_noted(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    number = 2**53 + 1
    folder.read(f"context:\n  n:\n  - {number}\n", f"names=[{number}]")
    assert capsys.readouterr().err.splitlines() == [
        f"note: params/prod.yaml:3: context.n[0]: {number} becomes {float(number)}: "
        "KFP carries doubles",
        f"note: -p: names[0]: {number} becomes {float(number)}: KFP carries doubles",
    ]


# What arrives


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("text: a ${ONE} b${WORD}", {"text": "a 1 babc"}),
        ("text: $${ONE} $ONE $$ $$${ONE} }", {"text": "${ONE} $ONE $$ $${ONE} }"}),
        ("text: ${ONE}", {"text": "1"}),
        ("text: ${YAML}", {"text": "{a: [1, 2]}"}),
        ("text: ${NESTED}", {"text": "${ONE} $${ONE} ${NOT_SET}"}),
        ("text: ${EMPTY}", {"text": ""}),
        ("text: |\n  a\n  ${WORD}\n", {"text": "a\nabc\n"}),
        ("count: ${ONE}", {"count": 1}),
        ("ratio: ${ONE}", {"ratio": 1.0}),
        ('"on": ${TRUE}', {"on": True}),
        ("names: ${LIST}", {"names": ["${ONE}", 1]}),
        ("context: ${OBJECT}", {"context": {"a": {"b": "${ONE}"}}}),
        ('names: ["${ONE}", "x${ONE}"]', {"names": ["1", "x1"]}),
        ('context: {"${ONE}": "${ONE}"}', {"context": {"${ONE}": "1"}}),
        ("text: ${_a1}", {"text": "x"}),
    ],
)
def test_variables(folder: Folder, text: str, expected: dict[str, Any]) -> None:
    environ = {
        **ENVIRON,
        "YAML": "{a: [1, 2]}",
        "NESTED": "${ONE} $${ONE} ${NOT_SET}",
        "EMPTY": "",
        "TRUE": "true",
        "LIST": '["${ONE}", 1]',
        "OBJECT": '{"a": {"b": "${ONE}"}}',
        "_a1": "x",
    }
    folder.declare()
    found = folder.read(text, **environ)
    assert found == expected
    assert [type(value) for value in found.values()] == [type(v) for v in expected.values()]


def test_what_is_not_used_needs_no_variable(folder: Folder) -> None:
    """The command line wins over the file, and variables such as KFP_HOST over its settings."""
    text = "context: {}\ncount: ${COUNT}\n.settings: {host: '${HOST}', experiment: '${E}'}\n"
    found = folder.run(text, "count=2", KFP_HOST="http://x", KFP_EXPERIMENT="y")
    assert found.parameters == {"context": {}, "count": 2}
    folder.file.write_text(text, encoding="utf-8")
    local = environments.read(
        folder.package, folder.file, ["count=2"], submitting=False, environ={}
    )
    assert local.parameters == {"context": {}, "count": 2} and local.settings == {}


def test_a_byte_order_mark_is_no_part_of_the_file(folder: Folder) -> None:
    assert folder.read("\ufeffcontext: {}") == {"context": {}}


def test_what_is_no_utf8_is_refused(folder: Folder) -> None:
    folder.file.write_bytes(b"text: \xff")
    with pytest.raises(OpsError, match=r"^params/prod\.yaml: it is no UTF-8"):
        params.read_parameters(folder.package, folder.file, [], {})


# Settings


def test_settings_are_read(folder: Folder) -> None:
    text = """
context: {}
.settings:
  host: https://kfp.example.com/
  namespace: team-a
  experiment: nightly-${WHEN}
  experiment_description: Every night
  service_account: pipeline-runner.v2
  caching: ${CACHING}
"""
    assert folder.run(text, WHEN="2 am", CACHING="false") == (
        {"context": {}},
        {
            "host": "https://kfp.example.com/",
            "namespace": "team-a",
            "experiment": "nightly-2 am",
            "experiment_description": "Every night",
            "service_account": "pipeline-runner.v2",
            "caching": False,
        },
        frozenset(),
    )


SETTING_PROBLEMS: dict[str, tuple[str, str]] = {
    "unknown": (
        "hots: x",
        ".settings has no 'hots': it has host, namespace, experiment, experiment_description, "
        "service_account, caching",
    ),
    "host": ("host: kfp.example.com", ".settings.host: 'kfp.example.com' is no http or https URL: "),
    "host-with-a-login": ("host: https://me:hush@x", ".settings.host: has a login in it: leave it"),
    "host-no-text": ("host: 8080", ".settings.host: 8080 is a whole number, not text: put it in"),
    "host-of-a-variable": ("host: ${BAD}", ".settings.host: 'x y' has a character that no URL has"),
    "unset": ("host: ${NOT_SET}", ".settings.host: the variable NOT_SET is not set: export it"),
    "namespace": ("namespace: Team A", ".settings.namespace: 'Team A' is not a valid name: use a-z"),
    "long-namespace": (f"namespace: {'a' * 64}", "has 64 characters: use at most 63"),
    "nothing": ("namespace:", ".settings.namespace: None is nothing, not text: give one, or take"),
    "experiment": ("experiment: ''", ".settings.experiment: '' has 0 characters: use 1 to 128"),
    "long-experiment": (f"experiment: {'x' * 129}", "has 129 characters: use 1 to 128"),
    "experiment-of-lines": ('experiment: "a\\nb"', "has the control character U+000A: write one"),
    "long-description": (f"experiment_description: {'x' * 256}", "256 characters: use 1 to 255"),
    "account": (
        "service_account: a_b",
        ".settings.service_account: 'a_b' is not a valid name: use a-z, 0-9, and dashes and dots",
    ),
    "long-account": (f"service_account: {'a.' * 127}a", "has 255 characters: use at most 253"),
    "account-with-dots": ("service_account: a..b", "'a..b' is not a valid name"),
    "caching": ("caching: 'no'", ".settings.caching: 'no' is text, not true or false: write true"),
    "twice": ("host: http://a\n  host: http://b", "no valid YAML: the key 'host' is there twice"),
}  # fmt: skip


@pytest.mark.parametrize("case", SETTING_PROBLEMS)
def test_a_wrong_setting_is_one_line_with_its_place(
    folder: Folder, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    text, words = SETTING_PROBLEMS[case]
    whole = f"context: {{}}\n.settings:\n  {text}\n"
    (line,) = refused(capsys, folder.run, whole, BAD="x y")
    place = "params/prod.yaml:4: " if case == "twice" else "params/prod.yaml:3: "
    assert line.startswith(place) and words in line and "hush" not in line
    folder.file.write_text(whole, encoding="utf-8")
    with pytest.raises(OpsError) as caught:
        environments.read_settings(folder.file, {"BAD": "x y"})
    assert str(caught.value) == line


def test_settings_that_are_none(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = refused(capsys, folder.run, "context: {}\n.settings: [host]")
    assert line == (
        "params/prod.yaml:2: .settings holds no settings by name: write one `name: value` per "
        "line below it"
    )
    assert folder.run("context: {}\n.settings:\n").settings == {}


@pytest.mark.parametrize(
    ("name", "key", "setting"),
    [
        ("KFP_HOST", "kfp_host", "host"),
        ("KFP_NAMESPACE", "kfp_namespace", "namespace"),
        ("KFP_EXPERIMENT", "kfp_experiment", "experiment"),
        ("KFP_SERVICE_ACCOUNT", "kfp_service_account", "service_account"),
    ],
)
def test_variables_win_over_the_file_and_that_over_the_project(
    default: Path, name: str, key: str, setting: str
) -> None:
    texts = {"KFP_HOST": ("http://a", "http://b")}.get(name, ("a", "b"))
    before = getattr(settings.load(default, {}), key)
    assert before not in texts
    of_file = settings.load(default, {}, {setting: texts[0]})
    assert getattr(of_file, key) == texts[0]
    both = settings.load(default, {name: texts[1]}, {setting: texts[0]})
    assert getattr(both, key) == texts[1]


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("KFP_NAMESPACE", "Team A", "KFP_NAMESPACE: 'Team A' is not a valid name"),
        ("KFP_EXPERIMENT", "x" * 129, "KFP_EXPERIMENT: "),
        ("KFP_SERVICE_ACCOUNT", "-a", "KFP_SERVICE_ACCOUNT: '-a' is not a valid name"),
    ],
)
def test_a_wrong_variable_is_refused(default: Path, name: str, value: str, line: str) -> None:
    with pytest.raises(OpsError) as caught:
        settings.load(default, {name: value})
    assert caught.value.status == 2 and str(caught.value).startswith(line)


# What is sent


@pytest.fixture
def server() -> Iterator[KfpServer]:
    with kfp_server() as running:
        yield running


def run(project: Path, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return make(project, "run", *arguments, env={"ALLOW_UNPINNED": "1", **env}, timeout=120)


def sent(server: KfpServer, kind: str) -> Any:
    """Return the body of the last request that made something."""
    return [r.body for r in server.requests if r.method == "POST" and r.path.endswith(kind)][-1]


def test_an_environment_says_where_a_run_goes_and_how(project: Path, server: KfpServer) -> None:
    text = """\
context: {numbers: [1]}
.settings:
  host: ${PROD_HOST}
  experiment: nightly
  experiment_description: Every night
  service_account: pipeline-runner
  caching: false
"""
    (project / "params" / "prod.yaml").write_text(text)
    before = make(project, "compile") and (project / "build" / "pipeline.yaml").read_bytes()
    result = run(project, "ENV=prod", PROD_HOST=server.url)
    assert result.returncode == 0, result.stderr
    assert sent(server, "/experiments")["display_name"] == "nightly"
    assert sent(server, "/experiments")["description"] == "Every night"
    body = sent(server, "/runs")
    assert body["service_account"] == "pipeline-runner"
    assert body["runtime_config"] == {"parameters": {"context": {"numbers": [1]}}}
    assert cached(body["pipeline_spec"]["pipeline_spec"]) == [False, False]
    assert (project / "build" / "pipeline.yaml").read_bytes() == before

    arguments = "--experiment mine --experiment-description 'Of today' --caching"
    env = {"PROD_HOST": server.url, "KFP_EXPERIMENT": "theirs", "KFP_SERVICE_ACCOUNT": "other"}
    result = run(project, "ENV=prod", f"ARGS={arguments}", **env)
    assert result.returncode == 0, result.stderr
    assert sent(server, "/experiments")["display_name"] == "mine"
    assert sent(server, "/experiments")["description"] == "Of today"
    body = sent(server, "/runs")
    assert body["service_account"] == "other"
    assert cached(body["pipeline_spec"]["pipeline_spec"]) == [True, True]


def test_without_settings_nothing_is_added(project: Path, server: KfpServer) -> None:
    result = run(project, KFP_HOST=server.url)
    assert result.returncode == 0, result.stderr
    assert set(sent(server, "/experiments")) == {"display_name"}
    body = sent(server, "/runs")
    assert "service_account" not in body and body["pipeline_spec"] == submitted(project)


def test_a_wrong_environment_sends_nothing(project: Path, server: KfpServer) -> None:
    (project / "params" / "prod.yaml").write_text(
        f"context: [1]\n.settings: {{host: '{server.url}', cache: true}}\n"
    )
    result = run(project, "ENV=prod")
    assert result.returncode != 0 and result.stdout == "" and server.requests == []
    lines = [line for line in result.stderr.splitlines() if line.startswith(("params/", "error"))]
    assert [line.partition(": ")[0] for line in lines] == [
        *("params/prod.yaml:1", "params/prod.yaml:2", "error"),
    ]


PRODUCTION = "context: {numbers: [7]}\n"


@pytest.mark.parametrize(
    "env", ["prod/", "../x", "/nonexistent/shrc", "params/prod.yaml", "{project}/params/prod.yaml"]
)
def test_a_name_with_a_slash_is_no_environment(project: Path, server: KfpServer, env: str) -> None:
    """Least of all dev, where production was meant."""
    (project / "params" / "prod.yaml").write_text(PRODUCTION)
    env = env.format(project=project)
    for verb in ("run", "schedule"):
        for words, environ in (([], {"ENV": env}), ([f"ENV={env}"], {})):
            result = make(project, verb, *words, env={"KFP_HOST": server.url, **environ})
            assert result.returncode == 2 and result.stdout == "" and server.requests == []
            (line,) = [text for text in result.stderr.splitlines() if text.startswith("error")]
            assert line == f"error: ENV={env!r}: use letters, digits, dashes and underscores"


@pytest.mark.parametrize("env", ["{home}/.shrc", "~/.shrc", "$HOME/.shrc", "${{HOME}}/.shrc"])
def test_the_file_that_a_shell_starts_with_is_no_environment(
    project: Path, server: KfpServer, tmp_path: Path, env: str
) -> None:
    (tmp_path / ".shrc").touch()
    env = env.format(home=tmp_path)
    result = run(project, KFP_HOST=server.url, ENV=env, HOME=str(tmp_path))
    assert result.returncode == 0, result.stderr
    given = sent(server, "/runs")["runtime_config"]["parameters"]
    assert given == {"context": {"numbers": [1, 2, 3, 4]}}
    assert f"note: ENV={env!r} is a file that a shell starts with" in result.stderr
    on_the_command_line = run(project, f"ENV={env.replace('$', '$$')}", KFP_HOST=server.url)
    assert on_the_command_line.returncode == 2


def test_doctor_looks_at_the_host_of_the_environment(project: Path) -> None:
    with kfp_server() as server, kfp_server(multi_user=True, version="2.16.1") as other:
        text = f"context: {{}}\n.settings: {{host: '{other.url}/', namespace: team-a}}\n"
        (project / "params" / "prod.yaml").write_text(text)
        env = {"DOCKER": "no-such-engine", "REGISTRY": "127.0.0.1:1/x"}
        result = make(project, "doctor", "ENV=prod", env=env)
        (line,) = [text for text in result.stderr.splitlines() if text[6:].startswith("KFP")]
        assert f"{other.url} has KFP '2.16.1'" in line
        assert other.requests[-1].query["namespace"] == ["team-a"]
        result = make(project, "doctor", "ENV=prod", env={**env, "KFP_HOST": server.url})
        assert f"{server.url} has KFP '2.17.0'" in result.stderr
        (project / "params" / "prod.yaml").write_text(".settings: {hots: x}\n")
        result = make(project, "doctor", "ENV=prod", env=env)
        assert "error: params/prod.yaml:1: .settings has no 'hots'" in result.stderr


# Secrets


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
    noise = "import sys\nprint(sys.argv, flush=True)\n"
    script.write_text(script.read_text().replace("import sys\n", noise, 1))
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
    assert "add | ['main.py', '--context', '{" in result.stderr and "@h" in log.read_text()


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


# make check


def test_check_understands_settings_and_variables(project: Path) -> None:
    """Without the variables."""
    module = project / "pipeline.py"
    signature = "context: dict, count: int = 1, on: bool = True, text: str = ''"
    module.write_text(module.read_text().replace("context: dict", signature))
    (project / "params" / "prod.yaml").write_text(
        """\
context: {a: "${A}", b: "$${B}"}
count: ${COUNT}
"on": ${ON}
text: a ${TEXT}
.settings:
  host: https://${HOST}
  namespace: ${NAMESPACE}
  experiment: nightly ${WHEN}
  service_account: ${ACCOUNT}
  caching: ${CACHING}
"""
    )
    assert [f.text for f in check_project(project) if f.path.startswith("params")] == []
    (project / "params" / "stage.yaml").write_text(
        """\
context: ${CONTEXT
count: 1${COUNT}
text: ${A-b}
nope: 1
.settings:
  host: nowhere
  caching: yes please
  cache: true
  namespace: ${
"""
    )
    found = [f for f in check_project(project) if f.path.startswith("params")]
    assert [f"{f.line}: {f.what}" for f in found] == [
        "1: context: has a ${ without a name and a }",
        "2: count: '1${COUNT}' is text, not a whole number",
        "3: text: has a ${ without a name and a }",
        "4: the pipeline has no parameter 'nope'",
        "6: .settings.host: 'nowhere' is no http or https URL",
        "7: .settings.caching: 'yes please' is text, not true or false",
        "8: .settings has no 'cache'",
        "9: .settings.namespace: has a ${ without a name and a }",
    ]
    assert {f.path for f in found} == {"params/stage.yaml"}


def test_a_run_says_what_the_check_says(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same line, to the letter, for whatever needs no variable and no compiler."""
    assert make(project, "compile").returncode == 0
    text = "context: [1]\nnope: 1\n.settings: {host: nowhere, cache: 1}\n"
    (project / "params" / "prod.yaml").write_text(text)
    found = [f.text for f in check_project(project)]
    package = project / "build" / "pipeline.yaml"
    with pytest.raises(OpsError):
        environments.read(
            package, project / "params" / "prod.yaml", [], submitting=True, environ={}
        )
    assert capsys.readouterr().err.splitlines() == found


def test_the_example_of_the_readme_holds(default: Path, tmp_path: Path) -> None:
    readme = (default / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```yaml\n(.*?)^```", readme, re.M | re.S)
    (example,) = (text for text in examples if ".settings" in text)
    (tmp_path / "prod.yaml").write_text(example, encoding="utf-8")
    found = environments.read_settings(tmp_path / "prod.yaml", {})
    assert set(found) == set(environments.KNOWN) and found["caching"] is False
    assert all(setting.variable in readme for setting in environments.KNOWN.values())


def test_a_default_project_has_no_settings(tmp_path: Path) -> None:
    for starter in ("average", "training", "blank"):
        project = bake(tmp_path / starter, starter=starter)
        (file,) = (project / "params").iterdir()
        assert ".settings" not in file.read_text() and "${" not in file.read_text()


def test_the_types_have_their_names() -> None:
    assert set(values.TYPES) == set(KINDS.values())
