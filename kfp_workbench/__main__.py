"""The command line behind the Makefile: ``python -m kfp_workbench VERB``."""

import argparse
import contextlib
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import settings as project
from kfp_workbench.project.settings import PACKAGE, ROOT
from kfp_workbench.signals import INTERRUPTED, Signals

if TYPE_CHECKING:
    from kfp_workbench.cluster.server import Server
    from kfp_workbench.cluster.waiting import Options
    from kfp_workbench.project.steps import Step


Verb = Callable[[argparse.Namespace], dict[str, object] | None]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit status; what people did wrong is one line.

    stdout gets the verb's result alone: a JSON object on one line, or a line a finding.
    """
    args = _parse(argv)
    verb: Verb = args.function
    args.stdout = _divert_stdout()
    with Signals() as args.signals:
        return _called(verb, args)


def _called(verb: Verb, args: argparse.Namespace) -> int:
    """Call a verb, print what comes of it, and return its exit status."""
    try:
        result = verb(args)
        if result is not None:
            _print(args, result)
    except WorkbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.status
    except OSError as error:
        print(f"error: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"error: interrupted{args.interrupted}", file=sys.stderr)
        return INTERRUPTED
    finally:
        for line in args.closing:
            print(line, file=sys.stderr)
    return 0


def _divert_stdout() -> TextIO:
    """Send what anybody writes to stdout, children too, to stderr; return the real one."""
    for number, name in ((2, "stderr"), (1, "stdout")):
        if getattr(sys, name) is None:  # closed, as by >&-
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, number)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
    sys.stdout.flush()
    stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return stdout


class _Parser(argparse.ArgumentParser):
    """Repeats no secret in its errors, such as that of a forgotten -p."""

    def error(self, message: str) -> NoReturn:
        from kfp_workbench.project.secrecy import hide_assignments

        super().error(hide_assignments(message))


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="make", allow_abbrev=False)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    parser.set_defaults(closing=[], interrupted="")
    verbs.add_parser("compile", help="write build/pipeline.yaml").set_defaults(function=_compile)
    verb = verbs.add_parser("manifest", help="write the compiled pipeline as resources")
    _add_env(verb, "namespace and caching")
    verb.set_defaults(function=_manifest)
    verb = verbs.add_parser("graph", help="draw the compiled pipeline")
    verb.set_defaults(function=_graph)
    for name, function in (("build", _build), ("push", _push)):
        verb = verbs.add_parser(name, help=f"{name} the images of steps that changed")
        verb.add_argument("steps", nargs="*", metavar="STEP", help="default: all")
        verb.add_argument("--jobs", type=int, default=_jobs(), help="at a time; make -jN sets it")
        verb.set_defaults(function=function)
        if name == "build":
            verb.add_argument("--again", action="store_true", help="unchanged ones too")
    verb = verbs.add_parser("check", help="check the contract between the project's files")
    verb.add_argument("--format", choices=("text", "github"), default="text")
    verb.set_defaults(function=_check)
    verb = verbs.add_parser("lock", help="write requirements.txt from requirements.in")
    verb.add_argument("--upgrade", action="store_true", help="to the newest versions")
    verb.set_defaults(function=_lock)
    verb = verbs.add_parser("wheels", help="fill a folder to set up from without a network")
    verb.add_argument("folder", type=Path)
    verb.set_defaults(function=_wheels)
    verb = verbs.add_parser("report", help="write the last local run's report")
    verb.add_argument("run", nargs="?", help="another one: a folder's name below build/local/")
    verb.set_defaults(function=_report)
    verb = verbs.add_parser("doctor", help="say what is missing on this machine")
    _add_env(verb, "where runs go")
    verb.set_defaults(function=_doctor)
    verb = verbs.add_parser("upload", help="a version of the pipeline", allow_abbrev=False)
    verb.add_argument("--set-default", action="store_true", help="fail unless runs take it")
    _add_env(verb, "where it goes")
    verb.set_defaults(function=_upload, interrupted="; nothing was uploaded")
    verb = verbs.add_parser("schedule", help="hold schedules.yaml against the server")
    _add_env(verb, "only its schedules (default: all)", default=None)
    verb.set_defaults(function=_schedule)
    verb = verbs.add_parser("help", help="show a page of the manual")
    verb.add_argument("topic")
    verb.set_defaults(function=_help)
    verb = verbs.add_parser("step", help="add a step")
    verb.add_argument("name")
    verb.set_defaults(function=_step)
    runs: dict[str, Callable[[argparse.Namespace], object]] = {"local": _local, "run": _run}
    for name, run in runs.items():
        verb = verbs.add_parser(name, help=f"{name} the compiled pipeline", allow_abbrev=False)
        _add_env(verb, "parameters")
        verb.add_argument(
            "-p", dest="parameters", action="append", default=[], metavar="NAME=VALUE"
        )
        verb.set_defaults(function=run)
        if name == "local":
            verb.set_defaults(interrupted="; everything that was started is ended")
            verb.add_argument("--runner", choices=("auto", "process", "docker"), default="auto")
        else:
            verb.set_defaults(interrupted="; no run was started")
            verb.add_argument("--experiment", help="default: the pipeline's name")
            verb.add_argument("--experiment-description", help="of one that is made by this")
            verb.add_argument(
                "--caching", action=argparse.BooleanOptionalAction, help="of all steps"
            )
            verb.add_argument("--name", help="of the run; default: pipeline and time")
            verb.add_argument("--wait", action="store_true", help="until it ends; also WAIT=1")
            verb.add_argument("--timeout", metavar="TIME", help="of the wait: 90, 30m, 2h")
            verb.add_argument("--on-interrupt", choices=("ask", "leave", "terminate"))
    return parser.parse_args(argv)


def _add_env(verb: argparse.ArgumentParser, what: str, default: str | None = "dev") -> None:
    verb.add_argument("--env", default=default, help=f"{what}: params/ENV.yaml")


def _jobs() -> int:
    """Return how many jobs make was told to run at a time (``-jN``; ``-j`` is one a CPU)."""
    flags = re.findall(r"(?:^| )-j ?([0-9]*)(?= |$)", os.environ.get("MAKEFLAGS", ""))
    return int(flags[-1] or os.cpu_count() or 1) if flags else 1


def _help(args: argparse.Namespace) -> None:
    from kfp_workbench.commands import help as manual

    manual.show(args.topic, args.stdout)


def _compile(args: argparse.Namespace) -> None:
    from kfp_workbench.images import pushed
    from kfp_workbench.pipeline import compiling
    from kfp_workbench.project import steps

    settings = project.load()
    target = compiling.compile_pipeline(settings)
    by_tag = pushed.unpinned(steps.used_images(target), settings)
    server = f" for KFP {settings.server}" if settings.server else ""
    note = " (images by content tag: make push pins their digests)" if by_tag else ""
    print(f"compiled {target.relative_to(ROOT)}{server}{note}", file=sys.stderr)


def _graph(args: argparse.Namespace) -> None:
    from kfp_workbench import graph

    print(f"drew {' and '.join(graph.draw(ROOT, _package()))}", file=sys.stderr)


def _manifest(args: argparse.Namespace) -> dict[str, object]:
    from kfp_workbench.cluster import caching
    from kfp_workbench.pipeline import manifest

    package, settings = _package(), _settings(args.env)
    _check_package(package, settings)
    with caching.applied(package, settings.kfp_caching) as copy:
        written = manifest.write_manifest(copy, settings, ROOT)
    print(f"wrote {written.manifest}: the version {written.version}", file=sys.stderr)
    return written._asdict()


def _build(args: argparse.Namespace) -> None:
    from kfp_workbench.images import building

    building.build(_selected(args.steps), project.load(), jobs=args.jobs, again=args.again)


def _push(args: argparse.Namespace) -> None:
    from kfp_workbench.images import building

    building.push(_selected(args.steps), project.load(), jobs=args.jobs)


def _selected(names: Sequence[str]) -> "list[Step]":
    from kfp_workbench.project import steps

    return [steps.get_step(name) for name in names] or steps.find_steps()


def _check(args: argparse.Namespace) -> None:
    from kfp_workbench import check

    findings, notes = check.examine()
    for finding in findings:
        text = finding.annotation if args.format == "github" else finding.text
        print(text, file=args.stdout, flush=True)
    for note in notes:
        print(f"note: {note.text}", file=sys.stderr)
    if findings:
        raise WorkbenchError(f"{len(findings)} findings, see above")
    print("the contract holds", file=sys.stderr)


def _lock(args: argparse.Namespace) -> None:
    from kfp_workbench.images import locking

    locking.lock(upgrade=args.upgrade)


def _wheels(args: argparse.Namespace) -> None:
    from kfp_workbench.local import wheels
    from kfp_workbench.setup import sources

    os.environ.pop(sources.WHEELS, None)  # the folder is filled, not installed from
    wheels.fill(args.folder)


def _doctor(args: argparse.Namespace) -> None:
    from kfp_workbench.doctor import examining

    examining.report(examining.examine(_settings(args.env)))


def _step(args: argparse.Namespace) -> None:
    from kfp_workbench.project import names, steps
    from kfp_workbench.scaffold import adding

    settings = project.load()
    if not args.name:
        raise WorkbenchError("NAME= is missing: make step NAME=scale", 2)
    name = names.normalise_step(args.name)
    image = f"{settings.registry}/{steps.Step(name, ROOT).image_name}"
    adding.add_step(ROOT, name, image=image, base_image=settings.base_image)
    print(
        f"steps/{name}: made from templates/step/: your code goes into its main.py", file=sys.stderr
    )
    by_hand = adding.wire_step(ROOT, settings.name, name)
    if by_hand:
        print(f"pipeline.py: {by_hand}", file=sys.stderr)
    else:
        print("pipeline.py: added at the end of the chain", file=sys.stderr)
        try:
            _compile(args)
            _graph(args)
        except (
            WorkbenchError
        ) as error:  # of a template of the team's own: the step is made all the same
            print(f"docs/: not drawn again: {error}", file=sys.stderr)


def _local(args: argparse.Namespace) -> dict[str, object]:
    from kfp_workbench.local import record, running
    from kfp_workbench.project import environments
    from kfp_workbench.project.secrecy import Mask

    package = _package()
    cache = os.environ.get("CACHE", "")
    if cache not in ("", "0", "1"):
        raise WorkbenchError(f"CACHE={cache!r}: write CACHE=1, or leave it away", 2)
    given = environments.read(package, _params_file(args.env), args.parameters, submitting=False)
    mask = Mask(given.secrets)
    with mask.errors():
        prepared = running.prepare(
            package, given.parameters, project.load(), args.runner, mask=mask, cache=cache == "1"
        )
        threading.Thread(target=_prepare_report, daemon=True).start()  # while steps run
        try:
            outputs = prepared.run()
        finally:
            if (prepared.folder / record.FILE).exists():
                args.closing.append(_written(prepared.folder))
    shown: dict[str, object] = mask.result(outputs)
    if shown != outputs:
        print("note: the result holds a secret parameter: it is shown as ***", file=sys.stderr)
    return shown


def _prepare_report() -> None:
    from kfp_workbench import report

    with contextlib.suppress(Exception):  # it is told when the report is written
        report.prepare()


def _written(folder: Path) -> str:
    """Write the report of a run and return where it is; without one, why."""
    from kfp_workbench import report

    try:
        return report.write(ROOT, folder)
    except Exception as error:  # the run's own result must not depend on it
        return f"note: no report was written ({type(error).__name__}: {error})"


def _report(args: argparse.Namespace) -> None:
    from kfp_workbench import report
    from kfp_workbench.local import record

    folder = record.latest(ROOT)
    if args.run:
        folder = folder.with_name(Path(args.run).name)
    args.closing.append(report.write(ROOT, folder))


def _run(args: argparse.Namespace) -> dict[str, object]:
    import uuid
    from datetime import datetime, timezone

    from kfp_workbench.cluster import adapting, runs, waiting
    from kfp_workbench.cluster.adapting import Source
    from kfp_workbench.local import progress
    from kfp_workbench.project import environments, params, steps
    from kfp_workbench.project.secrecy import Mask

    package = _package()
    given = environments.read(package, _params_file(args.env), args.parameters, submitting=True)
    params.check_size(given.parameters)
    settings = project.load(overrides=given.settings)
    _check_package(package, settings)
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    names = {
        "experiment": args.experiment or settings.kfp_experiment,
        "run_name": args.name or f"{settings.name} {now} {uuid.uuid4().hex[:6]}",
        "experiment_description": args.experiment_description
        or settings.kfp_experiment_description,
    }
    runs.check_names(**names)
    options = _wait_options(args)
    cached = settings.kfp_caching if args.caching is None else args.caching
    places = progress.places(steps.read_yaml(package)) if options else []
    mask = Mask(given.secrets)
    with mask.errors():
        server = _connect(settings)
        with adapting.adapted(Source(package, settings), cached, server) as copy:
            submission = runs.submit(
                server,
                copy,
                given.parameters,
                **names,
                service_account=settings.kfp_service_account,
                name_is_new=not args.name,
                hold=args.signals.hold,
            )
    if options is None:
        return _told(args, submission._asdict(), f"the run goes on: {submission.url}")
    answer, problem = waiting.wait(server, submission, places, options, args.signals, mask)
    if problem:  # the run's ids and its state are printed however it ends
        _print(args, answer)
        raise problem
    return answer


def _told(args: argparse.Namespace, answer: dict[str, object], state: str) -> dict[str, object]:
    """Return an answer; after an interrupt that was held back, print it and say what is there."""
    if not args.signals.is_pending:
        return answer
    _print(args, answer)
    raise WorkbenchError(f"interrupted; {state}", INTERRUPTED)


def _print(args: argparse.Namespace, answer: dict[str, object]) -> None:
    print(json.dumps(answer, sort_keys=True), file=args.stdout, flush=True)


def _wait_options(args: argparse.Namespace) -> "Options | None":
    """Return how to wait, or None when nobody does; raises WorkbenchError (2) for what is no way."""
    from kfp_workbench.cluster import waiting

    wait, timeout = os.environ.get("WAIT", ""), os.environ.get("TIMEOUT", "")
    if wait not in ("", "0", "1"):
        raise WorkbenchError(f"WAIT={wait!r}: write WAIT=1, or leave it away", 2)
    if not args.wait and wait != "1":
        if args.timeout is not None or args.on_interrupt is not None:
            raise WorkbenchError(
                "--timeout and --on-interrupt are for a wait: add --wait or WAIT=1", 2
            )
        if timeout:
            print("note: TIMEOUT is not used: it is for WAIT=1", file=sys.stderr)
        return None
    source = "TIMEOUT" if args.timeout is None else "--timeout"
    given = timeout if args.timeout is None else args.timeout
    limit = None if (source, given) == ("TIMEOUT", "") else waiting.seconds(given, source)
    return waiting.Options(limit, args.on_interrupt or "ask")


def _upload(args: argparse.Namespace) -> dict[str, object]:
    from kfp_workbench import git
    from kfp_workbench.cluster import adapting, pipelines
    from kfp_workbench.cluster.adapting import Source

    package, settings = _package(), _settings(args.env)
    _check_package(package, settings)
    server = _connect(settings)
    with adapting.adapted(Source(package, settings), settings.kfp_caching, server) as copy:
        upload = pipelines.upload(
            server,
            copy,
            name=settings.name,
            description=settings.description,
            revision=git.revision(ROOT, "."),
            set_default=args.set_default,
            hold=args.signals.hold,
        )
    news = "uploaded as" if upload.created else "nothing to upload: it is there, as"
    print(f"{news} version {upload.version} of {settings.name}", file=sys.stderr)
    state = f"version {upload.version} of {settings.name} is there: {upload.url}"
    return _told(args, upload._asdict(), state)


def _schedule(args: argparse.Namespace) -> dict[str, object]:
    from kfp_workbench.cluster import scheduling

    apply = scheduling.is_applied()
    if args.env is not None:
        _params_file(args.env)
    package = _package()
    request = scheduling.read_request(package, args.env, _settings)
    if request.wanted:
        try:
            _check_package(package, request.settings)
        except WorkbenchError as error:
            if apply:
                raise
            print(f"note: APPLY=1 would be refused: {error}", file=sys.stderr)
    return scheduling.schedule(_connect(request.settings), request, apply=apply)


def _connect(settings: project.Settings) -> "Server":
    from kfp_workbench.cluster import server, signin

    host, ca = settings.kfp_host, settings.kfp_ca
    signed = signin.credentials(host, os.environ, ca)
    return server.connect(host, settings.kfp_namespace, signed, ca)


def _check_package(package: Path, settings: project.Settings) -> None:
    """Refuse to submit what the server would refuse, or another image than is meant."""
    from kfp_workbench.cluster import submission

    submission.check(package)
    _check_pinned(package, settings)


def _check_pinned(package: Path, settings: project.Settings) -> None:
    """Refuse to submit images that are not the ones that were pushed from this content."""
    from kfp_workbench.images import pushed
    from kfp_workbench.project import steps

    used = steps.used_images(package)
    lines = pushed.missing(used, settings) + pushed.outdated(used, settings)
    if os.environ.get("ALLOW_UNPINNED") != "1":
        lines += [line for line in pushed.unpinned(used, settings) if line not in lines]
    if len(lines) > 1:
        print("\n".join(lines), file=sys.stderr)
    if lines:
        raise WorkbenchError(
            lines[0] if len(lines) == 1 else f"{PACKAGE}: {len(lines)} images do not fit, see above"
        )


def _package() -> Path:
    package = ROOT / PACKAGE
    if not package.exists():
        raise WorkbenchError(f"{PACKAGE} is not there: make compile", 2)
    return package


def _settings(env: str) -> project.Settings:
    """Return the settings of an environment."""
    from kfp_workbench.project import environments

    return project.load(overrides=environments.read_settings(_params_file(env)))


def _params_file(env: str) -> Path:
    if not env.replace("-", "").replace("_", "").isalnum():
        raise WorkbenchError(f"ENV={env!r}: use letters, digits, dashes and underscores", 2)
    return ROOT / "params" / f"{env}.yaml"


if __name__ == "__main__":
    sys.exit(main())
