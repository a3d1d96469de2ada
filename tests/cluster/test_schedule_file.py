"""schedules.yaml: what it says, and what is wrong with it."""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from kfp_workbench.cluster import schedule_report, schedules, scheduling
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import settings as project_settings
from shared.manual import blocks, page
from shared.schedules import NIGHTLY, NOW, request_of


def test_a_schedule_as_it_is_understood(
    folder: Path, package: Path, settings: project_settings.Settings
) -> None:
    text = """
time_zone: Europe/Berlin
nightly:
  cron: "0  0 3 * * MON-FRI"
  env: prod
  enabled: false
  max_concurrency: 10
  catch_up: true
  start: 2026-01-31
  end: 2027-01-31T03:00:00+02:00
often:
  every: 6h
  parameters: {context: {numbers: [9]}}
"""
    request = request_of(folder, package, settings, text)
    common = {"package": package, "experiment": "calculate-average", "service_account": None}
    assert [wanted._asdict() for wanted in request.wanted] == [
        {
            **{"key": "nightly", "title": "calculate-average nightly", "env": "prod"},
            **{"cron": "0 0 3 * * MON-FRI", "every": None, "enabled": False},
            **{"start": "2026-01-31T00:00:00Z", "end": "2027-01-31T01:00:00Z"},
            **{"max_concurrency": 10, "catch_up": True},
            **{"parameters": {"context": {"numbers": [2]}}, **common},
        },
        {
            **{"key": "often", "title": "calculate-average often", "env": "dev"},
            **{"cron": None, "every": 21600, "enabled": True, "start": None, "end": None},
            **{"max_concurrency": 1, "catch_up": False},
            **{"parameters": {"context": {"numbers": [9]}}, **common},
        },
    ]
    assert request.schedules.time_zone == ZoneInfo("Europe/Berlin")


def test_the_example_of_the_manual_is_one(
    folder: Path, package: Path, settings: project_settings.Settings
) -> None:
    (text,) = blocks(page("schedules"), "yaml")
    nightly, often = request_of(folder, package, settings, text).wanted
    assert (nightly.cron, nightly.env, often.every) == ("0 0 3 * * MON-FRI", "prod", 21600)
    assert nightly.parameters == {"context": {"numbers": [10, 20]}}


@pytest.mark.parametrize(
    ("every", "seconds", "words"),
    [
        ("1s", 1, "Every second"),
        ("45s", 45, "Every 45 seconds"),
        ("1m", 60, "Every minute"),
        ("90m", 5400, "Every 90 minutes"),
        ("1h", 3600, "Every hour"),
        ("24h", 86400, "Every day"),
        ("2d", 172800, "Every 2 days"),
        ("3660d", 316224000, "Every 3660 days"),
    ],
)
def test_an_interval_in_seconds_and_in_words(
    folder: Path,
    package: Path,
    settings: project_settings.Settings,
    every: str,
    seconds: int,
    words: str,
) -> None:
    request = request_of(folder, package, settings, f"a: {{every: {every}}}")
    assert request.wanted[0].every == seconds and request.entries["a"].when == words


def test_a_fraction_of_a_second_is_waited_for(
    folder: Path, package: Path, settings: project_settings.Settings
) -> None:
    text = "a: {every: 1s, start: 2026-01-31T03:00:00.2Z, end: 2026-01-31T03:00:59Z}"
    wanted = request_of(folder, package, settings, text).wanted[0]
    assert (wanted.start, wanted.end) == ("2026-01-31T03:00:01Z", "2026-01-31T03:00:59Z")


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("crom: x", "a: there is no 'crom': it takes cron, every, env, parameters, enabled"),
        ("every: 30m", "a has both cron and every: give one of them"),
        ("env: stage", "a: env: params/stage.yaml is not there: make it"),
        ("env: ../x", "a: env: '../x' is no environment: use letters"),
        ("env: 1", "a: env: 1 is no environment"),
        ("env: pröd", "a: env: 'pröd' is no environment: use letters"),
        ("env: '--'", "a: env: '--' is no environment: use letters"),
        ("enabled: 1", "a: enabled: 1: write true or false"),
        ("enabled:", "a: enabled: None: write true or false"),
        ('catch_up: "no"', "a: catch_up: 'no': write true or false"),
        ("max_concurrency: 0", "a: max_concurrency: 0 is not from 1 to 10: KFP takes no other"),
        ("max_concurrency: 11", "a: max_concurrency: 11 is not from 1 to 10"),
        ("max_concurrency: true", "a: max_concurrency: True is not from 1 to 10"),
        ('max_concurrency: "2"', "a: max_concurrency: '2' is not from 1 to 10"),
        ("start: tomorrow", "a: start: 'tomorrow' is no date: write 2026-01-31, or"),
        ("start: 2026-01-31T03:00:00", "a: start: '2026-01-31 03:00:00' has no time zone"),
        ("start:", "a: start: 'None' is no date"),
        ("start: 9999-12-31", "a: start: '9999-12-31' is too far away: write 2026-01-31, or"),
        ("start: 1969-12-31", "a: start: '1969-12-31' is too far away"),
        ("end: 9999-12-31T23:59:59-01:00", "-01:00' is too far away: write 2026-01-31, or"),
        ("parameters: [1]", "a: parameters are no values by name"),
        ("parameters: {nope: 1}", "a: the pipeline has no parameter 'nope': it has context"),
        ("parameters: {context: [1]}", "a: parameters.context: [1] is a list, not a JSON"),
        ("parameters: {1: 2}", "a: YAML reads this name as 1: put it in quotes"),
    ],
)
def test_what_is_wrong_with_a_setting_is_said_with_its_line(
    folder: Path,
    package: Path,
    settings: project_settings.Settings,
    setting: str,
    problem: str,
) -> None:
    text = f'# a comment\na:\n  cron: "0 0 3 * * *"\n  {setting}\n'
    with pytest.raises(WorkbenchError) as caught:
        request_of(folder, package, settings, text)
    line = 2 if "both cron" in problem else 4
    said = str(caught.value)
    assert said.startswith(f"schedules.yaml:{line}: a") and problem in said
    assert caught.value.status == 2


@pytest.mark.parametrize(
    "text",
    [
        "time_zone: Asia/Tokyo\na: {every: 3650d, start: 9000-12-31T23:59:59Z}",
        'a: {cron: "0 0 3 29 2 1", start: 9000-12-31, end: 9999-12-31T23:59:59Z}',
        "time_zone: America/New_York\na: {every: 1s, start: 1970-01-01}",
    ],
)
def test_what_is_far_away_is_reckoned_with(
    folder: Path, package: Path, settings: project_settings.Settings, text: str
) -> None:
    request = request_of(folder, package, settings, text)
    report = schedule_report.Report(request.entries, request.schedules.time_zone_name, NOW)
    report.show(schedules.Action("create", "a", request.wanted[0]))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1]", "1: holds no schedules by name: begin with nightly:"),
        ("a: 1", "1: 'a' has no settings: write cron:"),
        ("a: {}", "1: a has neither cron nor every"),
        ("a: {cron: 3}", "1: a: cron: 3 is no text: put six fields in quotes"),
        ("a: {cron: '0 3 * * *'}", "1: a: cron: '0 3 * * *' has 5 fields"),
        ("a: {cron: '0 0 0 30 2 *'}", "1: a: cron: '0 0 0 30 2 *' is a date that never comes"),
        ("a: {every: 1:30}", "1: a: every: 90 is no interval"),
        ("a: {every: 0s}", "1: a: every: '0s' is no interval"),
        ("a: {every: 3w}", "1: a: every: '3w' is no interval"),
        ("a: {every: 3661d}", "1: a: every: '3661d' is no interval"),
        ("a: {every: 1h, start: 2027-01-02, end: 2027-01-01}", "1: a: end is not after start"),
        ("a: {every: 1h, start: 2027-01-02, end: 2027-01-02}", "1: a: end is not after start"),
        (
            'a: {cron: "0 0 3 5 1 *", start: 2027-02-01, end: 2027-06-01}',
            "1: a: it is never due between start and end: give a later end",
        ),
        (
            "a:\n  every: 366d\n  start: 2027-01-01\n  end: 2028-01-01",
            "4: a: it is never due between start and end: give a later end",
        ),
        (  # 23:30 there is 22:30 in UTC, before it begins
            'time_zone: Europe/Berlin\na: {cron: "0 30 23 31 12 *", start: 2027-12-31T23:00:00Z, '
            "end: 2028-06-01}",
            "2: a: it is never due between start and end",
        ),
        ("A b: {every: 1h}", "1: 'A b' cannot be a schedule's name"),
        ("a;b: {every: 1h}", "1: 'a;b' cannot be a schedule's name"),
        (f"{'a' * 64}: {{every: 1h}}", "cannot be a schedule's name"),
        ("1: {every: 1h}", "1: 1 cannot be a schedule's name"),
        ("time_zone: Mars/Base", "1: time_zone: 'Mars/Base' is no time zone"),
        ("time_zone: ../../etc/passwd", "1: time_zone: '../../etc/passwd' is no time zone"),
        ("a: {every: 1h}\na: {every: 2h}", "2: is no valid YAML (the key 'a' is there twice)"),
        ("a: }", "1: is no valid YAML"),
    ],
)
def test_what_is_wrong_with_the_file(
    folder: Path, package: Path, settings: project_settings.Settings, text: str, problem: str
) -> None:
    with pytest.raises(WorkbenchError) as caught:
        request_of(folder, package, settings, text)
    assert problem in str(caught.value) and str(caught.value).startswith("schedules.yaml:")


@pytest.mark.parametrize(
    "text",
    [
        'a: {cron: "0 0 3 5 1 *", start: 2027-02-01, end: 2028-01-05T03:00:00Z}',
        "a: {every: 365d, start: 2027-01-01, end: 2028-01-01}",
        'a: {cron: "0 30 23 31 12 *", start: 2027-12-31T23:00:00Z, end: 2028-06-01}',
    ],
)
def test_what_is_due_once_is_due(
    folder: Path, package: Path, settings: project_settings.Settings, text: str
) -> None:
    assert len(request_of(folder, package, settings, text).wanted) == 1


@pytest.mark.parametrize(
    ("setting", "state"),
    [
        ("end: 2026-01-01", "it has ended"),
        ("end: 2026-05-01", "next 2026-01-01 03:00:00, 2026-01-02 03:00:00"),
        ("end: 2026-01-01T00:00:01Z", "not due before its end"),
        ("enabled: false, end: 2026-01-01", "disabled"),
    ],
)
def test_a_schedule_has_ended_when_its_end_is_past(
    folder: Path,
    package: Path,
    settings: project_settings.Settings,
    capsys: pytest.CaptureFixture[str],
    setting: str,
    state: str,
) -> None:
    text = f'nightly: {{cron: "0 0 3 * * MON-FRI", {setting}}}'
    request = request_of(folder, package, settings, text)
    (action,) = schedules.plan(request.wanted, [], removes=True)
    zone = request.schedules.time_zone_name
    schedule_report.Report(request.entries, zone, NOW).show(action)
    shown = f"create   nightly (dev): At 03:00, Monday through Friday; {state}"
    assert capsys.readouterr().err.startswith(shown)


def test_all_that_is_wrong_is_said_at_once(
    folder: Path,
    package: Path,
    settings: project_settings.Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = "a: {every: x, env: y}\nb:\n  cron: '@daily'\n  enabled: maybe\n"
    with pytest.raises(WorkbenchError, match=r"^4 problems, see above"):
        request_of(folder, package, settings, text)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" ")[0] for line in lines] == [
        f"schedules.yaml:{number}:" for number in (1, 1, 3, 4)
    ]


def test_problems_of_parameters_are_said_with_the_lines_of_their_values(
    folder: Path,
    settings: project_settings.Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    declared = {"db_password": "STRING", "context": "STRUCT", "rate": "NUMBER_DOUBLE"}
    parameters = {name: {"parameterType": kind} for name, kind in declared.items()}
    package = tmp_path / "pipeline.yaml"
    package.write_text(json.dumps({"root": {"inputDefinitions": {"parameters": parameters}}}))
    text = """
m:
  cron: "0 0 3 * * *"
  parameters:
    db_password: "${UNSET_PASSWORD}"
    rate: "${UNSET_RATE}"
    context:
      numbers: ["${UNSET}"]
n:
  every: 1h
  parameters: {db_password: "${UNSET}", context: {}, rate: 1}
o: {every: 2h}
"""
    cure = "is not set: export it, or write $${ for a literal ${"
    lines = [
        "5: m: parameters.db_password: the variable UNSET_PASSWORD",
        "6: m: parameters.rate: the variable UNSET_RATE",
        "8: m: parameters.context.numbers[0]: the variable UNSET",
        "11: n: parameters.db_password: the variable UNSET",
    ]
    (folder / "params/dev.yaml").write_text("rate: 2\ncontext: {}\ndb_password: ${SET}x\n")
    with pytest.raises(WorkbenchError, match=r"^5 problems, see above: nothing was started$"):
        request_of(folder, package, settings, text)
    assert capsys.readouterr().err.splitlines() == [
        *(f"schedules.yaml:{line} {cure}" for line in lines),
        f"schedules.yaml:12: o: params/dev.yaml:3: db_password: the variable SET {cure}",
    ]
    only = "m:\n  every: 1h\n  parameters:\n    rate: ${UNSET_RATE}\n    context: {}\n"
    with pytest.raises(WorkbenchError) as caught:
        request_of(folder, package, settings, f"{only}    db_password: ''\n")
    assert str(caught.value) == f"schedules.yaml:4: {lines[1][3:]} {cure}"


def test_a_parameter_without_a_value_is_said(
    folder: Path, package: Path, settings: project_settings.Settings
) -> None:
    (folder / "params/dev.yaml").write_text("")
    with pytest.raises(WorkbenchError, match=r"^schedules.yaml:1: nightly: .* 'context' has no"):
        request_of(folder, package, settings, NIGHTLY)


def test_one_environment_can_be_looked_at(
    folder: Path,
    package: Path,
    settings: project_settings.Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = f"{NIGHTLY}weekly: {{every: 7d, env: prod}}\n"
    request = request_of(folder, package, settings, text, only="prod")
    assert [wanted.key for wanted in request.wanted] == ["weekly"]
    assert capsys.readouterr().err == "note: not of ENV=prod: the schedules of dev\n"


def test_schedules_of_several_servers_are_taken_one_server_at_a_time(
    folder: Path, package: Path, settings: project_settings.Settings
) -> None:
    (folder / "schedules.yaml").write_text(f"{NIGHTLY}weekly: {{every: 7d, env: prod}}\n")

    def settings_of(env: str) -> project_settings.Settings:
        return settings._replace(kfp_host=f"http://{env}.invalid")

    with pytest.raises(WorkbenchError, match=r"dev is on http://dev.invalid, prod .* ENV=dev make"):
        scheduling.read_request(package, None, settings_of, root=folder)
    request = scheduling.read_request(package, "prod", settings_of, root=folder)
    assert request.settings.kfp_host == "http://prod.invalid"
