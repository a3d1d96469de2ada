"""`make schedule`: from schedules.yaml to schedules on a server; what `make check` says of it."""

import json
from pathlib import Path

import pytest

from kfp_workbench.cluster import schedule_file as file
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import settings as project_settings
from kfp_workbench.project.sources import Sources
from servers.kfp_server import KfpServer, Request
from servers.kfp_server.refusals import RefusalError
from shared.baking import make, submitted
from shared.schedules import NIGHTLY, make_schedule, request_of


def test_without_a_file_it_says_how_to_begin(default: Path, server: KfpServer) -> None:
    result = make_schedule(default, server.url)
    assert result.returncode == 2 and result.stdout == "" and server.requests == []
    line = 'error: schedules.yaml is not there: begin with the line nightly: {cron: "0 0 3 * * *"}'
    assert line in result.stderr


def test_from_a_file_to_schedules_and_back(project: Path, server: KfpServer) -> None:
    (project / "schedules.yaml").write_text(f"{NIGHTLY}often: {{every: 6h, enabled: false}}\n")
    planned = make_schedule(project, server.url)
    assert planned.returncode == 0, planned.stderr
    plan = json.loads(planned.stdout)
    assert (plan["applied"], plan["to_do"], plan["time_zone"]) == (False, 2, "UTC")
    assert [(item["name"], item["action"], item["when"]) for item in plan["schedules"]] == [
        ("nightly", "create", "At 03:00"),
        ("often", "create", "Every 6 hours"),
    ]
    assert [len(item["next"]) for item in plan["schedules"]] == [3, 3]
    assert "2 to do: make schedule APPLY=1 does it" in planned.stderr
    assert server.changes() == []

    applied = make_schedule(project, server.url, "APPLY=1")
    assert applied.returncode == 0, applied.stderr
    nightly, often = server.schedules
    first = json.loads(applied.stdout)["schedules"][0]
    identifier = nightly["recurring_run_id"]
    assert first["url"] == f"{server.url}/#/recurringrun/details/{identifier}"
    assert nightly["pipeline_spec"] == submitted(project), "what ran locally, byte for byte"
    assert nightly["runtime_config"] == {"parameters": {"context": {"numbers": [1, 2, 3, 4]}}}
    assert nightly["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * *"}}
    assert often["trigger"] == {"periodic_schedule": {"interval_second": "21600"}}
    assert (nightly["status"], often["status"]) == ("ENABLED", "DISABLED")
    assert nightly["no_catchup"] is True and nightly["max_concurrency"] == "1"
    assert server.experiments[0]["display_name"] == "calculate-average"

    server.requests.clear()
    again = make_schedule(project, server.url, "APPLY=1")
    assert "nothing to do" in again.stderr and server.changes() == []
    assert len(server.requests) == 2, "its version, and one page"

    (project / "schedules.yaml").write_text("")
    assert make_schedule(project, server.url, "APPLY=1").returncode == 0
    assert len(server.schedules) == 0


PROD = """\
.settings: {host: "${KFP}", experiment: nightly, service_account: runner, caching: false}
"""


def test_an_environments_settings_and_variables_count(project: Path, server: KfpServer) -> None:
    (project / "params" / "prod.yaml").write_text(PROD)
    (project / "schedules.yaml").write_text(
        'nightly: {cron: "0 0 3 * * *", env: prod, parameters: {context: "${NUMBERS}"}}\n'
    )
    given = {"KFP": server.url, "ALLOW_UNPINNED": "1", "APPLY": "1"}
    unset = make(project, "schedule", env=given)
    assert unset.returncode != 0 and server.requests == []
    assert "the variable NUMBERS is not set: export it" in unset.stderr
    given["NUMBERS"] = '{"numbers": [7], "password": "s3cret-word"}'
    result = make(project, "schedule", env=given)
    assert result.returncode == 0, result.stderr
    (made,) = server.schedules
    assert made["runtime_config"]["parameters"] == {"context": json.loads(given["NUMBERS"])}
    assert made["service_account"] == "runner"
    assert server.experiments[0]["display_name"] == "nightly"
    tasks = made["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"].values()
    assert not any(task["cachingOptions"].get("enableCache") for task in tasks)
    assert "s3cret-word" not in result.stdout + result.stderr
    again = make(project, "schedule", env=given)
    assert "nothing to do" in again.stderr and len(server.schedules) == 1


def test_a_server_that_repeats_a_secret_of_a_schedule(project: Path, server: KfpServer) -> None:
    def refuse(request: Request) -> None:
        if request.method == "POST" and request.path.endswith("/recurringruns"):
            raise RefusalError(400, 3, f"no {json.dumps(request.body['runtime_config'])}")

    server.before = refuse
    (project / "schedules.yaml").write_text(
        'nightly: {cron: "0 0 3 * * *", parameters: {context: {numbers: [1], token: "${X}"}}}\n'
    )
    given = {"KFP_HOST": server.url, "ALLOW_UNPINNED": "1", "APPLY": "1", "X": "s3cret-word"}
    result = make(project, "schedule", env=given)
    assert result.returncode != 0 and "***" in result.stderr
    assert "s3cret-word" not in result.stdout + result.stderr


def test_check_finds_what_is_wrong(project: Path) -> None:
    (project / "schedules.yaml").write_text("a:\n  cron: '0 3 * * *'\n  parameters: {x: 1}\n")
    result = make(project, "check")
    assert result.returncode != 0
    assert [line.rpartition(": ")[0] for line in result.stdout.splitlines()] == [
        "schedules.yaml:2: a: cron: '0 3 * * *' has 5 fields, and KFP takes the first for seconds",
        "schedules.yaml:3: a: the pipeline has no parameter 'x'",
    ]
    (project / "schedules.yaml").write_text(NIGHTLY)
    assert make(project, "check").returncode == 0


def test_a_secret_that_is_written_down_is_found(
    folder: Path, settings: project_settings.Settings
) -> None:
    declared = {"db_password": "STRING", "context": "STRUCT", "api_token": "STRING"}
    parameters = {name: {"parameterType": kind} for name, kind in declared.items()}
    package = folder / "pipeline.yaml"
    package.write_text(json.dumps({"root": {"inputDefinitions": {"parameters": parameters}}}))
    text = """
m:
  every: 1h
  parameters:
    api_token: "$${hunter2"
    db_password: hunter2
    context:
      api-key: hunter2
      credentials: {user: hunter2, port: 1, none: "", "y": "${Y}"}
      tokenizer: words
      passwords:
        - hunter2
"""
    name, looks = "schedules.yaml", "looks like a secret: write"
    found = [
        f"{name}:5: m: parameters.api_token {looks} api_token: ${{API_TOKEN}}",
        f"{name}:6: m: parameters.db_password {looks} db_password: ${{DB_PASSWORD}}",
        f"{name}:8: m: parameters.context.api-key {looks} api-key: ${{API_KEY}}",
        f"{name}:9: m: parameters.context.credentials.user {looks} user: ${{CREDENTIALS_USER}}",
        f"{name}:12: m: parameters.context.passwords[0] {looks} ${{PASSWORDS_0}}",
    ]
    (folder / name).write_text(text)
    sources = Sources(folder)
    for kinds in (declared, None):
        assert [finding.text for finding in file.read_schedules(sources, kinds)[1]] == found
    with pytest.raises(WorkbenchError, match=r"^5 problems, see above"):
        request_of(folder, package, settings, text)


def test_images_that_were_not_pushed_are_not_scheduled(project: Path, server: KfpServer) -> None:
    (project / "schedules.yaml").write_text(NIGHTLY)
    planned = make_schedule(project, server.url, ALLOW_UNPINNED="")
    assert planned.returncode == 0 and "note: APPLY=1 would be refused: " in planned.stderr
    result = make_schedule(project, server.url, "APPLY=1", ALLOW_UNPINNED="")
    assert result.returncode == 2 and "make push" in result.stderr
    assert server.changes() == []


def test_env_given_or_not(project: Path, server: KfpServer) -> None:
    (project / "params/prod.yaml").write_text("context: {numbers: [5]}\n")
    (project / "schedules.yaml").write_text(f"{NIGHTLY}weekly: {{every: 7d, env: prod}}\n")

    def names(*words: str, **env: str) -> list[str]:
        result = make_schedule(project, server.url, *words, **env)
        assert result.returncode == 0, result.stderr
        return [item["name"] for item in json.loads(result.stdout)["schedules"]]

    assert names() == ["nightly", "weekly"]
    assert names("ENV=prod") == ["weekly"]
    refused = make_schedule(project, server.url, ENV="prod")
    assert refused.returncode == 2 and "make ENV=prod, or make ENV=dev" in refused.stderr
    assert names(ENV="/etc/passwd") == ["nightly", "weekly"]
    assert make_schedule(project, server.url, "ENV=a/b").returncode == 2
