"""Cron expressions as KFP's controller reads them: six fields, seconds first.

That is version 1 of https://github.com/robfig/cron, which the backend uses
(https://github.com/kubeflow/pipelines/blob/master/backend/src/crd/controller/scheduledworkflow/util/cron_schedule.go).
It takes five fields too, and reads the first of those as seconds; here that is refused.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from kfp_workbench.project.names import shown

MAX_YEARS = 5  # the controller looks no further ahead for the next time

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_ITEM = re.compile(r"(?:(?P<all>[*?])|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>\d+))?", re.A)
_DESCRIPTORS = {
    "@hourly": "0 0 * * * *",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@weekly": "0 0 0 * * 0",
    "@monthly": "0 0 0 1 * *",
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
}


class _Field(NamedTuple):
    what: str
    low: int
    high: int
    names: Mapping[str, int] = {}


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    _Field("day of week", 0, 6, {name: number for number, name in enumerate(_DAYS)}),
)


class Cron(NamedTuple):
    """A cron expression, understood."""

    text: str  # single spaces between its fields
    values: Sequence[frozenset[int]]  # of each field, seconds first
    either: bool  # one of day of month and day of week is enough; else both are needed


def parse(text: str) -> Cron:
    """Return a cron expression; raises ValueError, what is wrong and the cure, for any other."""
    words = text.split()
    if text.strip().startswith("@"):
        instead = _DESCRIPTORS.get(text.strip().lower())
        cure = f"write '{instead}'" if instead else "write six fields, or every: 30m"
        raise ValueError(f"{shown(text)} is a name for a time: {cure}")
    if words and re.match(r"(CRON_)?TZ=", words[0]):
        raise ValueError(f"{shown(text)} has a time zone, and KFP's is fixed: leave it off")
    if len(words) == 5:
        instead = shown(f"0 {' '.join(words)}")
        raise ValueError(
            f"{shown(text)} has 5 fields, and KFP takes the first for seconds: write {instead}"
        )
    if len(words) != 6:
        raise ValueError(
            f"{shown(text)} has {len(words)} fields: write six, "
            "second minute hour day-of-month month day-of-week, such as '0 0 3 * * *'"
        )
    values = [_parse_field(word, field) for word, field in zip(words, _FIELDS, strict=True)]
    # A star counts as one with a step, too, and in a list.
    starred = any(item[0] in "*?" for word in (words[3], words[5]) for item in word.split(","))
    return Cron(" ".join(words), values, not starred)


def _parse_field(word: str, field: _Field) -> frozenset[int]:
    return frozenset(value for item in word.split(",") for value in _parse_item(item, field))


def _parse_item(item: str, field: _Field) -> Iterator[int]:
    match = _ITEM.fullmatch(item)
    if match is None:
        cure = "use numbers, *, ?, a-b, a,b and /step"
        raise ValueError(f"{field.what}: {shown(item)} is nothing that KFP knows: {cure}")
    low, high = field.low, field.high
    if not match["all"]:
        low = _parse_value(match["low"], field)
        # "5/15" is "5-59/15".
        end = high if match["step"] else low
        high = _parse_value(match["high"], field) if match["high"] else end
    step = int(match["step"] or 1)
    if low > high:
        raise ValueError(f"{field.what}: {shown(item)} ends before it begins: write two ranges")
    if step == 0:
        raise ValueError(f"{field.what}: {shown(item)} has the step 0: write 1 or more")
    yield from range(low, high + 1, step)


def _parse_value(text: str, field: _Field) -> int:
    number = field.names.get(text.lower())
    if number is None and re.fullmatch("[0-9]{1,9}", text):
        number = int(text)
    if number is None:
        names = f" or {next(iter(field.names)).upper()} and the like" if field.names else ""
        raise ValueError(
            f"{field.what}: {shown(text)} is nothing that KFP knows: "
            f"use {field.low} to {field.high}{names}"
        )
    if not field.low <= number <= field.high:
        sunday = "; Sunday is 0" if field.what == "day of week" else ""
        raise ValueError(
            f"{field.what}: {number} is not from {field.low} to {field.high}: use those{sunday}"
        )
    return number


def words(cron: Cron) -> str:
    """Return in English when an expression is due, such as "At 03:00"."""
    import cron_descriptor  # with croniter, a quarter of a second

    options = cron_descriptor.Options()
    options.locale_code, options.use_24hour_time_format = "en_US", True
    parts = zip(cron.text.split(), _listed(cron), cron.values, _FIELDS, strict=True)
    fields = [_describable(*part) for part in parts]
    said: str = cron_descriptor.get_description(" ".join(fields), options)
    return said if cron.either else said.replace(", or on ", ", if that is on ")


def _describable(word: str, listed: str, values: frozenset[int], field: _Field) -> str:
    """Return a field as the library can put it in words.

    It does not know a star in a list, a question mark with a step, and more of that kind;
    and it says "every 45 minutes" where a step starts anew before it is through.
    """
    if listed == "*" or "," in word or "," not in listed:
        return listed
    if "/" not in word or _is_even(word, values, field):
        return word.replace("?", "*")
    low, high = min(values), max(values)
    return f"{low}-{high}" if len(values) == high + 1 - low else listed


def _is_even(word: str, values: frozenset[int], field: _Field) -> bool:
    """Tell whether a field with a step, and several values, is due once every so many units."""
    given, step = word.split("/")
    if "-" in given:  # it is said to end there
        return _parse_value(given.partition("-")[2], field) == max(values)
    return max(values) + int(step) == min(values) + field.high + 1 - field.low


def following(cron: Cron, after: datetime, count: int) -> list[datetime]:
    """Return the next times, fewer where the controller would find no more.

    They are in the time zone of ``after``. (It takes an expression without a next time
    for one that is due at once, again and again.)
    """
    import croniter

    due = croniter.croniter(
        " ".join(_listed(cron)),
        after,
        ret_type=datetime,
        day_or=cron.either,
        second_at_beginning=True,
        max_years_between_matches=MAX_YEARS + 1,
    )
    found: list[datetime] = []
    while len(found) < count:
        before = found[-1] if found else after
        try:
            time = due.get_next()
        except croniter.CroniterBadDateError:
            break
        if time.year > before.year + MAX_YEARS:
            break
        found.append(time)
    return found


def _listed(cron: Cron) -> list[str]:
    """Return the fields with every value written out; "*" for all that there are."""
    every = [
        len(values) == field.high + 1 - field.low
        for values, field in zip(cron.values, _FIELDS, strict=True)
    ]
    if cron.either and (every[3] or every[5]):
        every[3] = every[5] = True  # each day will do
    return [
        "*" if is_every else ",".join(map(str, sorted(values)))
        for values, is_every in zip(cron.values, every, strict=True)
    ]
