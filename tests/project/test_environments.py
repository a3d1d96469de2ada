"""Environments: where runs go, and how, by the settings of ``params/<ENV>.yaml``."""

from pathlib import Path
from typing import Any

import pytest

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import environments, settings
from servers.kfp_server import KfpServer, kfp_server
from shared.baking import bake, make, submitted
from shared.manual import blocks, page
from shared.parameters import Folder, refused, run
from shared.specs import cached


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
    with pytest.raises(WorkbenchError) as caught:
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
    with pytest.raises(WorkbenchError) as caught:
        settings.load(default, {name: value})
    assert caught.value.status == 2 and str(caught.value).startswith(line)


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
    "env",
    [
        *("prod/", "../x", "/nonexistent/shrc", "params/prod.yaml", "{project}/params/prod.yaml"),
        *("", "_", "pröd"),
    ],
)
def test_what_is_no_name_is_no_environment(project: Path, server: KfpServer, env: str) -> None:
    """Least of all dev, where production was meant."""
    (project / "params" / "prod.yaml").write_text(PRODUCTION)
    env = env.format(project=project)
    for verb in ("run", "schedule"):
        result = make(project, verb, f"ENV={env}", env={"KFP_HOST": server.url})
        assert result.returncode == 2 and result.stdout == "" and server.requests == []
        (line,) = [text for text in result.stderr.splitlines() if text.startswith("error")]
        assert line == f"error: ENV={env!r}: use letters, digits, dashes and underscores"


@pytest.mark.parametrize("env", ["{home}/.shrc", "~/.shrc", "test", "$(touch x)", "dev"])
def test_what_a_shell_exports_is_no_environment(
    project: Path, server: KfpServer, tmp_path: Path, env: str
) -> None:
    """Shells own ENV and NAME: both count from make's command line alone."""
    result = run(project, KFP_HOST=server.url, ENV=env.format(home=tmp_path), NAME="DESKTOP-1")
    assert result.returncode == 0, result.stderr
    given = sent(server, "/runs")["runtime_config"]["parameters"]
    assert given == {"context": {"numbers": [1, 2, 3, 4]}}
    assert "NAME= is missing" in make(project, "step", env={"NAME": "DESKTOP-1"}).stderr


def test_an_environment_that_was_exported_is_not_passed_over(
    project: Path, server: KfpServer
) -> None:
    (project / "params" / "prod.yaml").write_text(PRODUCTION)
    result = run(project, KFP_HOST=server.url, ENV="prod")
    assert result.returncode == 2 and server.requests == []
    assert (
        "ENV=prod counts on the command line only: make ENV=prod, or make ENV=dev" in result.stderr
    )


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


def test_the_example_of_the_manual_holds(tmp_path: Path) -> None:
    manual = page("parameters")
    (example,) = blocks(manual, "yaml")
    (tmp_path / "prod.yaml").write_text(example, encoding="utf-8")
    found = environments.read_settings(tmp_path / "prod.yaml", {})
    assert set(found) == set(environments.KNOWN) and found["caching"] is False
    assert all(f"`{setting.variable}`" in manual for setting in environments.KNOWN.values())


def test_a_default_project_has_no_settings(tmp_path: Path) -> None:
    for starter in ("average", "training", "blank"):
        project = bake(tmp_path / starter, starter=starter)
        (file,) = (project / "params").iterdir()
        assert ".settings" not in file.read_text() and "${" not in file.read_text()
