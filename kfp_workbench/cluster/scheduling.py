"""``make schedule``: what ``schedules.yaml`` asks for, held against the server."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench import signals
from kfp_workbench.cluster import adapting, rescheduling, schedules, submission
from kfp_workbench.cluster import schedule_file as file
from kfp_workbench.cluster.adapting import Source
from kfp_workbench.cluster.schedule_file import FILE, Entry, Schedules
from kfp_workbench.cluster.schedule_report import Report, say
from kfp_workbench.cluster.schedules import Action, Wanted
from kfp_workbench.cluster.server import Server
from kfp_workbench.errors import WorkbenchError, refuse
from kfp_workbench.project import environments, params, variables
from kfp_workbench.project.documents import Problem
from kfp_workbench.project.params_file import resolve
from kfp_workbench.project.secrecy import Mask
from kfp_workbench.project.settings import ROOT, Settings
from kfp_workbench.project.sources import Sources, UnreadableError


class Request(NamedTuple):
    """What is asked for: the schedules of one server."""

    wanted: list[Wanted]
    entries: Mapping[str, Entry]  # by name, as ``wanted``
    schedules: Schedules
    settings: Settings  # of the server
    source: Source  # the compiled pipeline
    cached: Mapping[str, bool | None]  # caching, by name; None for what pipeline.py says
    only: str | None  # the one environment that this is about
    secrets: frozenset[str]  # texts that are never to be shown


def read_request(
    package: Path,
    only: str | None,
    settings_of: Callable[[str], Settings],
    root: Path = ROOT,
) -> Request:
    """Return what the file asks for, with each schedule's parameters, checked.

    ``settings_of`` gives an environment's settings, and ``only`` is the one to look at.
    Raises WorkbenchError (2) for all that is wrong, and for schedules of several servers.
    """
    read = _read_file(package, root)
    entries = {entry.name: entry for entry in read.entries if only in (None, entry.env)}
    parameters, secrets = _parameters(entries.values(), read, package, root)
    wanted, cached = [], {}
    for entry in entries.values():
        settings = settings_of(entry.env)
        cached[entry.name] = settings.kfp_caching
        wanted.append(_wanted(entry, package, parameters[entry.name], settings))
    settings = _settings_of_all(entries.values(), settings_of) or settings_of(only or "dev")
    others = sorted(
        {entry.env for entry in read.entries} - {entry.env for entry in entries.values()}
    )
    if others:
        print(f"note: not of ENV={only}: the schedules of {', '.join(others)}", file=sys.stderr)
    source = Source(package, settings, root)
    return Request(wanted, entries, read, settings, source, cached, only, secrets)


def _read_file(package: Path, root: Path) -> Schedules:
    if not (root / FILE).exists():
        raise WorkbenchError(
            f"{FILE} is not there: begin with the line {file.EXAMPLE} in it "
            "(six fields, seconds first)",
            2,
        )
    declared = params.declared_parameters(package)
    kinds = {name: spec["parameterType"] for name, spec in declared.items()}
    try:
        read, findings = file.read_schedules(Sources(root), kinds)
    except UnreadableError as error:
        raise WorkbenchError(error.finding.text, 2) from None
    refuse([finding.text for finding in sorted(findings)])
    return read


def _settings_of_all(
    entries: Iterable[Entry], settings_of: Callable[[str], Settings]
) -> Settings | None:
    """Return the settings of all entries' one server, or None; a token is for one server only."""
    places: dict[tuple[str, str | None], tuple[str, Settings]] = {}
    for entry in entries:
        settings = settings_of(entry.env)
        places[settings.kfp_host, settings.kfp_namespace] = (entry.env, settings)
    if len(places) > 1:
        envs = [f"{env} is on {place[0]}" for place, (env, _) in places.items()]
        env = next(iter(places.values()))[0]
        raise WorkbenchError(
            f"{FILE}: {', '.join(envs)}: take one at a time, ENV={env} make schedule", 2
        )
    return next(iter(places.values()))[1] if places else None


def _parameters(
    entries: Iterable[Entry], read: Schedules, package: Path, root: Path
) -> tuple[dict[str, Mapping[str, Any]], frozenset[str]]:
    """Return what each schedule gives its runs, by its name, and what is secret of that."""
    found: dict[str, Mapping[str, Any]] = {}
    secrets: frozenset[str] = frozenset()
    problems: list[str] = []
    for entry in entries:
        given, wrong = _given(entry, package, root)
        found[entry.name] = given.parameters
        secrets |= given.secrets
        own = {name: given.parameters.get(name) for name in entry.parameters}
        wrong += submission.check_schedule(entry, own, read.document)
        lines = [(read.document.line(entry.name, *place), text) for place, text in wrong]
        problems += [f"{FILE}:{line}: {entry.name}: {text}" for line, text in sorted(lines)]
    refuse(problems)
    return found, secrets


def _given(
    entry: Entry, package: Path, root: Path
) -> tuple[environments.Environment, list[Problem]]:
    """Return what a schedule gives its runs, and what is wrong with it, by place in its entry.

    Its own parameters win over those of the file in ``params/``.
    """
    declared, own = params.declared_parameters(package), {}
    problems: list[Problem] = []
    for name, value in entry.parameters.items():
        kind = declared[name]["parameterType"]
        own[name], more = resolve(("parameters", name), value, kind, os.environ)
        problems += more
    given = environments.Environment({}, {}, variables.secrets(entry.parameters, os.environ))
    try:
        file = root / "params" / f"{entry.env}.yaml"
        environment, others = environments.gather(package, file, submitting=True, overrides=own)
        params.check_size(environment.parameters)
        given = environment._replace(secrets=environment.secrets | given.secrets)
    except WorkbenchError as error:
        others = [str(error)]
    return given, problems + [Problem((), text) for text in others]


def _wanted(
    entry: Entry, package: Path, parameters: Mapping[str, Any], settings: Settings
) -> Wanted:
    return Wanted(
        key=entry.name,
        title=f"{settings.name} {entry.name}",
        env=entry.env,
        cron=entry.cron.text if entry.cron else None,
        every=entry.every,
        start=_rfc3339(entry.start),
        end=_rfc3339(entry.end),
        enabled=entry.enabled,
        max_concurrency=entry.max_concurrency,
        catch_up=entry.catch_up,
        package=package,
        parameters=parameters,
        experiment=settings.kfp_experiment,
        service_account=settings.kfp_service_account,
    )


def _rfc3339(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def schedule(server: Server, request: Request, *, apply: bool) -> dict[str, Any]:
    """Print what is different on the server, and carry it out if ``apply``; return it all.

    Raises WorkbenchError as `rescheduling.carry_out` does.
    """
    with Mask(request.secrets).errors(), ExitStack() as copies:
        kinds = adapting.all_adapted(request.source, request.cached.values(), server, copies)
        wanted = [
            schedule._replace(package=kinds[request.cached[schedule.key]])
            for schedule in request.wanted
        ]
        return _schedule(server, request._replace(wanted=wanted), apply)


def _schedule(server: Server, request: Request, apply: bool) -> dict[str, Any]:
    owner = schedules.owner(request.settings.name, server.namespace)
    now = datetime.now(request.schedules.time_zone).replace(microsecond=0)
    report = Report(request.entries, request.schedules.time_zone_name, now)
    with _interrupted("nothing is changed"):
        actions = _plan(server, request, owner, report)
    to_do = [action for action in actions if action.verb != "keep"]
    ids = {action.key: action.kept.id for action in actions if action.kept}
    if apply:
        with _interrupted("what is in force now is not known: make schedule again"):
            ids = rescheduling.carry_out(server, owner, actions, say)
    hint = "" if apply or not to_do else ": make schedule APPLY=1 does it"
    say(f"{len(to_do) or 'nothing'} {'done' if apply and to_do else 'to do'}{hint}")
    return {
        "host": server.host,
        "namespace": server.namespace,
        "time_zone": request.schedules.time_zone_name,
        "applied": apply,
        "to_do": 0 if apply else len(to_do),
        "schedules": [report.result(action, server, ids.get(action.key)) for action in actions],
    }


def _plan(server: Server, request: Request, owner: str, report: Report) -> list[Action]:
    """Print what has to happen on the server, and return it."""
    for wanted in request.wanted:
        schedules.describe(owner, wanted)
    removes, only = schedules.can_orphan(server.version), request.only
    live = schedules.listed(server, owner)
    actions = schedules.plan(request.wanted, live, removes=removes, only=only)
    for action in actions:
        report.show(action)
    kept = [action.kept for action in actions]
    off = [row for row in live if not row.enabled and row not in kept]
    idle = sum(only in (None, row.env) for row in off)
    if not removes and idle:
        say(f"note: {idle} that are disabled stay: deleting would kill their runs before KFP 2.16")
    return actions


@contextmanager
def _interrupted(state: str) -> Iterator[None]:
    """Let an interrupt end with what is in force."""
    try:
        yield
    except KeyboardInterrupt:
        raise WorkbenchError(f"interrupted; {state}", signals.INTERRUPTED) from None
