"""Cron expressions: in words, the times that they name, and what is none."""

import itertools
import random
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kfp_workbench.cluster import cron
from shared.schedules import NOW


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


@pytest.mark.parametrize(("last", "times"), [(2040, ["2045-01-01T00:00:00+00:00"]), (2034, [])])
def test_the_controller_looks_five_years_ahead(last: int, times: list[str]) -> None:
    """New Year's Day is a Sunday in 2034, 2040 and 2045."""
    after = NOW.replace(year=last, month=1, day=2)
    found = cron.following(cron.parse("0 0 0 1 1 */7"), after, 1)
    assert [time.isoformat() for time in found] == times


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
