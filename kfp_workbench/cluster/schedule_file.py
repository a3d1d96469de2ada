"""Reads ``schedules.yaml`` and finds all that is wrong in it.

time_zone: Europe/Berlin        # of the cluster's controller, for what is shown; default: UTC
nightly:
cron: "0 0 3 * * *"           # six fields, seconds first
env: prod                     # params/prod.yaml; default: dev
parameters: {depth: 3}        # they win over those of the file
"""

import re
import zoneinfo
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, NamedTuple

from kfp_workbench.cluster import cron
from kfp_workbench.cluster.cron import Cron
from kfp_workbench.project import environments, variables
from kfp_workbench.project.documents import Document, Problem
from kfp_workbench.project.findings import Finding, said
from kfp_workbench.project.names import shown
from kfp_workbench.project.params_file import name_problem, resolve
from kfp_workbench.project.sources import Sources

FILE = "schedules.yaml"
EXAMPLE = 'nightly: {cron: "0 0 3 * * *"}'
TIME_ZONE = "time_zone"  # the one key of the file that is no schedule's name
MAX_CONCURRENCY = 10  # the server's limit
MAX_SECONDS = 10 * 366 * 24 * 3600  # ten years

_KEYS = ("cron", "every", "env", "parameters", "enabled", "max_concurrency", "catch_up")
_DATES = ("start", "end")
_FIRST_YEAR = 1970
_LAST_YEAR = {"start": 9000, "end": 9999}  # what comes after a start is reckoned with
_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
_UNITS = (("day", 24 * 3600), ("hour", 3600), ("minute", 60), ("second", 1))
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}


class Entry(NamedTuple):
    """One schedule as the file has it; either ``cron`` or ``every`` is not None."""

    name: str
    line: int  # in the file
    cron: Cron | None
    every: int | None  # seconds
    env: str
    parameters: Mapping[str, Any]
    enabled: bool
    max_concurrency: int
    catch_up: bool
    start: datetime | None  # with a time zone, as ``end``
    end: datetime | None

    @property
    def when(self) -> str:
        """Return in English when the schedule is due."""
        if self.cron:
            return cron.words(self.cron)
        seconds = self.every or 0
        name, size = next(unit for unit in _UNITS if seconds % unit[1] == 0)
        count = seconds // size
        return f"Every {name}" if count == 1 else f"Every {count} {name}s"


class Schedules(NamedTuple):
    """What the file holds."""

    entries: list[Entry]
    time_zone: tzinfo
    time_zone_name: str
    document: Document


def read_schedules(
    sources: Sources, kinds: Mapping[str, str | None] | None
) -> tuple[Schedules, list[Finding]]:
    """Return what the file holds, and all that is wrong with it.

    ``kinds`` are the types of the pipeline's parameters, as the compiled pipeline calls
    them; None where they are not known. Raises UnreadableError for what is no YAML.
    """
    document = sources.document(sources.root / FILE)
    reader = _Reader(document, sources, kinds)
    return reader.read(), reader.findings


class _Reader:
    """Reads the file, and notes what is wrong on the way."""

    def __init__(
        self, document: Document, sources: Sources, kinds: Mapping[str, str | None] | None
    ) -> None:
        self._document, self._sources, self._kinds = document, sources, kinds
        self._zone: tzinfo = timezone.utc
        self.findings: list[Finding] = []

    def read(self) -> Schedules:
        table = {} if self._document.value is None else self._document.value
        if not isinstance(table, dict):
            self._wrong((), f"holds no schedules by name: begin with {EXAMPLE}")
            table = {}
        name, self._zone = self._time_zone(table.get(TIME_ZONE, "UTC"))
        entries = [self._entry(key, table[key]) for key in table if key != TIME_ZONE]
        good = [entry for entry in entries if entry]
        return Schedules(good, self._zone, name, self._document)

    def _wrong(self, place: tuple[object, ...], problem: str) -> None:
        self.findings.append(said(FILE, self._document.line(*place), problem))

    def _time_zone(self, name: object) -> tuple[str, tzinfo]:
        if name == "UTC":
            return "UTC", timezone.utc
        try:
            return str(name), zoneinfo.ZoneInfo(name if isinstance(name, str) else "")
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            what = f"{TIME_ZONE}: {shown(name)} is no time zone that this machine knows"
            self._wrong((TIME_ZONE,), f"{what}: write one such as Europe/Berlin")
        return "UTC", timezone.utc

    def _entry(self, name: Any, table: Any) -> Entry | None:
        before = len(self.findings)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self._wrong(
                (name,),
                f"{shown(name)} cannot be a schedule's name: use a-z, 0-9, dashes and underscores, "
                "at most 63",
            )
        if not isinstance(table, dict):
            example = 'cron: "0 0 3 * * *"'
            self._wrong((name,), f"{shown(name)} has no settings: write {example} below it")
            return None
        for key in table:
            if key not in (*_KEYS, *_DATES):
                known = ", ".join((*_KEYS, *_DATES))
                self._wrong((name, key), f"{name}: there is no {shown(key)}: it takes {known}")
        expression, every = self._trigger(name, table)
        entry = Entry(
            name=name,
            line=self._document.line(name),
            cron=expression,
            every=every,
            env=self._env(name, table.get("env", "dev")),
            parameters=self._parameters(name, table.get("parameters")),
            enabled=self._flag(name, table, "enabled", True),
            max_concurrency=self._concurrency(name, table.get("max_concurrency", 1)),
            catch_up=self._flag(name, table, "catch_up", False),
            start=self._date(name, table, "start"),
            end=self._date(name, table, "end"),
        )
        if entry.start and entry.end:
            place, cure = (name, "end"), "give a later end"
            if entry.end <= entry.start:
                self._wrong(place, f"{name}: end is not after start: {cure}")
            elif (expression or every) and not self._is_ever_due(entry):
                self._wrong(place, f"{name}: it is never due between start and end: {cure}")
        return entry if len(self.findings) == before else None

    def _is_ever_due(self, entry: Entry) -> bool:
        """Tell whether a schedule with a beginning and an end is due in between."""
        assert entry.start and entry.end
        if entry.cron:
            due = cron.following(entry.cron, entry.start.astimezone(self._zone), 1)
        else:
            due = [entry.start + timedelta(seconds=entry.every or 0)]
        return any(time <= entry.end for time in due)

    def _trigger(self, name: str, table: Mapping[Any, Any]) -> tuple[Cron | None, int | None]:
        if ("cron" in table) == ("every" in table):
            found = "both cron and every" if "cron" in table else "neither cron nor every"
            self._wrong((name,), f"{name} has {found}: give one of them")
            return None, None
        if "every" in table:
            return None, self._interval(name, table["every"])
        text = table["cron"]
        if not isinstance(text, str):
            what = f"{name}: cron: {shown(text)} is no text"
            self._wrong((name, "cron"), f'{what}: put six fields in quotes, "0 0 3 * * *"')
            return None, None
        try:
            expression = cron.parse(text)
        except ValueError as error:
            self._wrong((name, "cron"), f"{name}: cron: {error}")
            return None, None
        if not cron.following(expression, datetime.now(timezone.utc), 1):
            what = f"{name}: cron: {shown(text)} is a date that never comes"
            self._wrong((name, "cron"), f"{what}, which KFP takes for one that is due: mend it")
        return expression, None

    def _interval(self, name: str, text: object) -> int | None:
        match = re.fullmatch(r"([0-9]{1,9})([smhd])", text) if isinstance(text, str) else None
        seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
        if 1 <= seconds <= MAX_SECONDS:
            return seconds
        what = f"{name}: every: {shown(text)} is no interval from one second to ten years"
        self._wrong((name, "every"), f"{what}: write a number and s, m, h or d, such as 30m")
        return None

    def _env(self, name: str, env: object) -> str:
        place = (name, "env")
        if problem := environments.name_problem(env):
            self._wrong(place, f"{name}: env: {shown(env)} is no environment: {problem}")
        elif not (self._sources.root / "params" / f"{env}.yaml").is_file():
            self._wrong(place, f"{name}: env: params/{env}.yaml is not there: make it")
        return str(env)

    def _parameters(self, name: str, values: object) -> Mapping[str, Any]:
        if values is None:
            return {}
        if not isinstance(values, dict):
            what = f"{name}: parameters are no values by name"
            self._wrong((name, "parameters"), f"{what}: write one `name: value` per line below it")
            return {}
        for key, value in values.items():
            problems = [
                *self._parameter_problems(key, value),
                *variables.literals(("parameters", key), value),
            ]
            for problem in problems:
                self._wrong((name, *problem.place), f"{name}: {problem.text}")
        return values

    def _parameter_problems(self, key: object, value: object) -> list[Problem]:
        place = ("parameters", key)
        if self._kinds is None and isinstance(key, str):
            return []
        kinds = self._kinds or {}
        if text := name_problem(key, kinds):
            return [Problem(place, text)]
        return resolve(place, value, kinds[str(key)], None)[1]

    def _flag(self, name: str, table: Mapping[Any, Any], key: str, default: bool) -> bool:
        value = table.get(key, default)
        if not isinstance(value, bool):
            self._wrong((name, key), f"{name}: {key}: {shown(value)}: write true or false")
        return value is True

    def _concurrency(self, name: str, value: object) -> int:
        if isinstance(value, int) and 1 <= value <= MAX_CONCURRENCY and value is not True:
            return value
        what = f"{name}: max_concurrency: {shown(value)} is not from 1 to {MAX_CONCURRENCY}"
        self._wrong((name, "max_concurrency"), f"{what}: KFP takes no other")
        return 1

    def _date(self, name: str, table: Mapping[Any, Any], key: str) -> datetime | None:
        if key not in table:
            return None
        value = table[key]
        moment = _moment(value)
        if moment and _FIRST_YEAR <= moment.year <= _LAST_YEAR[key]:
            return moment
        fault = "is no date"
        if isinstance(value, date):
            is_local = isinstance(value, datetime) and not value.tzinfo
            fault = "has no time zone" if is_local else "is too far away"
        what = f"{name}: {key}: {shown(str(value))} {fault}"
        self._wrong((name, key), f"{what}: write 2026-01-31, or 2026-01-31T03:00:00Z")
        return None


def _moment(value: object) -> datetime | None:
    """Return the first whole second of a date, or from a time on; None where it cannot be told."""
    try:
        if isinstance(value, datetime):
            moment = value.astimezone(timezone.utc)
            whole = moment.replace(microsecond=0) + timedelta(seconds=moment.microsecond > 0)
            return whole if value.tzinfo else None
        return datetime.combine(value, time(), timezone.utc) if isinstance(value, date) else None
    except OverflowError:
        return None
