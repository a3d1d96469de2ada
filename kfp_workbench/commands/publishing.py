"""``make upload`` and ``make schedule``: what a server keeps of the pipeline."""

import argparse
import sys

from kfp_workbench import git
from kfp_workbench.cluster import adapting, pipelines, scheduling, submission
from kfp_workbench.cluster.adapting import Source
from kfp_workbench.commands import answers, given, submitting
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.settings import ROOT
from kfp_workbench.project.steps import read_documents


def upload(args: argparse.Namespace) -> dict[str, object]:
    """Upload the compiled pipeline as a version, and return its ids."""
    package, settings = given.package(), given.settings_of(args.env)
    submitting.check(package, settings)
    server = submitting.connect(settings)
    info = read_documents(package)[0]["pipelineInfo"]
    with adapting.adapted(Source(package, settings), settings.kfp_caching, server) as copy:
        uploaded = pipelines.upload(
            server,
            copy,
            name=settings.name,
            description=info.get("description", ""),
            revision=git.revision(ROOT, "."),
            set_default=args.set_default,
            hold=args.signals.hold,
        )
    news = "uploaded as" if uploaded.created else "nothing to upload: it is there, as"
    print(f"{news} version {uploaded.version} of {settings.name}", file=sys.stderr)
    state = f"version {uploaded.version} of {settings.name} is there: {uploaded.url}"
    return answers.told(args, uploaded._asdict(), state)


def schedule(args: argparse.Namespace) -> dict[str, object]:
    """Hold ``schedules.yaml`` against the server, and return what there is to do or was done."""
    apply = given.switch("APPLY")
    if args.env is not None:
        given.params_file(args.env)
    package = given.package()
    request = scheduling.read_request(package, args.env, given.settings_of)
    if request.wanted:
        try:
            submitting.check(package, request.settings)
            for wanted in request.wanted:
                submission.check_imports(package, wanted.parameters)
        except WorkbenchError as error:
            if apply:
                raise
            print(f"note: APPLY=1 would be refused: {error}", file=sys.stderr)
    return scheduling.schedule(submitting.connect(request.settings), request, apply=apply)
