"""`make schedule`: schedules.yaml, and what becomes of it on a server."""

import itertools
import json
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kfp_workbench.cluster import (
    cron,
    faults,
    rescheduling,
    schedule_report,
    schedule_requests,
    schedules,
    scheduling,
    transport,
)
from kfp_workbench.cluster import schedule_file as file
from kfp_workbench.cluster import server as servers
from kfp_workbench.cluster.schedules import Live, Wanted
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import settings as project_settings
from kfp_workbench.project.sources import Sources
from servers.kfp_server import KfpServer, Moment, Request, kfp_server
from servers.kfp_server.refusals import RefusalError
from servers.kfp_server.tables import Row, Table
from shared.baking import environment, make, submitted
from shared.manual import blocks, page

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)  # a Thursday
NIGHTLY = 'nightly: {cron: "0 0 3 * * *"}\n'


# Cron


@pytest.mark.parametrize(
    ("text", "words", "times"),
    [
        ("0 0 3 * * *", "At 03:00", ["01-01 03:00:00", "01-02 03:00:00", "01-03 03:00:00"]),
        ("0 0 3 ? * ?", "At 03:00", ["01-01 03:00:00", "01-02 03:00:00", "01-03 03:00:00"]),
        (
            "30 15 9 * * mon-FRI",
            "At 09:15:30, Monday through Friday",
            ["01-01 09:15:30", "01-02 09:15:30", "01-05 09:15:30"],
        ),
        (
            "0 */5 * * * *",
            "Every 5 minutes",
            ["01-01 00:05:00", "01-01 00:10:00", "01-01 00:15:00"],
        ),
        (  # "5/15" is "5-59/15"
            "5/15 * * * * *",
            "Every 15 seconds, starting at 5 seconds past the minute",
            ["01-01 00:00:05", "01-01 00:00:20", "01-01 00:00:35"],
        ),
        (
            "0 0 9-17/4 * * 0,6",
            "Every 4 hours, between 09:00 and 17:59, only on Sunday and Saturday",
            ["01-03 09:00:00", "01-03 13:00:00", "01-03 17:00:00"],
        ),
        (  # two days of which one is enough
            "0 0 0 15 * MON",
            "At 00:00, on day 15 of the month, or on Monday",
            ["01-05 00:00:00", "01-12 00:00:00", "01-15 00:00:00"],
        ),
        (  # and two of which both are needed: a star stays one with a step
            "0 0 0 */2 * MON",
            "At 00:00, on day 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, and 31 of the "
            "month, if that is on Monday",
            ["01-05 00:00:00", "01-19 00:00:00", "02-09 00:00:00"],
        ),
        (
            "0 0 0 1-31 * MON",
            "At 00:00",
            ["01-02 00:00:00", "01-03 00:00:00", "01-04 00:00:00"],
        ),
        (
            "0 0 12 31 * ?",
            "At 12:00, on day 31 of the month",
            ["01-31 12:00:00", "03-31 12:00:00", "05-31 12:00:00"],
        ),
        (
            "0 0 0 1 JAN,7 ?",
            "At 00:00, on day 1 of the month, only in January and July",
            ["07-01 00:00:00", "2027-01-01 00:00:00", "2027-07-01 00:00:00"],
        ),
        (
            "0 0 0 29 feb ?",
            "At 00:00, on day 29 of the month, only in February",
            ["2028-02-29 00:00:00", "2032-02-29 00:00:00", "2036-02-29 00:00:00"],
        ),
    ],
)
def test_an_expression_in_words_and_times(text: str, words: str, times: Sequence[str]) -> None:
    parsed = cron.parse(text)
    assert cron.words(parsed) == words
    found = [f"{time:%Y-%m-%d %H:%M:%S}" for time in cron.following(parsed, NOW, 3)]
    assert found == [time if len(time) > 14 else f"2026-{time}" for time in times]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 */45 * * * *", "At 0 and 45 minutes past the hour"),
        ("*/7 * * * * *", "At 0, 7, 14, 21, 28, 35, 42, 49, and 56 seconds past the minute"),
        ("?/31 * * * * *", "At 0 and 31 seconds past the minute"),
        ("0 0 */5 * * *", "At 00:00, 05:00, 10:00, 15:00 and 20:00"),
        ("0 0 0 */15 * *", "At 00:00, on day 1, 16, and 31 of the month"),
        ("0 0 0 1 */5 *", "At 00:00, on day 1 of the month, only in January, June, and November"),
        ("0 0 0 * * */3", "At 00:00, only on Sunday, Wednesday, and Saturday"),
        ("0 20/15 * * * *", "At 20, 35, and 50 minutes past the hour"),
        ("0 0 9-17/5 * * *", "At 09:00 and 14:00"),
        ("5/1 * * * * *", "Seconds 5 through 59 past the minute"),
        ("*/15 * * * * *", "Every 15 seconds"),
        ("0 0 */6 * * *", "Every 6 hours"),
        ("0 0 0 1 */4 *", "At 00:00, on day 1 of the month, every 4 months"),
        ("0 0 9-17/4 * * *", "Every 4 hours, between 09:00 and 17:59"),
    ],
)
def test_a_step_that_starts_anew_too_early_is_told_by_its_values(text: str, words: str) -> None:
    assert cron.words(cron.parse(text)) == words


def test_what_is_every_so_many_is_due_so_often() -> None:
    """Hold "every 15 minutes" against the times, for every step from every beginning."""
    units = [("seconds", 1, 60), ("minutes", 60, 60), ("hours", 3600, 24)]
    for place, (name, seconds, size) in enumerate(units):
        for step, begin in itertools.product(range(1, size + 1), ["*", "?", 0, 1, 5, size - 1]):
            parsed = cron.parse(" ".join([*["0"] * place, f"{begin}/{step}", *["*"] * (5 - place)]))
            if match := re.match(rf"Every (\d+) {name}", cron.words(parsed)):
                times = cron.following(parsed, NOW, size + 1)
                gaps = {(after - before).seconds for before, after in itertools.pairwise(times)}
                assert gaps == {int(match[1]) * seconds}, parsed.text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0 3 * * *", "has 5 fields, and KFP takes the first for seconds: write '0 0 3 * * *'"),
        ("*/5 * * * *", "write '0 */5 * * * *'"),
        ("0 0 3 * *  * *", "has 7 fields: write six, second minute hour day-of-month"),
        ("", "has 0 fields"),
        ("@daily", "'@daily' is a name for a time: write '0 0 0 * * *'"),
        ("@every 1h", "is a name for a time: write six fields, or every: 30m"),
        ("TZ=Europe/Berlin 0 0 3 * * *", "has a time zone, and KFP's is fixed: leave it off"),
        ("CRON_TZ=UTC 0 0 3 * * *", "has a time zone"),
        ("0 0 3 L * ?", "day of month: 'L' is nothing that KFP knows: use 1 to 31"),
        ("0 0 3 15W * ?", "day of month: '15W' is nothing"),
        ("0 0 3 ? * FRI#2", "day of week: 'FRI#2' is nothing that KFP knows: use numbers"),
        ("0 0 3 ? * 5L", "day of week: '5L' is nothing that KFP knows: use 0 to 6 or SUN"),
        ("0 0 3 * * 7", "day of week: 7 is not from 0 to 6: use those; Sunday is 0"),
        ("60 0 3 * * *", "second: 60 is not from 0 to 59"),
        ("0 60 3 * * *", "minute: 60 is not from 0 to 59"),
        ("0 0 24 * * *", "hour: 24 is not from 0 to 23"),
        ("0 0 0 0 * *", "day of month: 0 is not from 1 to 31"),
        ("0 0 0 1 13 *", "month: 13 is not from 1 to 12"),
        ("0 0 0 1 MAN *", "month: 'MAN' is nothing that KFP knows: use 1 to 12 or JAN"),
        ("0 0 22-2 * * *", "hour: '22-2' ends before it begins"),
        ("0 0 3 ? * FRI-MON", "day of week: 'FRI-MON' ends before it begins"),
        ("*/0 * * * * *", "second: '*/0' has the step 0"),
        ("-1 * * * * *", "second: '-1' is nothing"),
        ("1,,2 * * * * *", "second: '' is nothing"),
        ("1-2-3 * * * * *", "second: '1-2-3' is nothing"),
        ("*-5 * * * * *", "second: '*-5' is nothing"),
        ("1/2/3 * * * * *", "second: '1/2/3' is nothing"),
        ("\N{ARABIC-INDIC DIGIT ONE} * * * * *", "second: "),
        ("H H 3 * * *", "second: 'H' is nothing"),
    ],
)
def test_what_is_no_expression(text: str, problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        cron.parse(text)
    assert problem in str(caught.value) and str(caught.value).isprintable()


@pytest.mark.parametrize(
    "text",
    ["0 0 0 30 2 *", "0 0 0 31 4,6,9,11 ?", "0 0 0 31 FEB */2", "0 0 0 29 2 */3"],
)
def test_dates_that_never_come(text: str) -> None:
    """The last one comes, in 2032: the controller gives up after five years."""
    assert cron.following(cron.parse(text), NOW, 1) == []


def test_the_next_times_are_those_of_another_way_of_finding_them() -> None:
    """Hold the next times against going through the days, for expressions of every kind."""
    chance = random.Random(3)
    for _ in range(150):
        parsed = cron.parse(" ".join(_any_field(chance, place) for place in range(6)))
        after = NOW + timedelta(seconds=chance.randrange(366 * 86400))
        assert cron.following(parsed, after, 2) == _next_by_days(parsed, after, 2), parsed.text
        assert cron.words(parsed)


def _any_field(chance: random.Random, place: int) -> str:
    low, high = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))[place]

    def item() -> str:
        first, last = sorted(chance.sample(range(low, high + 1), 2))
        text = chance.choice(["*", "?", str(first), f"{first}-{last}"])
        return text + (f"/{chance.randint(1, high)}" if chance.random() < 0.25 else "")

    return ",".join(item() for _ in range(chance.choice([1, 1, 1, 2, 3])))


def _next_by_days(parsed: cron.Cron, after: datetime, count: int) -> list[datetime]:
    seconds, minutes, hours, days, months, weekdays = parsed.values
    found: list[datetime] = []
    day = after.replace(hour=0, minute=0, second=0)
    while len(found) < count and day.year <= (found or [after])[-1].year + 5:
        both = day.day in days, day.isoweekday() % 7 in weekdays
        if day.month in months and (any(both) if parsed.either else all(both)):
            times = itertools.product(sorted(hours), sorted(minutes), sorted(seconds))
            due = (day.replace(hour=h, minute=m, second=s) for h, m, s in times)
            found += itertools.islice((t for t in due if t > after), count - len(found))
        day += timedelta(days=1)
    return found


def test_times_are_those_of_the_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    before = datetime(2026, 3, 28, 12, tzinfo=berlin)
    times = cron.following(cron.parse("0 0 4 * * *"), before, 2)
    assert [time.isoformat() for time in times] == [
        "2026-03-29T04:00:00+02:00",
        "2026-03-30T04:00:00+02:00",
    ]


# The file


@pytest.fixture(scope="session")
def package(default: Path) -> Path:
    """Return a compiled pipeline."""
    assert make(default, "compile").returncode == 0
    return default / "build" / "pipeline.yaml"


@pytest.fixture
def folder(tmp_path: Path, default: Path) -> Path:
    """Return a project's folder, as far as schedules need one."""
    (tmp_path / "params").mkdir()
    (tmp_path / "steps").symlink_to(default / "steps")
    for env, number in (("dev", 1), ("prod", 2)):
        (tmp_path / f"params/{env}.yaml").write_text(f"context: {{numbers: [{number}]}}\n")
    return tmp_path


@pytest.fixture(scope="session")
def settings(default: Path) -> project_settings.Settings:
    return project_settings.load(default, environ={})


def request_of(
    folder: Path,
    package: Path,
    settings: project_settings.Settings,
    text: str,
    only: str | None = None,
) -> scheduling.Request:
    (folder / "schedules.yaml").write_text(text)
    return scheduling.read_request(package, only, lambda env: settings, root=folder)


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
    ("setting", "problem"),
    [
        ("crom: x", "a: there is no 'crom': it takes cron, every, env, parameters, enabled"),
        ("every: 30m", "a has both cron and every: give one of them"),
        ("env: stage", "a: env: params/stage.yaml is not there: make it"),
        ("env: ../x", "a: env: '../x' is no environment: use letters"),
        ("env: 1", "a: env: 1 is no environment"),
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
    assert str(caught.value).startswith(f"schedules.yaml:{line}: {problem}")
    assert caught.value.status == 2


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
        ("a: {every: 4000d}", "1: a: every: '4000d' is no interval"),
        ("a: {every: 1h, start: 2027-01-02, end: 2027-01-01}", "1: a: end is not after start"),
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


@pytest.mark.parametrize(("text", "applied"), [("", False), ("0", False), ("1", True)])
def test_apply(text: str, applied: bool) -> None:
    assert scheduling.is_applied({"APPLY": text}) is applied
    with pytest.raises(WorkbenchError, match=r"APPLY='yes': write APPLY=1"):
        scheduling.is_applied({"APPLY": "yes"})


# make schedule, make check


@pytest.fixture(scope="session")
def server_of_all() -> Iterator[KfpServer]:
    """Run one server for the tests that need no other; `server` empties it."""
    with kfp_server() as running:
        yield running


@pytest.fixture
def server(server_of_all: KfpServer) -> KfpServer:
    clear(server_of_all)
    return server_of_all


def clear(server: KfpServer) -> None:
    server.mend()
    server.before = None
    server.schedules, server.runs = Table("recurring_run_id"), Table("run_id")
    server.experiments = Table("experiment_id")
    for rows in (server.requests, server.ghosts, server.killed):
        rows.clear()


def make_schedule(project: Path, url: str, *words: str, **env: str) -> Any:
    return make(project, "schedule", *words, env={"KFP_HOST": url, "ALLOW_UNPINNED": "1", **env})


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
    assert result.returncode == 2 or "make push" in result.stderr
    assert server.changes() == []


def test_env_given_or_not(project: Path, server: KfpServer) -> None:
    (project / "params/prod.yaml").write_text("context: {numbers: [5]}\n")
    (project / "schedules.yaml").write_text(f"{NIGHTLY}weekly: {{every: 7d, env: prod}}\n")

    def names(*words: str, **env: str) -> list[str]:
        result = make_schedule(project, server.url, *words, **env)
        assert result.returncode == 0, result.stderr
        return [item["name"] for item in json.loads(result.stdout)["schedules"]]

    assert names() == ["nightly", "weekly"]
    assert names("ENV=prod") == names(ENV="prod") == ["weekly"]
    assert names(ENV="/etc/passwd") == ["nightly", "weekly"]
    assert make_schedule(project, server.url, "ENV=a/b").returncode == 2


# What is planned and done, in this process


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a compiled pipeline that the server takes."""
    path = tmp_path_factory.mktemp("small") / "pipeline.yaml"
    path.write_text(
        "pipelineInfo: {name: p}\nschemaVersion: 2.1.0\n"
        "root: {dag: {}, inputDefinitions: {parameters: {n: {parameterType: NUMBER_INTEGER, "
        "defaultValue: 1}, password: {parameterType: STRING, isOptional: true}}}}\n"
    )
    return path


@pytest.fixture
def wanted(small: Path) -> Callable[..., Wanted]:
    def make_wanted(key: str = "nightly", **more: Any) -> Wanted:
        return Wanted(
            **{
                **{"key": key, "title": f"p {key}", "env": "dev", "cron": "0 0 3 * * *"},
                **{"every": None, "start": None, "end": None, "enabled": True},
                **{"max_concurrency": 1, "catch_up": False, "package": small},
                **{"parameters": {}, "experiment": "p"},
                **more,
            }
        )

    return make_wanted


class Project:
    """A project whose schedules are brought to a server, again and again."""

    def __init__(self, url: str, namespace: str | None = None, name: str = "p") -> None:
        self.server = servers.connect(url, namespace)
        self.owner = schedules.owner(name, self.server.namespace)
        self.removes = schedules.can_orphan(self.server.version)
        self.said: list[str] = []

    def plan(self, *wanted: Wanted, only: str | None = None) -> list[schedules.Action]:
        servers.look(self.server.host, self.server.namespace)  # what each `connect` does
        live = schedules.listed(self.server, self.owner)
        return schedules.plan(wanted, live, removes=self.removes, only=only)

    def apply(self, *wanted: Wanted, only: str | None = None) -> list[str]:
        """Plan and do it; return the verbs."""
        actions = self.plan(*wanted, only=only)
        rescheduling.carry_out(self.server, self.owner, actions, self.said.append)
        return [action.verb for action in actions]


def rows_of(server: KfpServer, key: str = "nightly", *, on: bool | None = None) -> list[Row]:
    """Return the server's rows of one key of the project p, those that are enabled, or not."""
    rows = [row for row in server.schedules if row["description"].startswith(f"owner=p;key={key};")]
    return [row for row in rows if on is None or (row["mode"] == "ENABLE") is on]


def crons(rows: Sequence[Row]) -> list[str]:
    return [row["trigger"]["cron_schedule"]["cron"] for row in rows]


def add_foreign(server: KfpServer, count: int = 4, kinds: int = 4) -> list[Row]:
    """Add schedules of others: by hand, of a project with a longer name, that speaks of ours."""
    experiment = server.add_experiment("theirs")["experiment_id"]
    rest = f";key=nightly;env=dev;h={'0' * 32}"
    texts = ["", f"owner=p2{rest}", f"see owner=p{rest}", f"owner=x owner=p{rest}"]
    common = {
        **{"display_name": "p nightly", "experiment_id": experiment, "mode": "ENABLE"},
        **{"status": "ENABLED", "namespace": "kubeflow", "max_concurrency": "1"},
        "trigger": {"cron_schedule": {"cron": "0 0 9 * * *"}},
    }
    return [
        dict(server.schedules.add({**common, "description": texts[number % kinds]}))
        for number in range(count)
    ]


def test_each_verb(server: KfpServer, wanted: Callable[..., Wanted]) -> None:
    ours, foreign = Project(server.url), add_foreign(server)
    assert ours.apply(wanted(), wanted("b")) == ["create", "create"]
    first = rows_of(server)[0]["recurring_run_id"]
    assert ours.apply(wanted(enabled=False), wanted("b")) == ["disable", "keep"]
    assert rows_of(server)[0]["mode"] == "DISABLE"
    assert ours.apply(wanted(), wanted("b")) == ["enable", "keep"]
    assert [row["recurring_run_id"] for row in rows_of(server, on=True)] == [first]
    assert ours.apply(wanted(cron="0 0 4 * * *"), wanted("b")) == ["replace", "keep"]
    assert crons(rows_of(server)) == ["0 0 4 * * *"]
    assert ours.apply(wanted(cron="0 0 4 * * *")) == ["keep", "delete"]
    assert not rows_of(server, "b")
    assert ours.said == [
        *("nightly: created", "b: created", "nightly: disabled", "nightly: enabled"),
        *("nightly: replaced", "b: deleted"),
    ]
    assert [row for row in server.schedules if row in foreign] == foreign
    assert len(server.schedules) == 5 and not server.ghosts


@pytest.mark.parametrize(
    "more",
    [
        {"cron": None, "every": 60},
        {"parameters": {"n": 2}},
        {"parameters": {"password": "s3cret"}},
        {"max_concurrency": 2},
        {"catch_up": True},
        {"start": "2036-01-01T00:00:00Z"},
        {"end": "2036-01-01T00:00:00Z"},
        {"experiment": "other"},
        {"service_account": "robot"},
        {"env": "prod"},
    ],
    ids=lambda more: "-".join(more),
)
def test_whatever_changes_makes_another_schedule(
    server: KfpServer, wanted: Callable[..., Wanted], more: Any
) -> None:
    ours = Project(server.url)
    ours.apply(wanted())
    assert ours.apply(wanted(**more)) == ["replace"]
    assert ours.apply(wanted(**more)) == ["keep"]
    assert len(server.schedules) == 1


def test_another_pipeline_makes_another_schedule(
    server: KfpServer, wanted: Callable[..., Wanted], small: Path, tmp_path: Path
) -> None:
    ours, other = Project(server.url), tmp_path / "pipeline.yaml"
    other.write_text(f"{small.read_text()}defaultPipelineRoot: x\n")
    ours.apply(wanted())
    assert ours.apply(wanted(package=other)) == ["replace"]
    assert server.schedules[0]["pipeline_spec"]["defaultPipelineRoot"] == "x"


def test_a_platform_spec_goes_along(
    server: KfpServer, wanted: Callable[..., Wanted], small: Path, tmp_path: Path
) -> None:
    both = tmp_path / "pipeline.yaml"
    both.write_text(
        f"{small.read_text()}---\nplatforms: {{kubernetes: {{deploymentSpec: {{}}}}}}\n"
    )
    Project(server.url).apply(wanted(package=both))
    assert server.schedules[0]["pipeline_spec"]["platform_spec"] == {
        "platforms": {"kubernetes": {"deploymentSpec": {}}}
    }


def test_secrets_are_in_no_message(
    server: KfpServer, wanted: Callable[..., Wanted], capsys: pytest.CaptureFixture[str]
) -> None:
    ours = Project(server.url)
    ours.apply(wanted(parameters={"password": "s3cret"}))
    (row,) = server.schedules
    assert row["runtime_config"] == {"parameters": {"password": "s3cret"}}
    (live,) = schedules.listed(ours.server, ours.owner)
    assert schedules.changed_parameters(wanted(), live) == ["password"]
    assert "s3cret" not in row["description"] + str(ours.said) + "".join(capsys.readouterr())


def test_a_running_workflow_is_never_killed(
    server: KfpServer, wanted: Callable[..., Wanted]
) -> None:
    ours = Project(server.url)
    ours.apply(wanted())
    run = server.add_run(
        [Moment("RUNNING")], recurring_run_id=server.schedules[0]["recurring_run_id"]
    )
    ours.apply(wanted(cron="0 0 4 * * *"))
    ours.apply()
    assert len(server.schedules) == 0 and server.killed == [] and run["state"] == "RUNNING"


@pytest.mark.parametrize("version", ["2.15.2", "2.5.0", "", "dev-build"])
def test_a_server_that_would_kill_is_asked_to_delete_nothing(
    version: str, wanted: Callable[..., Wanted]
) -> None:
    with kfp_server(version=version) as server:
        ours = Project(server.url)
        ours.apply(wanted())
        run = server.add_run(
            [Moment("RUNNING")], recurring_run_id=server.schedules[0]["recurring_run_id"]
        )
        assert ours.apply(wanted(cron="0 0 4 * * *")) == ["replace"]
        assert ours.apply(wanted(cron="0 0 4 * * *")) == ["keep"], "what is disabled is gone"
        assert crons(rows_of(server, on=False)) == ["0 0 3 * * *"]
        assert ours.apply(wanted()) == ["replace"], "one that was disabled would make up for it"
        assert ours.apply() == ["delete"] and ours.apply() == []
        assert len(rows_of(server, on=False)) == 3 and not rows_of(server, on=True)
        assert not server.calls("DELETE") and run["state"] == "RUNNING"


@pytest.mark.parametrize(
    ("version", "can"),
    [("2.16.0", True), ("v2.17.3", True), ("3.0.0-rc.1", True), ("2.9.9", False), ("", False)],
)
def test_versions_that_leave_runs_alone(version: str, can: bool) -> None:
    assert schedules.can_orphan(version) is can


def test_a_long_description_is_refused_before_anything_is_sent(
    server: KfpServer, wanted: Callable[..., Wanted]
) -> None:
    """The server would make an invisible schedule, and say that it failed."""
    ours = Project(server.url, name="p" * 63)
    with pytest.raises(WorkbenchError, match=r"would have 2\d\d bytes, and KFP has room for 255"):
        ours.apply(wanted("k" * 63, env="e" * 80))
    assert server.changes() == [] and not server.ghosts


def test_a_past_beginning_starts_no_run_at_once(
    server: KfpServer, wanted: Callable[..., Wanted]
) -> None:
    past, future = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"

    def start(schedule: Wanted, *, again: bool) -> Any:
        return schedule_requests.arguments(schedule, again=again)["start_time"]

    for again, catch_up in itertools.product((False, True), repeat=2):
        assert start(wanted(start=future, catch_up=catch_up), again=again) == future
    assert start(wanted(start=past), again=False) is None
    assert start(wanted(start=past, catch_up=True), again=False) == past
    assert start(wanted(start=past, catch_up=True), again=True) is None, "the other did that"
    ours = Project(server.url)
    assert ours.apply(wanted(start=past)) == ["create"] and ours.apply(wanted(start=past)) == [
        "keep"
    ]


def test_projects_and_namespaces_do_not_see_each_other(wanted: Callable[..., Wanted]) -> None:
    with kfp_server(multi_user=True) as server:
        projects = [
            Project(server.url, namespace, name)
            for namespace, name in itertools.product(("team-a", "team-b"), ("p", "p2"))
        ]
        for ours in projects:
            assert ours.apply(wanted()) == ["create"]
        assert projects[0].apply() == ["delete"]
        assert [ours.apply(wanted()) for ours in projects[1:]] == [["keep"]] * 3
        assert {row["namespace"] for row in server.schedules} == {"team-a", "team-b"}


def test_environments_do_not_delete_each_others(
    server: KfpServer, wanted: Callable[..., Wanted]
) -> None:
    ours = Project(server.url)
    ours.apply(wanted(), wanted("b", env="prod"))
    assert ours.apply(wanted(), only="dev") == ["keep"]
    assert ours.apply(only="dev") == ["delete"] and len(rows_of(server, "b")) == 1
    assert ours.apply(only="prod") == ["delete"]


def test_a_thousand_schedules_of_others_cost_no_request_more(
    server: KfpServer, wanted: Callable[..., Wanted]
) -> None:
    foreign = add_foreign(server, 1000, kinds=2)
    ours = Project(server.url)
    ours.apply(wanted())
    server.requests.clear()
    assert ours.apply(wanted()) == ["keep"]
    assert len(server.requests) == 2 and server.changes() == []
    server.requests.clear()
    ours.apply(wanted(cron="0 0 4 * * *"))
    assert len(server.requests) <= 14
    assert [row for row in server.schedules if row in foreign] == foreign


def test_more_schedules_than_a_page_are_all_seen(
    server: KfpServer, wanted: Callable[..., Wanted]
) -> None:
    ours = Project(server.url)
    ours.apply(wanted())
    (row,) = server.schedules
    for number in range(250):
        text = row["description"].replace("nightly", f"k{number}")
        copy = {**row, "description": text, "recurring_run_id": str(number)}
        server.schedules.add(copy)
    assert len(schedules.listed(ours.server, ours.owner)) == 251


# What is left behind by others


def test_what_was_left_behind_is_removed(server: KfpServer, wanted: Callable[..., Wanted]) -> None:
    ours = Project(server.url)
    ours.apply(wanted())
    (row,) = server.schedules
    for mode in ("ENABLE", "DISABLE"):
        server.schedules.add({**row, "recurring_run_id": f"left-{mode}", "mode": mode})
    assert ours.apply(wanted()) == ["tidy"]
    assert len(rows_of(server)) == 1 and rows_of(server)[0]["mode"] == "ENABLE"
    assert ours.apply(wanted()) == ["keep"]


@pytest.mark.parametrize("version", ["2.17.0", "2.15.2"])
@pytest.mark.parametrize("text", [NIGHTLY, NIGHTLY.replace(" 3 ", " 4 "), ""])
def test_what_a_failure_left_behind_is_shown_and_removed(
    folder: Path,
    package: Path,
    settings: project_settings.Settings,
    capsys: pytest.CaptureFixture[str],
    text: str,
    version: str,
) -> None:
    """The schedule was made, no answer came, and then there was no server; now there is."""
    changed = NIGHTLY.replace(" 3 ", " 4 ")
    with kfp_server(version=version) as server:

        def schedule(text: str, *, apply: bool) -> tuple[list[str], str]:
            request = request_of(folder, package, settings, text)
            result = scheduling.schedule(servers.connect(server.url), request, apply=apply)
            said = capsys.readouterr().err
            return [item["action"] for item in result["schedules"]], said

        assert schedule(NIGHTLY, apply=True)[0] == ["create"]
        server.requests.clear()
        server.fail("lost", "/recurringruns", method="POST")
        server.fail("500", "/recurringruns", method="GET", first=2)
        with pytest.raises(
            WorkbenchError, match=r"not known whether another one is there, disabled: "
        ):
            schedule(changed, apply=True)
        server.mend()
        capsys.readouterr()
        modes = [row["mode"] for row in server.schedules]
        assert modes == ["ENABLE", "DISABLE"], "it is left behind"

        verbs, said = schedule(text, apply=False)
        note = "note: 1 that are disabled stay: deleting would kill their runs before KFP 2.16"
        removes = version == "2.17.0"
        assert (note in said) is not removes
        verb = "tidy" if removes else "keep"
        assert verbs == [{NIGHTLY: verb, changed: "replace", "": "delete"}[text]]
        assert schedule(text, apply=True)[0] == verbs
        on = [row for row in server.schedules if row["mode"] == "ENABLE"]
        assert crons(on) == re.findall('"(.*)"', text)
        assert len(server.schedules) == len(on) or not removes
        verbs, said = schedule(text, apply=True)
        assert verbs == ["keep"] * bool(text) and "nothing to do" in said
        assert ("that are disabled stay" in said) is not removes


# Faults

KINDS = [
    *("401", "403", "404", "409", "aborted", "429", "500", "503"),
    *("html", "redirect", "empty", "broken", "null", "reset", "lost", "torn", "silent"),
]
OLD, NEW = "0 0 3 * * *", "0 0 4 * * *"


def broken_off(action: Callable[[], object]) -> str:
    """Return the line that a failure ends with, or nothing for a success."""
    try:
        action()
    except WorkbenchError as error:
        message = str(error)
        assert "\n" not in message and error.status == 1
        return message
    return ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_replacement_that_breaks_off_anywhere(
    server: KfpServer,
    wanted: Callable[..., Wanted],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    """At each request in turn: one schedule is in force, and the next try mends the rest."""
    monkeypatch.setattr(transport, "READ_SECONDS", 0.2)
    ours = Project(server.url)
    for number in itertools.count(1):
        clear(server)
        foreign = add_foreign(server)
        ours.apply(wanted())
        server.requests.clear()
        fault = server.fail(kind, first=number, times=1)
        problem = broken_off(lambda: ours.apply(wanted(cron=NEW)))
        on = rows_of(server, on=True)
        assert len(on) == 1 and crons(on)[0] in (OLD, NEW), (number, problem)
        assert problem or crons(on) == [NEW]
        server.mend()
        ours.apply(wanted(cron=NEW))
        assert crons(rows_of(server)) == [NEW] and rows_of(server, on=True)
        assert ours.apply(wanted(cron=NEW)) == ["keep"]
        assert [row for row in server.schedules if row in foreign] == foreign
        assert not server.ghosts and not server.killed
        if fault.seen < number:
            break
    assert number > 11, "as many requests as a replacement takes"


CHANGES: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None]] = {
    "create": (None, {}),
    "create-disabled": (None, {"enabled": False}),
    "enable": ({"enabled": False}, {}),
    "disable": ({}, {"enabled": False}),
    "delete": ({}, None),
}


@pytest.mark.parametrize("kind", ["500", "empty", "lost", "html"])
@pytest.mark.parametrize("change", CHANGES)
def test_other_changes_that_break_off_anywhere(
    server: KfpServer, wanted: Callable[..., Wanted], kind: str, change: str
) -> None:
    ours = Project(server.url)
    before, after = ([] if more is None else [wanted(**more)] for more in CHANGES[change])
    for number in itertools.count(1):
        clear(server)
        foreign = add_foreign(server)
        ours.apply(*before)
        fault = server.fail(kind, first=number, times=1)
        broken_off(lambda: ours.apply(*after))
        assert len(rows_of(server, on=True)) <= 1
        server.mend()
        ours.apply(*after)
        modes = ["ENABLE" if item.enabled else "DISABLE" for item in after]
        assert [row["mode"] for row in rows_of(server)] == modes, number
        assert set(ours.apply(*after)) <= {"keep"}
        assert [row for row in server.schedules if row in foreign] == foreign
        if fault.seen < number:
            break


@pytest.mark.parametrize("kind", ["500", "reset", "empty", "html", "401"])
def test_a_server_that_is_gone_in_the_middle(
    server: KfpServer, wanted: Callable[..., Wanted], kind: str
) -> None:
    """Nobody can restore anything then; there are never two, and the next try mends it."""
    ours = Project(server.url)
    for number in range(1, 13):
        clear(server)
        ours.apply(wanted())
        server.fail(kind, first=number)
        problem = broken_off(lambda: ours.apply(wanted(cron=NEW)))
        assert problem or (kind == "empty" and number <= 2)
        on = rows_of(server, on=True)
        assert len(on) <= 1
        if not on:
            assert "what is in force now is not known" in problem
        server.mend()
        ours.apply(wanted(cron=NEW))
        assert crons(rows_of(server)) == [NEW] and rows_of(server, on=True)


@pytest.mark.parametrize(
    ("kind", "at", "method", "first", "message"),
    [
        ("500", ":disable", "POST", 1, "the server says 500): see its log, try again; nothing is"),
        ("500", ":enable", "POST", 1, "try again; the old one is in force again"),
        ("400", "/recurringruns", "POST", 1, "it refused (400: the server says 400); nothing is"),
        ("empty", ":disable", "POST", 1, "did not disable the schedule, and said that it did; no"),
        ("empty", ":enable", "POST", 1, "did not enable the schedule, and said that it did; the"),
        ("500", "/recurringruns/", "DELETE", 1, "what was to go is disabled, and still there"),
    ],
)
def test_what_is_said_when_it_breaks_off(
    server: KfpServer,
    wanted: Callable[..., Wanted],
    kind: str,
    at: str,
    method: str,
    first: int,
    message: str,
) -> None:
    ours = Project(server.url)
    ours.apply(wanted())
    server.fail(kind, at, method=method, first=first, times=1)
    problem = broken_off(lambda: ours.apply(wanted(cron=NEW)))
    assert problem.startswith("schedule nightly: ") and message in problem


@pytest.mark.parametrize("kind", ["lost", "torn"])
def test_a_lost_answer_makes_no_second_schedule(
    server: KfpServer, wanted: Callable[..., Wanted], kind: str
) -> None:
    ours = Project(server.url)
    server.fail(kind, "/recurringruns", method="POST")
    assert ours.apply(wanted()) == ["create"]
    assert len(rows_of(server)) == 1 and rows_of(server)[0]["mode"] == "ENABLE"
    assert len([r for r in server.changes() if r.path.endswith("/recurringruns")]) == 1


@pytest.mark.parametrize("mode", ["ENABLE", "DISABLE"])
def test_what_another_made_meanwhile_is_left_alone(
    server: KfpServer, wanted: Callable[..., Wanted], mode: str
) -> None:
    ours = Project(server.url)
    for before in ([], [wanted()], [wanted(cron=NEW, enabled=False)]):
        clear(server)
        ours.apply(*before)
        actions = ours.plan(wanted(cron=NEW))
        text = schedules.describe("p", wanted(cron="0 0 6 * * *"))
        (foreign,) = add_foreign(server, 1)
        theirs = server.schedules.add(
            {**foreign, "recurring_run_id": "theirs", "description": text, "mode": mode}
        )
        there = [dict(row) for row in server.schedules]
        server.requests.clear()
        with pytest.raises(
            WorkbenchError, match=r"^schedule nightly: it is not as it was a moment ago: do "
        ):
            rescheduling.carry_out(ours.server, ours.owner, actions, print)
        assert theirs["mode"] == mode and [dict(row) for row in server.schedules] == there
        assert not server.calls(at="able"), "nothing was switched"


def test_an_interruption_restores_the_old_one(
    server: KfpServer, wanted: Callable[..., Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Project(server.url)
    ours.apply(wanted())
    call, doings = faults.call, iter([True, *[False] * 20])

    def interrupted(endpoint: Any, doing: str, *more: Any) -> Any:
        if doing.startswith("enable") and next(doings):
            raise KeyboardInterrupt
        return call(endpoint, doing, *more)

    monkeypatch.setattr(faults, "call", interrupted)
    with pytest.raises(
        WorkbenchError, match=r"^schedule nightly: interrupted; the old one is in"
    ) as it:
        ours.apply(wanted(cron=NEW))
    assert it.value.status == 130
    assert crons(rows_of(server)) == [OLD] and rows_of(server, on=True)


@pytest.fixture
def signals() -> Iterator[None]:
    """Have signals end a test as they end a verb, also where they were ignored before."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {n: signal.signal(n, signal.default_int_handler) for n in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def signalling(server: KfpServer, first: int, *numbers: int) -> None:
    """Send signals to this process: one with the request ``first``, the next with the next."""
    waiting, seen = list(numbers), itertools.count(1)

    def send(request: Request) -> None:
        if next(seen) >= first and waiting:
            main = threading.main_thread().ident
            assert main
            signal.pthread_kill(main, waiting.pop(0))

    server.before = send


# What the last line may say, and the crons that are in force then.
STATES = {
    "nothing is changed": "old",
    "the old one is in force again": "old",
    "it is in force, as it was": "old",
    "it is in force, as the file has it": "new",
    "it is not in force": "none",
}


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("version", ["2.17.0", "2.15.2"])
@pytest.mark.parametrize(
    "numbers",
    [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGHUP,), (signal.SIGINT,) * 30],
    ids=["int", "term", "hup", "many"],
)
@pytest.mark.parametrize("change", ["replace", *CHANGES])
def test_an_interrupt_anywhere_ends_with_what_is_in_force(
    wanted: Callable[..., Wanted], change: str, numbers: Sequence[int], version: str
) -> None:
    """At each request in turn, and again at all that follow: nobody is left in the dark."""
    changes = {"replace": ({}, {"cron": NEW}), **CHANGES}
    before, after = ([] if more is None else [wanted(**more)] for more in changes[change])
    said = set()
    with kfp_server(version=version) as server:
        ours = Project(server.url)
        assert ours.server.client
        for number in itertools.count(1):
            clear(server)
            foreign = add_foreign(server)
            ours.apply(*before)
            was = [dict(row) for row in rows_of(server)]
            actions = ours.plan(*after)
            server.requests.clear()
            signalling(server, number, *numbers)
            try:
                rescheduling.carry_out(ours.server, ours.owner, actions, ours.said.append)
            except WorkbenchError as error:
                assert error.status == 130
                start, _, state = str(error).partition("; ")
                assert start == "schedule nightly: interrupted"
                said.add(state := state.removesuffix(", and the new one stays, disabled"))
            else:
                state = ""
            server.before, sent = None, len(server.requests)
            on = crons(rows_of(server, on=True))
            if state:
                old, new = ([s.cron for s in side if s.enabled] for side in (before, after))
                assert on == {"old": old, "new": new, "none": []}[STATES[state]], number
            if state in ("nothing is changed", "the old one is in force again"):
                now = [dict(row) for row in rows_of(server)]
                assert now == was or (version == "2.15.2" and now[:-1] == was), number
            ours.apply(*after)
            assert set(ours.apply(*after)) <= {"keep"}
            assert crons(rows_of(server, on=True)) == [s.cron for s in after if s.enabled]
            assert [row for row in server.schedules if row in foreign] == foreign
            assert not server.killed and not server.ghosts
            if sent < number:
                break
    if change == "replace":
        assert said == set(STATES) - {"it is not in force"}


@pytest.mark.parametrize(
    ("at", "state"),
    [
        ((schedules, "listed"), "nothing is changed"),
        ((rescheduling, "carry_out"), "what is in force now is not known: make schedule again"),
    ],
)
def test_an_interrupt_elsewhere(
    folder: Path,
    package: Path,
    settings: project_settings.Settings,
    server: KfpServer,
    monkeypatch: pytest.MonkeyPatch,
    at: tuple[Any, str],
    state: str,
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    request = request_of(folder, package, settings, NIGHTLY)
    monkeypatch.setattr(*at, interrupted)
    with pytest.raises(WorkbenchError) as caught:
        scheduling.schedule(servers.connect(server.url), request, apply=True)
    assert (str(caught.value), caught.value.status) == (f"interrupted; {state}", 130)


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize(
    ("faults", "state"),
    [
        ([(":enable", 1, 1)], "the old one is in force again"),
        (
            [(":enable", 1, 1), ("/recurringruns", 7, 0)],
            r"what is in force now is not known \(.*\): make schedule again",
        ),
        (
            [("/recurringruns", 1, 0)],
            "nothing else is in force than before; it is not known whether another one is there, "
            "disabled: make schedule again",
        ),
    ],
)
def test_an_interrupt_of_a_request_that_fails(
    server: KfpServer, wanted: Callable[..., Wanted], faults: Any, state: str
) -> None:
    """What went wrong is said, too."""
    ours = Project(server.url)
    ours.apply(wanted())
    actions = ours.plan(wanted(cron=NEW))
    for at, first, times in faults:
        server.fail("500", at, first=first, times=times)

    def interrupt(request: Request) -> None:
        main = threading.main_thread().ident
        if main and request.method == "POST" and server.faults[0].at in request.path:
            signal.pthread_kill(main, signal.SIGTERM)

    server.before = interrupt
    with pytest.raises(WorkbenchError) as caught:
        rescheduling.carry_out(ours.server, ours.owner, actions, print)
    start = r"schedule nightly: interrupted; cannot .* the server failed \(500: .*; "
    assert re.fullmatch(start + state, str(caught.value)), caught.value
    assert caught.value.status == 130


def test_two_interrupts_of_make_schedule(project: Path, server: KfpServer) -> None:
    """The second comes while the first is dealt with."""
    (project / "schedules.yaml").write_text(NIGHTLY)
    assert make_schedule(project, server.url, "APPLY=1").returncode == 0
    (project / "schedules.yaml").write_text(NIGHTLY.replace(" 3 ", " 4 "))
    given = {"KFP_HOST": server.url, "ALLOW_UNPINNED": "1", "APPLY": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "kfp_workbench", "schedule"],
        cwd=project,
        env=environment(given),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:

        def interrupt(request: Request) -> None:
            if request.path.endswith((":enable", ":disable")):
                process.send_signal(signal.SIGINT)
                time.sleep(0.2)

        server.requests.clear()
        server.before = interrupt
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.splitlines()[-1].startswith("error: schedule nightly: interrupted; ")
    (row,) = server.schedules
    assert crons([row]) == [OLD] and row["mode"] == "ENABLE"


def test_a_server_that_makes_something_else_is_not_trusted(
    server: KfpServer, wanted: Callable[..., Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Project(server.url)
    ours.apply(wanted())
    add = server.schedules.add

    def add_other(row: Row) -> Row:
        return add({**row, "trigger": {"cron_schedule": {"cron": "0 0 5 * * *"}}})

    monkeypatch.setattr(server.schedules, "add", add_other)
    problem = broken_off(lambda: ours.apply(wanted(cron=NEW)))
    assert "made another schedule than was asked for ('0 0 5 * * *' becomes '0 0 4" in problem
    assert crons(rows_of(server)) == [OLD] and rows_of(server, on=True)


# Two people at once


class Turns:
    """Lets threads make their calls one at a time, in an order that chance decides."""

    def __init__(self, seed: int, names: Sequence[str]) -> None:
        self._chance, self._turn = random.Random(seed), threading.Condition()
        self._alive, self._waiting = set(names), set[str]()
        self._whose: str | None = None

    def _pass_on(self) -> None:
        if self._whose is None and self._alive and self._waiting == self._alive:
            self._whose = self._chance.choice(sorted(self._alive))
            self._turn.notify_all()

    def wait(self) -> None:
        name = threading.current_thread().name
        with self._turn:
            self._waiting.add(name)
            self._pass_on()
            assert self._turn.wait_for(lambda: self._whose == name, timeout=60)
            self._waiting.discard(name)
            self._whose = None

    def leave(self) -> None:
        with self._turn:
            self._alive.discard(threading.current_thread().name)
            self._pass_on()


@pytest.mark.parametrize("version", ["2.17.0", "2.5.0"])
@pytest.mark.parametrize("crons_wanted", [("0 0 4 * * *", "0 0 5 * * *"), (NEW, NEW)])
def test_two_people_at_once(
    wanted: Callable[..., Wanted],
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    crons_wanted: tuple[str, str],
) -> None:
    """Whatever the order of their requests: never two in force, and none unknown to both."""
    call = faults.call
    with kfp_server(version=version) as server:
        people = [Project(server.url), Project(server.url)]
        for person in people:
            assert person.server.client
        for seed in range(30):
            clear(server)
            monkeypatch.setattr(faults, "call", call)
            people[0].apply(wanted())
            turns, problems = Turns(seed, ["0", "1"]), ["", ""]

            def in_turn(*arguments: Any, turns: Turns = turns) -> Any:
                turns.wait()
                return call(*arguments)

            def act(number: int, turns: Turns = turns, problems: list[str] = problems) -> None:
                try:
                    problems[number] = broken_off(
                        lambda: people[number].apply(wanted(cron=crons_wanted[number]))
                    )
                finally:
                    turns.leave()

            monkeypatch.setattr(faults, "call", in_turn)
            threads = [
                threading.Thread(target=act, args=(number,), name=str(number))
                for number in range(2)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            monkeypatch.setattr(faults, "call", call)
            on = rows_of(server, on=True)
            assert len(on) == 1 or (not on and all(problems)), (seed, problems)
            people[0].apply(wanted(cron=NEW))
            assert crons(rows_of(server, on=True)) == [NEW]


def test_a_live_schedule_is_of_this_form(server: KfpServer, wanted: Callable[..., Wanted]) -> None:
    ours = Project(server.url)
    ours.apply(wanted())
    (row,) = server.schedules
    digest = schedules.digest(wanted())
    assert row["description"] == f"owner=p;key=nightly;env=dev;h={digest}"
    (live,) = schedules.listed(ours.server, ours.owner)
    assert isinstance(live, Live) and (live.key, live.env, live.digest) == (
        "nightly",
        "dev",
        digest,
    )
