"""``make run``: a run of the compiled pipeline on the cluster, followed if that is wanted."""

import argparse
import os
import sys
import uuid
from datetime import datetime, timezone

from kfp_workbench.cluster import adapting, runs, waiting
from kfp_workbench.cluster.adapting import Source
from kfp_workbench.cluster.waiting import Options
from kfp_workbench.commands import answers, given, submitting
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.local import progress
from kfp_workbench.project import environments, params, settings, steps
from kfp_workbench.project.secrecy import Mask
from kfp_workbench.project.settings import Settings


def run(args: argparse.Namespace) -> dict[str, object]:
    """Start a run, and return its ids; with a wait, also how it ended."""
    package = given.package()
    file = given.params_file(args.env)
    values = environments.read(package, file, args.parameters, submitting=True)
    params.check_size(values.parameters)
    project = settings.load(overrides=values.settings)
    submitting.check(package, project, values.parameters)
    names = _names(args, project)
    runs.check_names(**names)
    options = _wait_options(args)
    cached = project.kfp_caching if args.caching is None else args.caching
    places = progress.places(steps.read_documents(package)[0]) if options else []
    mask = Mask(values.secrets)
    with mask.errors():
        server = submitting.connect(project)
        with adapting.adapted(Source(package, project), cached, server) as copy:
            submission = runs.submit(
                server,
                copy,
                values.parameters,
                **names,
                service_account=project.kfp_service_account,
                name_is_new=not args.name,
                hold=args.signals.hold,
            )
    if options is None:
        return answers.told(args, submission._asdict(), f"the run goes on: {submission.url}")
    answer, problem = waiting.wait(server, submission, places, options, args.signals, mask)
    if problem:  # the run's ids and its state are printed however it ends
        answers.write(args, answer)
        raise problem
    return answer


def _names(args: argparse.Namespace, project: Settings) -> dict[str, str]:
    """Return what the run and its experiment are called."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    return {
        "experiment": args.experiment or project.kfp_experiment,
        "run_name": args.name or f"{project.name} {now} {uuid.uuid4().hex[:6]}",
        "experiment_description": args.experiment_description or project.kfp_experiment_description,
    }


def _wait_options(args: argparse.Namespace) -> Options | None:
    """Return how to wait, or None when nobody does; raises WorkbenchError (2) for what is no way."""
    timeout = os.environ.get("TIMEOUT", "")
    if not given.switch("WAIT") and not args.wait:
        if args.timeout is not None or args.on_interrupt is not None:
            raise WorkbenchError(
                "--timeout and --on-interrupt are for a wait: add --wait or WAIT=1", 2
            )
        if timeout:
            print("note: TIMEOUT is not used: it is for WAIT=1", file=sys.stderr)
        return None
    source = "TIMEOUT" if args.timeout is None else "--timeout"
    limit = timeout if args.timeout is None else args.timeout
    seconds = None if (source, limit) == ("TIMEOUT", "") else waiting.seconds(limit, source)
    return Options(seconds, args.on_interrupt or "ask")
